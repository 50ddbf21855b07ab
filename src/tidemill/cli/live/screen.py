"""A run on a screen that is drawn over some times a second, in a thread of its own; one line for each node.

When there are more nodes than lines, what runs and what failed is shown before what is done or waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from tidemill.actions.wording import approve_command, question_of
from tidemill.cli import looks
from tidemill.cli.live.board import Board, Row
from tidemill.cli.output import Out
from tidemill.core.history import RunRecord, TaskRecord
from tidemill.core.states import TaskState
from tidemill.engine.moves import Move

REDRAWS = 8
"""Per second."""

_URGENT = {
    TaskState.FAILED: 0,
    TaskState.RUNNING: 1,
    TaskState.RETRYING: 1,
    TaskState.SUSPENDED: 1,
    TaskState.READY: 2,
    TaskState.CANCELLED: 3,
    TaskState.UPSTREAM_FAILED: 3,
    TaskState.SUCCEEDED: 4,
    TaskState.PENDING: 5,
    TaskState.SKIPPED: 6,
}

ASKED = 3
"""Questions that are shown with the command that answers them."""

Tail = Callable[[str], str]
"""The last line that an attempt printed, or ""."""


class Screen:
    """Use as a context manager; `watch` is for the engine. The last picture stays."""

    def __init__(self, out: Out, board: Board, tail: Tail, now: Callable[[], datetime] | None = None) -> None:
        self._out = out
        self._board = board
        self._tail = tail
        self._now = now or (lambda: datetime.now(UTC))
        self._began = self._now()
        self._note = ""
        self._over = False
        self._spinner = Spinner("dots")
        self._live = Live(self, console=out.console, refresh_per_second=REDRAWS, transient=False, auto_refresh=True)

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._live.stop()

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None:
        self._board.take(run, moves)

    def settle(self, run: RunRecord, rows: Sequence[TaskRecord]) -> None:
        self._board.settle(run, rows)

    def note(self, at: datetime, text: str) -> None:
        """A line below the picture, until the next one."""
        self._note = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = self._board.rows()
        asking = [] if self._over else self._board.asking()
        room = max((options.height or console.height) - 4 - 2 * min(len(asking), ASKED), 5)
        shown = fitting(rows, room)
        width = options.max_width
        names = min(max((2 * row.depth + len(row.name) for row in shown), default=0), width // 3)
        yield self._head(rows)
        for row in shown:
            yield self._line(row, names, width)
        if len(shown) < len(rows):
            yield Text(self._out.safe(f"  … {_rest(rows, shown)}"), style="dim")
        yield from self._questions(asking, width)
        note = "" if self._over else self._board.paused or self._note
        if note:
            yield Text(self._out.safe(looks.cut(note, width)), style="yellow")

    def _questions(self, asking: Sequence[TaskRecord], width: int) -> Iterator[Text]:
        for record in asking[:ASKED]:
            question = f"{record.path.rpartition('/')[2]} asks: {question_of(record)}"
            yield Text(self._out.safe(looks.cut(question, width)), style=looks.style(TaskState.SUSPENDED))
            # Whole, whatever its length: it is there to be copied.
            yield Text(self._out.safe(f"  {approve_command(record)}"), style="bold")
        if len(asking) > ASKED:
            yield Text(self._out.safe(f"  … and {len(asking) - ASKED} more wait for approval"), style="dim")

    def _head(self, rows: Sequence[Row]) -> Text:
        run = self._board.run
        state = run.state.value if run is not None else "queued"
        since = run.started_at if run is not None and run.started_at is not None else self._began
        until = run.ended_at if run is not None and run.ended_at is not None else self._now()
        name = f"{run.pipeline}  run {run.id}" if run is not None else "starting"
        parts: list[str | tuple[str, str]] = [(name, "bold"), "  ", (looks.word(state), looks.style(state))]
        return self._out.text(*parts, f"  {looks.duration(looks.between(since, until))}")

    def _line(self, row: Row, names: int, width: int) -> Text:
        indent = "  " * row.depth
        label = indent + looks.cut(row.name, max(names - len(indent), 4))
        line = Text(no_wrap=True, overflow="ellipsis")
        if row.state is TaskState.RUNNING and row.running and not self._over:
            spun = self._spinner.render(self._live.console.get_time())
            line.append_text(spun if isinstance(spun, Text) else Text("*"))
        else:
            line.append(self._out.safe(looks.mark(row.state)))
        line.stylize(looks.style(row.state))
        dimmed = "dim" if row.state in (TaskState.SKIPPED, TaskState.PENDING) else ""
        line.append(f" {self._out.safe(label).ljust(names)}", style=dimmed)
        if row.total is not None:
            line.append(f"  {looks.bar(row.done, row.total)} {row.done}/{row.total}")
        line.append(f"  {self._said(row)}", style=looks.style(row.state))
        rest = width - line.cell_len - 2
        aside = self._aside(row)
        if aside and rest > 8:
            line.append("  " + self._out.safe(looks.cut(aside, rest)), style="dim")
        return line

    def _said(self, row: Row) -> str:
        now = self._now()
        match row.state:
            case TaskState.RUNNING if row.out is not None:
                again = f" try {row.out.number}" if row.out.number > 1 else ""
                many = f" {row.running} at once" if row.running > 1 else ""
                return f"running{again}{many} {looks.duration(looks.between(row.out.since, now))}"
            case TaskState.SUCCEEDED | TaskState.FAILED if row.ended_at is not None:
                took = looks.duration(looks.between(row.started_at, row.ended_at))
                return f"{looks.word(row.state)} {took}".rstrip()
            case state:
                return looks.word(state)

    def _aside(self, row: Row) -> str:
        counts = dict(row.counts)
        failed = counts.get(TaskState.FAILED, 0)
        said = []
        if row.total is not None and failed:
            said.append(f"{failed} failed")
        if row.reused:
            said.append("reused" if row.total is None else f"{row.reused} reused")
        if row.state is TaskState.RUNNING and row.out is not None and row.running == 1:
            said.append(looks.last_shown(self._tail(row.out.attempt)))
        elif row.cause is not None and row.state is not TaskState.SUCCEEDED:
            said.append(row.cause.message)
        return "; ".join(part for part in said if part)


def fitting(rows: Sequence[Row], room: int) -> list[Row]:
    """As many rows as there is room for, the most urgent ones with the scopes around them, in their order."""
    if len(rows) <= room:
        return list(rows)
    chosen: set[str] = set()
    known = {row.path for row in rows}
    # Of what is done the newest, of what waits the next: both are nearest to what runs now.
    order = sorted(range(len(rows)), key=lambda n: (_URGENT.get(rows[n].state, 7), _age(rows[n]), n))
    for position in order:
        path = rows[position].path
        parts = path.split("/")
        needed = {"/".join(parts[: n + 1]) for n in range(len(parts))} & known
        if len(chosen | needed) <= room - 1:
            chosen |= needed
    return [row for row in rows if row.path in chosen]


def _age(row: Row) -> float:
    return -row.ended_at.timestamp() if row.state is TaskState.SUCCEEDED and row.ended_at is not None else 0.0


def _rest(rows: Sequence[Row], shown: Sequence[Row]) -> str:
    seen = {row.path for row in shown}
    counts: dict[str, int] = {}
    for row in rows:
        if row.path not in seen:
            counts[looks.word(row.state)] = counts.get(looks.word(row.state), 0) + 1
    return "and " + ", ".join(f"{number} {state}" for state, number in counts.items())
