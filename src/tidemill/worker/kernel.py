"""What the operating system is asked about processes: dying with the parent, adopting orphans, finding what is left.

Linux offers all of it; elsewhere these do nothing and the closing of control sockets has to be enough.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import resource
import signal
import sys
from collections.abc import Iterator

_PDEATHSIG = 1
_CHILD_SUBREAPER = 36
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}

# Loaded once, before any fork.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Get signal `number` when the thread that started this process ends; end at once if `parent` is gone already."""
    if _libc is not None:
        _libc.prctl(_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none gets away."""
    if _libc is not None:
        _libc.prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> Iterator[int]:
    """The processes whose parent is this one, dead ones that were not waited for included."""
    try:
        threads = os.listdir("/proc/self/task")
    except OSError:
        return
    for thread in threads:
        yield from map(int, (_text(f"/proc/self/task/{thread}/children") or "").split())


def cpu_count() -> int:
    """Processors that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return max(1, len(allowed(0))) if allowed is not None else os.cpu_count() or 1


def peak_bytes(usage: resource.struct_rusage) -> int:
    """Peak resident memory; kilobytes on Linux, bytes on macOS."""
    return usage.ru_maxrss * (1 if platform.system() == "Darwin" else 1024)


def bytes_of(amount: object) -> int | None:
    """Bytes from a number or a text such as 2GB, 512Mi; None for anything else."""
    if isinstance(amount, int | float) and not isinstance(amount, bool):
        return int(amount)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*", str(amount).upper())
    return int(float(found[1]) * _UNITS[found[2]]) if found and found[2] in _UNITS else None


def limit_memory(amount: int) -> None:
    """Let allocations beyond `amount` bytes of address space fail with MemoryError."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (amount if hard < 0 else min(amount, hard), hard))


def memory_kills() -> int | None:
    """How many processes the kernel has killed for want of memory, as far as can be seen from here."""
    found = [
        int(count)
        for place in ("/proc/vmstat", "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
        if (text := _text(place)) is not None
        for count in re.findall(r"^oom_kill (\d+)$", text, re.MULTILINE)
    ]
    return sum(found) if found else None


def _text(place: str) -> str | None:
    try:
        with open(place) as file:
            return file.read()
    except OSError:
        return None
