"""The machine that measures, and whether it has nothing else to do."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from bench.durability import file_system_of

IDLE = 0.7
"""Load average for each core above which a machine is not idle."""


@dataclass(frozen=True, slots=True)
class Machine:
    """`load` is the load average of the last minute, before anything was measured."""

    cores: int
    python: str
    system: str
    file_system: str
    load: float

    @property
    def idle(self) -> bool:
        return self.load <= IDLE * self.cores

    @property
    def in_one_line(self) -> str:
        return f"{self.cores} cores, Python {self.python}, {self.system}, {self.file_system}, load {self.load:.2f}" + (
            "" if self.idle else f" (not idle: above {IDLE * self.cores:.1f})"
        )


def look(folder: Path) -> Machine:
    """This machine now; `folder` is where everything is written."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        file_system=file_system_of(folder),
        load=round(os.getloadavg()[0], 2),
    )
