"""The clock of tests: its calendar stands still until something is due, its liveness is real."""

from __future__ import annotations

import time

from tidemill.core.clock import VirtualClock


class LeapingClock(VirtualClock):
    """A virtual calendar and real monotonic time, so that leases, sweeps and graces work as they always do."""

    def monotonic(self) -> float:
        return time.monotonic()
