"""SIGTERM as a cancellation of the task: it interrupts user code once, never a message that is half sent.

Knows nothing of tickets or reports.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """Raised in the task's main thread by SIGTERM, so that its `finally` blocks run."""


class Cancellation:
    """Whether this process was asked to end; `shield` puts the interruption off until it is left."""

    def __init__(self) -> None:
        self.requested = False
        self._shields = 0
        self._due = False

    def install(self) -> None:
        """Take over SIGTERM; in the main thread only."""
        signal.signal(signal.SIGTERM, self._on_signal)

    @contextmanager
    def shield(self) -> Iterator[None]:
        """No interruption inside; one that came meanwhile is raised at the end."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        self._raise_if_due()

    def silence(self) -> None:
        """From now on only remember the request: what is left to do is short and must not be torn."""
        self._shields += 1

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self.requested:
            self.requested = True
            self._due = True
            self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self._due and not self._shields:
            self._due = False
            raise Terminated("the task was asked to end (SIGTERM)")
