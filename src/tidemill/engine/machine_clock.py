"""The clock of this machine: the one adapter of `core.clock.Clock` that is real."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class MachineClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
