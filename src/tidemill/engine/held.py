"""A run in the hands of this engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tidemill.core.history import RunRecord
from tidemill.core.wiring import Wiring
from tidemill.engine.progress import Progress


@dataclass(slots=True)
class Held:
    """`epoch` is that of the lease; `next_seq` numbers the next event; `now` is the time of the turn being written."""

    run: RunRecord
    wiring: Wiring
    progress: Progress
    epoch: int
    next_seq: int
    now: datetime

    def __post_init__(self) -> None:
        self.progress.epoch = self.epoch

    @property
    def team(self) -> str:
        return self.run.team
