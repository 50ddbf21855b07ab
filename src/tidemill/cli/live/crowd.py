"""Many runs of one sweep while they go on: as lines, one for each change, or on a screen that is drawn over.

The engine's thread only changes a few fields; who draws reads them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from tidemill.actions.sweep import swept_text
from tidemill.actions.sweep_runs import Member, Stand
from tidemill.actions.wording import approve_command, question_of
from tidemill.cli import looks
from tidemill.cli.live.lines import Lines
from tidemill.cli.output import Out
from tidemill.core.history import RunRecord, TaskKind
from tidemill.engine.moves import Move, Noted, TaskMoved

REDRAWS = 4
"""Per second."""

_URGENT = {Stand.FAILED: 0, Stand.LEFT: 0, Stand.RUNNING: 1, Stand.ELSEWHERE: 2, Stand.CANCELLED: 3, Stand.SUCCEEDED: 4}
_LOOKS = {Stand.WAITING: "queued", Stand.ELSEWHERE: "running", Stand.LEFT: "failed"}


class CrowdView(Protocol):
    """What shows a sweep while it goes on. Use as a context manager."""

    def tell(self, member: Member) -> None: ...

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None: ...

    def note(self, at: datetime, text: str) -> None: ...


class SilentCrowd:
    """The view of a sweep whose document is all that is wanted."""

    def tell(self, member: Member) -> None: ...

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None: ...

    def note(self, at: datetime, text: str) -> None: ...


class CrowdLines:
    """A line for each change of a combination."""

    def __init__(self, out: Out, total: int, inline: bool = False) -> None:
        self._lines = Lines(out, inline)
        self._total = total

    def __enter__(self) -> CrowdLines:
        self._lines.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.__exit__()

    def tell(self, member: Member) -> None:
        self._lines.note(datetime.now(UTC), f"{label(member, self._total)}: {said(member)}")

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None:
        for text in notable(moves):
            self._lines.note(datetime.now(UTC), text)

    def note(self, at: datetime, text: str) -> None:
        self._lines.note(at, text)


@dataclass(slots=True)
class _Row:
    done: int = 0
    busy: str = ""


class CrowdScreen:
    """A line for each combination, those that matter most where there is no room for all. The last picture stays."""

    def __init__(
        self,
        out: Out,
        title: str,
        members: Sequence[Member],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._out = out
        self._title = title
        self._members = members
        self._rows: dict[str, _Row] = {}
        self._lock = threading.Lock()
        self._now = now
        self._began = now()
        self._note = ""
        self._over = False
        self._live = Live(self, console=out.console, refresh_per_second=REDRAWS, transient=False, auto_refresh=True)

    def __enter__(self) -> CrowdScreen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._live.stop()

    def tell(self, member: Member) -> None:
        """What it tells is read from the member itself."""

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None:
        with self._lock:
            row = self._rows.setdefault(run.id, _Row())
            for move in moves:
                if isinstance(move, TaskMoved) and move.record.kind is TaskKind.LEAF:
                    if move.record.state.final:
                        row.done += 1
                    else:
                        row.busy = move.record.path.rpartition("/")[2]
        for text in notable(moves):
            self._note = text

    def note(self, at: datetime, text: str) -> None:
        """A line below the picture, until the next one."""
        self._note = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        room = max((options.height or console.height) - 4, 5)
        shown = fitting(self._members, room)
        total = len(self._members)
        names = min(max((len(label(one, total)) for one in shown), default=0), width // 2)
        yield self._head(width)
        with self._lock:
            for one in shown:
                yield self._line(one, names, width, total)
        if len(shown) < total:
            yield Text(self._out.safe(f"  … and {total - len(shown)} more"), style="dim")
        if self._note and not self._over:
            yield Text(self._out.safe(looks.cut(self._note, width)), style="yellow")

    def _head(self, width: int) -> Text:
        over = sum(one.stand.over for one in self._members)
        counts = counted(self._members)
        took = looks.duration(looks.between(self._began, self._now()))
        line = self._out.text(
            (self._title, "bold"), f"  {looks.bar(over, len(self._members), 10)} {over}/{len(self._members)}  "
        )
        line.append(self._out.safe(f"{counts}  {took}"))
        line.truncate(width, overflow="crop")
        return line

    def _line(self, member: Member, names: int, width: int, total: int) -> Text:
        word = _LOOKS.get(member.stand, member.stand.value)
        line = Text(no_wrap=True, overflow="crop")
        line.append(self._out.safe(looks.mark(word)), style=looks.style(word))
        name = label(member, total)
        line.append(f" {self._out.safe(name if len(name) <= names else looks.cut(name, names)).ljust(names)}")
        row = self._rows.get(member.run.id) if member.run is not None else None
        doing = ""
        if member.stand is Stand.RUNNING and row is not None:
            doing = f"  {looks.plural(row.done, 'task')} done" + (f", {row.busy}" if row.busy else "")
        line.append(f"  {self._out.safe(said(member))}", style=looks.style(word))
        line.append(self._out.safe(doing), style="dim")
        line.truncate(width, overflow="crop")
        return line


def notable(moves: Sequence[Move]) -> Iterator[str]:
    """What whoever watches has to know: questions with the command that answers, and what holds everything up."""
    for move in moves:
        match move:
            case TaskMoved(record=record) if question := question_of(record):
                yield f"run {record.run} asks: {question} ({approve_command(record)})"
            case Noted(kind="run.paused", payload=payload):
                yield f"paused: {payload.get('message', '')}"
            case Noted(kind="executor.note", payload=payload):
                yield f"note: {payload.get('text', '')}"
            case _:
                pass


def label(member: Member, total: int) -> str:
    """`3/6 depth=5 rate=0.1`."""
    number = str(member.combination.number).rjust(len(str(total)))
    return f"{number}/{total} {swept_text(member.combination.swept)}"


def said(member: Member) -> str:
    """How a combination stands, in a few words."""
    run = member.run
    name = f"run {run.id}" if run is not None else ""
    took = looks.duration(looks.between(run.started_at, run.ended_at)) if run is not None else ""
    cause = run.cause.message if run is not None and run.cause is not None else ""
    match member.stand:
        case Stand.WAITING:
            return "waiting"
        case Stand.RUNNING:
            return f"{name} running"
        case Stand.ELSEWHERE:
            return f"{name} is carried by another engine"
        case Stand.LEFT:
            return f"{name} cannot be carried on: {member.problem}"
        case Stand.SUCCEEDED if member.before:
            return f"{name} succeeded before"
        case Stand.SUCCEEDED:
            return f"{name} succeeded in {took}".removesuffix(" in ")
        case state:
            before = " before" if member.before else ""
            return f"{name} {state.value}{before}" + (f": {cause}" if cause else "")


def counted(members: Sequence[Member]) -> str:
    """`2 running, 3 succeeded`."""
    counts = Counter(one.stand for one in members)
    return ", ".join(f"{counts[stand]} {stand.value}" for stand in Stand if counts[stand])


def fitting(members: Sequence[Member], room: int) -> list[Member]:
    """As many as there is room for: what failed, what runs, then the newest that is done and the next that waits."""
    if len(members) <= room:
        return list(members)
    waiting = [one for one in members if one.stand is Stand.WAITING]
    soon = {one.combination.number for one in waiting[: max(room // 4, 1)]}

    def urgency(one: Member) -> tuple[float, float]:
        if one.stand is Stand.WAITING:
            return (3.5 if one.combination.number in soon else 9, one.combination.number)
        return _URGENT[one.stand], -one.combination.number

    chosen = sorted(members, key=urgency)[: room - 1]
    return sorted(chosen, key=lambda one: one.combination.number)
