"""Moments at which something of a held run is due; those of one moment come in an order that no take-over changes.

Entries are never taken back: what is not wanted any more when it fires is of no account to `decide`.
"""

from __future__ import annotations

import heapq
from datetime import datetime

from tidemill.core.instances import Key
from tidemill.engine.moves import SetTimer, TimerFired, TimerKind


class Timers:
    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str, Key, str]] = []

    def add(self, run: str, timer: SetTimer) -> None:
        heapq.heappush(self._heap, (timer.at, run, timer.key, timer.kind.value))

    @property
    def next(self) -> datetime | None:
        """When the first of them is due."""
        return self._heap[0][0] if self._heap else None

    def take(self, now: datetime) -> tuple[str, TimerFired] | None:
        """The first that is due by now, with its run; None if there is none."""
        if not self._heap or self._heap[0][0] > now:
            return None
        _, run, key, kind = heapq.heappop(self._heap)
        return run, TimerFired(key, TimerKind(kind))
