"""A run as one line that moves: how many of its tasks have ended. Without a screen, nothing but what must be said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.status import Status

from tidemill.cli import looks
from tidemill.cli.output import Out
from tidemill.core.history import RunRecord, TaskRecord
from tidemill.engine.moves import Move, TaskMoved


class Quiet:
    """Use as a context manager; `watch` is for the engine."""

    def __init__(self, out: Out, title: str) -> None:
        self._out = out
        self._title = title
        self._ended = 0
        self._status: Status | None = None

    def __enter__(self) -> Quiet:
        if self._out.live:
            self._status = self._out.console.status(self._title)
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None:
        self._ended += sum(isinstance(move, TaskMoved) and move.record.state.final for move in moves)
        if self._status is not None:
            self._status.update(f"{self._title}: {looks.plural(self._ended, 'task')} ended")

    def settle(self, run: RunRecord, rows: Sequence[TaskRecord]) -> None: ...

    def note(self, at: datetime, text: str) -> None:
        self._out.say(text)
