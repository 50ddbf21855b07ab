"""Carrying a run to its end in front of somebody: the view of it, Ctrl-C, the summary, the exit code."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Protocol

from tidemill.actions.logs import last_line
from tidemill.actions.runs import Running, cancel_run
from tidemill.actions.show import rows_of, show_run
from tidemill.actions.wording import question_of
from tidemill.app import App
from tidemill.cli.live.lines import Lines, told_of
from tidemill.cli.live.summary import summarize
from tidemill.cli.main import CANCELLED
from tidemill.cli.mirrored import mirror_after
from tidemill.cli.output import Out
from tidemill.core.errors import Unfinished
from tidemill.core.graph import Pipeline
from tidemill.core.history import RunRecord, TaskRecord
from tidemill.core.states import RunState
from tidemill.engine.loop import Watcher
from tidemill.engine.moves import Move

FAILED = 1

Begun = Callable[[Running], None]

_PAUSED = "the run is cancelled once that has passed; press Ctrl-C again to leave it as it is"
_ASKED = {
    1: "cancelling: tasks are asked to stop; press Ctrl-C again to stop teardowns too",
    2: "cancelling: teardowns are stopped too; press Ctrl-C once more to leave at once",
}


def carry(
    out: Out,
    app: App,
    pipeline: Pipeline,
    act: Callable[[Watcher, Begun], RunRecord],
    rows: Iterable[TaskRecord] = (),
    debug: bool = False,
    inline: bool = False,
) -> int:
    """Do `act`, which carries a run, and show it; then the summary or the document. The exit code.

    `rows` are what was recorded of the run before. With `debug` the terminal is left to the tasks; `inline` says that
    they run in this thread, so that an interruption has to reach into them.
    """
    run = watched(out, app, pipeline, act, rows, debug, inline)
    view = show_run(app, run.id)
    if out.wants_json:
        from tidemill.actions.documents import run_document

        out.document(run_document(view))
    else:
        summarize(out, app, view)
    mirror_after(app, [run.id])
    return exit_code(run)


def watched(
    out: Out,
    app: App,
    pipeline: Pipeline,
    act: Callable[[Watcher, Begun], RunRecord],
    rows: Iterable[TaskRecord] = (),
    debug: bool = False,
    inline: bool = False,
    view: View | None = None,
) -> RunRecord:
    """Do `act` as `carry` does, and leave it to the caller to tell what came of it. `view`: in place of the usual."""
    running: list[Running] = []
    # What inline tasks print must not get into a document.
    aside = contextlib.redirect_stdout(sys.stderr) if out.wants_json else contextlib.nullcontext()
    shown = contextlib.nullcontext(view) if view else _view(out, app, pipeline, rows, debug, inline)
    with shown as view, signals(view.note, running, inline), aside:
        try:
            return act(view.watch, running.append)
        except Unfinished as left:
            raise (_left(running[0], left.message) if running else left) from None
        except KeyboardInterrupt:
            if not running:
                raise
            if running[0].engine.paused:
                raise _left(running[0], f"left while it was paused: {running[0].engine.paused}") from None
            # The engine is closed, and its processes with it; what is left is to record that the run is over.
            run = cancel_run(app, running[0].run, "interrupted")
            view.settle(run, rows_of(app, run))
            return run


def _left(running: Running, why: str) -> Unfinished:
    return Unfinished(
        why,
        place=f"run {running.run}",
        remedy=f"it is as it was recorded; `tidemill resume {running.run}` goes on with it, "
        f"`tidemill cancel {running.run}` ends it",
    )


def exit_code(run: RunRecord) -> int:
    """0 succeeded, 1 failed, 4 cancelled."""
    return {RunState.SUCCEEDED: 0, RunState.CANCELLED: CANCELLED}.get(run.state, FAILED)


class View(Protocol):
    """What shows a run while it goes on."""

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None: ...

    def settle(self, run: RunRecord, rows: Sequence[TaskRecord]) -> None:
        """How it stands in the end, where `watch` was not told."""
        ...

    def note(self, at: datetime, text: str) -> None: ...


class Silence:
    """The view of a run whose document is all that is wanted."""

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None: ...

    def settle(self, run: RunRecord, rows: Sequence[TaskRecord]) -> None: ...

    def note(self, at: datetime, text: str) -> None: ...


@contextmanager
def _view(
    out: Out, app: App, pipeline: Pipeline, rows: Iterable[TaskRecord], debug: bool, inline: bool
) -> Iterator[View]:
    if out.wants_json:
        yield Silence()
        return
    if not out.live or debug:
        with Lines(out, inline) as lines:
            for record in rows:
                if question_of(record):
                    lines.note(datetime.now(UTC), told_of(record))
            yield lines
        return
    # What draws is not loaded for a file or a pipe.
    from tidemill.cli.live.board import Board
    from tidemill.cli.live.screen import Screen

    board = Board(pipeline, rows)

    def tail(attempt: str) -> str:
        return last_line(app, board.run.id, attempt) if board.run is not None else ""

    with Screen(out, board, tail) as screen:
        yield screen


@contextmanager
def signals(note: Callable[[datetime, str], None], running: list[Running], inline: bool) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask the run to stop, a second one harder, a third one leaves at once.

    While nothing can be recorded the first one says so, and the second one leaves.
    """

    def asked(number: int, frame: FrameType | None) -> None:
        if not running:
            raise KeyboardInterrupt
        one = running[0]
        # Nothing of an inline run is in this thread while it is paused.
        if (one.asked and one.engine.paused) or one.asked >= len(_ASKED) or (inline and not one.engine.paused):
            raise KeyboardInterrupt
        one.cancel()
        said = f"{one.engine.paused}; {_PAUSED}" if one.engine.paused else _ASKED[one.asked]
        note(datetime.now(UTC), said)

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
