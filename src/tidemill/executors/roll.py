"""The attempts that an executor has, from ticket to settlement: who is there, what is due next, how each ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tidemill.core.records import Message
from tidemill.executors.attempts import NEVER, Attempt
from tidemill.executors.begun import Begun
from tidemill.executors.endings import Exit, ending, never_started
from tidemill.executors.limits_watch import LimitsWatch
from tidemill.storage.artifacts.files import remove
from tidemill.worker.context import scratch_folder


class Roll:
    """`inbox` hears the one message that ends each attempt. `begun` tells others which of them had begun."""

    def __init__(self, inbox: Callable[[Message], None], scratch: Path | None, begun: Begun) -> None:
        self.tell = inbox
        self.begun = begun
        self.watch = LimitsWatch()
        self._scratch = scratch
        self._attempts: dict[str, Attempt] = {}

    def __iter__(self) -> Iterator[Attempt]:
        return iter(tuple(self._attempts.values()))

    def __bool__(self) -> bool:
        return bool(self._attempts)

    def get(self, attempt_id: str) -> Attempt | None:
        return self._attempts.get(attempt_id)

    def add(self, attempt: Attempt) -> None:
        self._attempts[attempt.id] = attempt
        self.begun.wait(attempt.id)

    def due(self) -> float:
        """When something about one of them is due next."""
        look = self.watch.due()
        first = min((attempt.due for attempt in self._attempts.values()), default=NEVER)
        return first if look is None else min(first, look)

    def overdue(self, now: float) -> list[Attempt]:
        return [attempt for attempt in self._attempts.values() if now >= attempt.due]

    def settle(self, attempt: Attempt, end: Exit | None) -> None:
        """Say how it ended, from all that was seen of it; without `end` its process is only about to go."""
        if self._attempts.pop(attempt.id, None) is None:
            return
        self.watch.drop(attempt.id)
        attempt.exit = end
        if end is not None and self._scratch is not None:
            # Of a task that could not remove it itself.
            remove(scratch_folder(self._scratch, attempt.id))
        self.begun.over(attempt.id)
        self.tell(ending(attempt.seen()))

    def gone(self, attempt: Attempt, why: str) -> None:
        """No process could be found for it."""
        if self._attempts.pop(attempt.id, None) is not None:
            self.begun.over(attempt.id)
            self.tell(never_started(attempt.id, why))

    def clear(self) -> list[Attempt]:
        """Forget all of them; who they were."""
        left = list(self._attempts.values())
        self._attempts.clear()
        return left
