"""Two kinds of time, kept apart: calendar time (may be virtual) and monotonic time (liveness, always real).

This module defines what a clock offers and the virtual one; the clock of the machine is an adapter outside the core.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Calendar time in UTC, and monotonic seconds from an arbitrary start."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...


class VirtualClock:
    """A clock that moves only when told; its monotonic time moves along."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both times forward by `seconds` >= 0."""
        if seconds < 0:
            raise ValueError("a virtual clock does not run backwards; use set_calendar to jump the calendar alone")
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def advance_to(self, moment: datetime) -> None:
        """Move forward to `moment`; does nothing if it is already past."""
        if moment > self._now:
            self.advance((moment - self._now).total_seconds())

    def set_calendar(self, moment: datetime) -> None:
        """Jump the calendar, backwards too, and leave monotonic time alone: what an administrator or NTP may do."""
        self._now = moment
