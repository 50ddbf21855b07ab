"""What the operating system is asked about processes: dying with the parent, adopting orphans, finding what is left.

Linux offers all of it; elsewhere these do nothing and the closing of control sockets has to be enough.
"""

from __future__ import annotations

import ctypes
import math
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Iterable, Iterator

_PDEATHSIG = 1
_CHILD_SUBREAPER = 36
_UNITS = {f"{letter}{i}": (1024 if i else 1000) ** n for n, letter in enumerate(("", *"KMGTP")) for i in ("", "I")}

_FOR_THREADS = 64 << 20
"""Bytes for each processor: the stacks and buffers of native threads, most of which are never touched."""

_limited: list[int] = []

# Loaded once, before any fork.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
if _prctl is not None:
    _prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def die_with(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Get signal `number` when the thread that started this process ends; end at once if `parent` is gone already."""
    if _prctl is not None:
        _prctl(_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none gets away."""
    if _prctl is not None:
        _prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(parent: int | str = "self") -> Iterator[int]:
    """The processes whose parent is this one, or another; dead ones that were not waited for included."""
    try:
        threads = os.listdir(f"/proc/{parent}/task")
    except OSError:
        return
    for thread in threads:
        yield from map(int, (_text(f"/proc/{parent}/task/{thread}/children") or "").split())


def with_descendants(pids: Iterable[int]) -> list[int]:
    """Processes, and all that these have started and that is still below them."""
    found = list(pids)
    for pid in found:
        found += children(pid)
    return found


def cpu_count() -> int:
    """Processors that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return max(1, len(allowed(0))) if allowed is not None else os.cpu_count() or 1


def peak_bytes(usage: resource.struct_rusage) -> int:
    """Peak resident memory; kilobytes on Linux, bytes on macOS."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def bytes_of(amount: object) -> int | None:
    """Bytes from a number or a text such as 2GB, 512Mi; None for anything else."""
    if amount is None:
        return None
    if isinstance(amount, int | float) and not isinstance(amount, bool) and math.isfinite(amount):
        return int(amount)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGTP]?I?)B?\s*", str(amount).upper())
    return int(float(found[1]) * _UNITS[found[2]]) if found and found[2] in _UNITS else None


def limit_memory(amount: int) -> None:
    """Let allocations far beyond `amount` bytes fail with MemoryError, here and in every process started from here.

    What many small ones come to together is watched from outside. Room is left for what threads only reserve.
    """
    _limited.append(amount)
    # Of data, not of addresses: a mapped file is no memory of the task.
    data = getattr(resource, "RLIMIT_DATA", resource.RLIMIT_AS)
    found = re.search(r"^VmData:\s+(\d+) kB", _text("/proc/self/status") or "", re.MULTILINE)
    most = amount + _FOR_THREADS * cpu_count() + (int(found[1]) << 10 if found else 0)
    _, hard = resource.getrlimit(data)
    resource.setrlimit(data, (most if hard < 0 else min(most, hard), hard))


def memory_limit() -> int | None:
    """The limit in bytes that this process was given, if any."""
    return _limited[-1] if _limited else None


def memory_kills() -> int | None:
    """How many processes the kernel has killed for want of memory, as far as can be seen from here."""
    found = [
        int(count)
        for place in ("/proc/vmstat", "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
        if (text := _text(place)) is not None
        for count in re.findall(r"^oom_kill (\d+)$", text, re.MULTILINE)
    ]
    return sum(found) if found else None


def memory_kills_lately() -> int | None:
    """The same, as it was at most a second ago: for what is asked before every task."""
    now = time.monotonic()
    if now - _counted.at > 1.0:
        _counted.at, _counted.kills = now, memory_kills()
    return _counted.kills


class _Counted:
    at = float("-inf")
    kills: int | None = None


_counted = _Counted()


def _text(place: str) -> str | None:
    try:
        with open(place) as file:
            return file.read()
    except OSError:
        return None
