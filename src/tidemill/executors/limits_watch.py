"""The watch over what attempts use of the machine: memory and processes of everything that each has started.

Decides when to look and what is too much; how to look, and what happens then, is the business of others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.errors import InputError
from tidemill.core.sizes import size_text
from tidemill.executors.process_tree import ProcessTree
from tidemill.worker.kernel import bytes_of

_FASTEST = 2 << 30
"""Bytes a second in which a process may come to fill memory."""

_SOONEST_S = 0.02
_FIRST_S = 0.3
_LATEST_S = 1.0
_CROWDED_S = 0.1
_OWN_SHARE = 0.04
"""How much of a processor the looking at one attempt may cost."""


class BadLimit(InputError):
    """A resource of a task has a value that limits nothing."""

    code = "resource-limit"


class Tree(Protocol):
    """See `ProcessTree`."""

    def members(self, root: int, most: int) -> list[int]: ...
    def kept(self, pid: int) -> int: ...
    def share(self, pid: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Of an attempt with all that it starts: bytes of memory, number of processes. 0 = no limit."""

    memory: int = 0
    processes: int = 0

    def __bool__(self) -> bool:
        return bool(self.memory or self.processes)


@dataclass(frozen=True, slots=True)
class Breach:
    """An attempt has more than it may; it is not looked at any more."""

    attempt: str
    cause: Cause


@dataclass(slots=True)
class _Watched:
    pid: int
    limits: Limits
    next_at: float
    peak: int = 0


class LimitsWatch:
    """Looks the sooner the nearer an attempt may be to its limit. `now` gives monotonic seconds.

    With nobody to watch nothing is due; for an attempt that is over before its first look nothing was read.
    """

    def __init__(self, tree: Tree | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._tree = tree or ProcessTree()
        self._now = now
        self._watched: dict[str, _Watched] = {}

    def add(self, attempt: str, pid: int, limits: Limits) -> None:
        """Watch an attempt from now on, unless it has no limit."""
        if limits:
            first = min(_FIRST_S, _pause(limits.memory)) if limits.memory else _FIRST_S
            self._watched[attempt] = _Watched(pid, limits, self._now() + first)

    def drop(self, attempt: str) -> None:
        """It is over, or it was never watched."""
        self._watched.pop(attempt, None)

    def due(self) -> float | None:
        """The monotonic time of the next look; None if there is nothing to look at."""
        return min((one.next_at for one in self._watched.values()), default=None)

    def check(self) -> list[Breach]:
        """Look at those whose time has come, and let go of those that have too much."""
        found: list[Breach] = []
        begun = self._now()
        for attempt, watched in [item for item in self._watched.items() if item[1].next_at <= begun]:
            cause = self._look(watched)
            if cause is not None:
                del self._watched[attempt]
                found.append(Breach(attempt, cause))
        return found

    def _look(self, watched: _Watched) -> Cause | None:
        begun = self._now()
        limits = watched.limits
        members = self._tree.members(watched.pid, limits.processes or 1 << 16)
        if limits.processes and len(members) > limits.processes:
            return _too_many(limits.processes)
        crowded = limits.processes and len(members) * 8 > limits.processes
        pause = _CROWDED_S if crowded else _LATEST_S
        if limits.memory:
            used = sum(map(self._tree.kept, members))
            if used > limits.memory:
                # Much of it may be shared, with each other and with the process they were forked from.
                used = sum(map(self._tree.share, members))
            watched.peak = max(watched.peak, used)
            if used > limits.memory:
                return _too_much(limits.memory, used, watched.peak)
            pause = min(pause, _pause(limits.memory - used))
        ended = self._now()
        watched.next_at = ended + max(pause, (ended - begun) / _OWN_SHARE)
        return None


def limits_of(resources: Mapping[str, Any], most_processes: int) -> Limits:
    """What the resources of a ticket say; `most_processes` for who says nothing. Raises BadLimit."""
    memory = resources.get("memory")
    amount = 0 if memory is None else bytes_of(memory)
    if amount is None or amount < 0:
        raise BadLimit(f"the resource 'memory' is {memory!r}, no size", remedy="write such as '512MB' or '2Gi'")
    processes = resources.get("processes", most_processes)
    if not isinstance(processes, int) or isinstance(processes, bool) or processes < 0:
        raise BadLimit(f"the resource 'processes' is {processes!r}", remedy="write a whole number, such as 256")
    return Limits(amount, processes)


def _pause(room: int) -> float:
    return min(max(room / _FASTEST, _SOONEST_S), _LATEST_S)


def _too_much(limit: int, used: int, peak: int) -> Cause:
    text = f"out of memory: its limit is {size_text(limit)}, it used {size_text(used)} (peak {size_text(peak)})"
    return Cause(CauseKind.INFRASTRUCTURE, text, signal="SIGKILL")


def _too_many(limit: int) -> Cause:
    text = f"too many processes: its limit is {limit}, and it has started more; its resource 'processes' can raise that"
    return Cause(CauseKind.INFRASTRUCTURE, text, signal="SIGKILL")
