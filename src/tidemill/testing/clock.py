"""The clock of tests: its calendar stands still until something is due, its liveness is real."""

from __future__ import annotations

import time
from datetime import timedelta

from tidemill.core.clock import VirtualClock
from tidemill.core.durations import as_duration


class LeapingClock(VirtualClock):
    """A virtual calendar and real monotonic time, so that leases, sweeps and graces work as they always do."""

    def monotonic(self) -> float:
        return time.monotonic()

    def advance(self, by: float | timedelta | str) -> None:
        """Move the calendar forward, by seconds or such as "1 day". Raises ValueError for what is no duration >= 0."""
        super().advance(as_duration(by).total_seconds())
