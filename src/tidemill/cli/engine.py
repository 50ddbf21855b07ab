"""`tidemill engine`: carries whatever runs nobody carries, until it is told to end."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType

import click

from tidemill.actions.serving import Found, Serving, serve
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened
from tidemill.cli.live.lines import Lines
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.errors import Unfinished
from tidemill.core.history import RunRecord
from tidemill.core.states import RunState
from tidemill.engine.moves import Move, Noted, RunMoved


@click.command(
    epilog=examples(
        "tidemill engine",
        "tidemill engine --slots 8",
        "tidemill engine --once      # what is waiting now, and then the end",
    )
)
@click.option(
    "--slots",
    type=click.IntRange(1),
    default=None,
    metavar="N",
    help="How many tasks run at once, in place of `slots`.",
)
@click.option("--once", is_flag=True, help="Carry what is there to be taken, and end when nothing is left.")
@json_option
@click.pass_obj
def engine(given: Globals, slots: int | None, once: bool, wants_json: bool) -> None:
    """Carry runs: those that were submitted with `run --detach`, and those whose engine is gone.

    Several engines may share one database. Ctrl-C or SIGTERM lets go of the runs, so that others take them at once.
    """
    out = Out(given, wants_json)
    with opened(given) as app, Lines(out) as lines:
        log = Log(lines, wants_json)
        with _signals(log):
            try:
                serve(app, slots=slots or 0, once=once, watch=log.watch, tell=log.tell, begun=log.begun)
            except KeyboardInterrupt:
                raise Unfinished(
                    "left at once: what was under way is tried again",
                    remedy="`tidemill engine` goes on with it, here or elsewhere",
                ) from None
        log.note("ended")
    if wants_json:
        out.document(log.document)


class Log:
    """What an engine that serves says of its work, and what it comes to."""

    def __init__(self, lines: Lines, silent: bool) -> None:
        self._lines = lines
        self._silent = silent
        self._serving: Serving | None = None
        self._found: dict[str, Found] = {}
        self._ended: dict[str, RunState] = {}

    def note(self, text: str) -> None:
        if not self._silent:
            self._lines.note(datetime.now(UTC), text)

    def begun(self, serving: Serving) -> None:
        self._serving = serving
        self.note(f"engine {serving.owner} carries {serving.slots} task{'' if serving.slots == 1 else 's'} at once")

    def tell(self, found: Found, run: str, why: str) -> None:
        if run:
            self._found[run] = found
        match found:
            case Found.TAKEN:
                self.note(f"run {run} taken")
            case Found.INHERITED:
                self.note(f"run {run} taken over: its engine on {why} is gone")
            case Found.PASSED_OVER:
                self.note(f"run {run} left to others: {why}")
            case Found.FAILED:
                self.note(f"run {run} failed: {why}")
            case Found.AWAY:
                self.note(f"paused: {why}")

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None:
        for move in moves:
            match move:
                case RunMoved(new=new, cause=cause) if new.final:
                    self._ended[run.id] = new
                    reason = f": {cause.message}" if cause is not None else ""
                    self.note(f"run {run.id} of {run.pipeline} {looks.word(new)}{reason}")
                case Noted(kind="run.paused", payload=payload):
                    self.note(f"paused: {payload.get('message', '')}")
                case Noted(kind="run.let-go", payload=payload):
                    self.note(f"run {run.id} let go: {payload.get('message', '')}")
                case _:
                    pass

    def asked(self) -> None:
        """Somebody wants it to end. Raises KeyboardInterrupt if that has been said before."""
        serving = self._serving
        if serving is None or serving.asked:
            raise KeyboardInterrupt
        serving.stop()
        if serving.engine.paused:
            self.note(
                f"{serving.engine.paused}; what was done is recorded once it is back, and then the engine ends; "
                "once more, and it leaves at once"
            )
            return
        number = serving.engine.holding
        self.note(f"ending: {number} run{'' if number == 1 else 's'} let go; once more, and it leaves at once")

    @property
    def document(self) -> dict[str, object]:
        runs = [
            {"run": run, "found": found.value, "state": self._ended[run].value if run in self._ended else None}
            for run, found in self._found.items()
        ]
        return {"engine": self._serving.owner if self._serving is not None else "", "runs": runs}


@contextmanager
def _signals(log: Log) -> Iterator[None]:
    def asked(number: int, frame: FrameType | None) -> None:
        log.asked()

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
