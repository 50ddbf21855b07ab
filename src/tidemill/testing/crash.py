"""Crashes at named points: in this process by an action of one's own, in child processes by SIGKILL.

`core.crash.registered()` lists the points of the modules imported so far.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path

from tidemill.core import crash as points
from tidemill.core.errors import InputError
from tidemill.worker.arming import VARIABLE

WHERE = "TIDEMILL_CRASH"
"""`point`, `point:n` for the n-th pass, or `point:n:FILE`: then the file is made, and nobody dies where it exists."""


def arm(point: str, action: Callable[[], None]) -> None:
    """Run `action` whenever this process passes the point, which may be registered later."""
    points.arm(point, action)


def disarm() -> None:
    """Make every point of this process a no-op again."""
    points.disarm()


def kill_at(point: str, nth: int = 1, once: Path | None = None) -> None:
    """This process dies by SIGKILL at its n-th pass of the point; with `once` only if that file does not exist yet."""
    if nth < 1:
        raise InputError(f"there is no pass number {nth}", remedy="the first pass is 1")
    passes = itertools.count(1)

    def action() -> None:
        if next(passes) == nth and _is_first(once):
            os.kill(os.getpid(), signal.SIGKILL)

    points.arm(point, action)


def crash_environment(point: str, nth: int = 1, once: Path | None = None) -> dict[str, str]:
    """What to add to the environment of a process so that it, or one of its helper processes, dies at the point.

    Helper processes (templates, workers) arm themselves; a program of one's own calls `from_environment` first.
    """
    where = f"{point}:{nth}" + (f":{once}" if once is not None else "")
    return {VARIABLE: f"{__name__}:from_environment", WHERE: where}


def from_environment() -> None:
    """Arm what the environment asks for, if anything."""
    point, _, rest = os.environ.get(WHERE, "").partition(":")
    nth, _, once = rest.partition(":")
    if point:
        kill_at(point, int(nth or 1), Path(once) if once else None)


def _is_first(once: Path | None) -> bool:
    if once is None:
        return True
    try:
        os.close(os.open(once, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True
