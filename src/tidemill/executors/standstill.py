"""Helper processes that somebody has stopped (SIGSTOP): after a while they are told to go on, and ended if they do not.

Decides from what it is shown; sends no signal itself. A process under a debugger is not stopped in this sense.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path


class Standstill:
    """`patience_s` is how long a helper may stand still, in seconds of `now`, which is monotonic."""

    def __init__(
        self,
        patience_s: float,
        stands: Callable[[int], bool] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience_s
        self._stands = stands or is_stopped
        self._now = now
        self._since: dict[int, float] = {}
        self._told: set[int] = set()
        self.due = now() + patience_s / 2
        """When to look again."""

    def check(self, pids: Iterable[int]) -> list[tuple[int, signal.Signals]]:
        """Look at the helpers, and say who is to get which signal."""
        now = self._now()
        self.due = now + self._patience / 2
        standing = [pid for pid in pids if self._stands(pid)]
        self._since = {pid: self._since.get(pid, now) for pid in standing}
        self._told &= self._since.keys()
        found = []
        for pid, since in self._since.items():
            if now - since >= self._patience:
                found.append((pid, signal.SIGKILL if pid in self._told else signal.SIGCONT))
                self._told.add(pid)
                self._since[pid] = now
        return found


def is_stopped(pid: int) -> bool:
    """Whether a process stands still; not known, and so false, where there is no /proc."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
    except OSError:
        return False
    return state == b"T"
