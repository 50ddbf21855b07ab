"""The mark that a template and all below it carry in their environment, so that nobody is lost with a killed template.

What a task left in a session of its own belongs to nobody then, and is known by nothing else. Only Linux shows it.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable
from pathlib import Path

VARIABLE = "TIDEMILL_TEMPLATE"
_ROUNDS = 20
"""Whoever forks faster than it is killed gets away in the end."""


def new_mark() -> str:
    """A mark that nobody has had: it says which process gave it, and tells that one from others of the same number."""
    return f"{_namespace()}.{os.getpid()}.{_started_at(os.getpid())}.{secrets.token_hex(8)}"


def end_all(mark: str) -> int:
    """Kill whoever carries the mark; how many there were."""
    return _end(lambda found: found == mark)


def end_those_of_the_dead() -> int:
    """Kill whoever carries a mark that was given, on this machine, by a process that is gone; how many there were."""
    return _end(_is_of_the_dead)


def _end(meant: Callable[[str], bool]) -> int:
    ended: set[int] = set()
    for _ in range(_ROUNDS):
        found = {pid for pid, mark in _carriers() if meant(mark)}
        fresh = found - ended
        for pid in fresh:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        if not fresh:
            break
        ended |= fresh
    return len(ended)


def _carriers() -> list[tuple[int, str]]:
    beginning = f"{VARIABLE}=".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        # Few have it: a look at the whole is enough for the others.
        if beginning in environment and int(process.name) != os.getpid():
            marks = [part for part in environment.split(b"\0") if part.startswith(beginning)]
            found += [(int(process.name), mark[len(beginning) :].decode(errors="replace")) for mark in marks]
    return found


def _is_of_the_dead(mark: str) -> bool:
    namespace, pid, started, *_ = [*mark.split("."), "", "", ""]
    if namespace != _namespace() or not pid.isdigit():
        return False
    return _started_at(int(pid)) != started


def _namespace() -> str:
    """Where a process id means the same; "" if that is not known."""
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""


def _started_at(pid: int) -> str:
    """When a process was started, in the kernel's ticks; "" if there is none of that number, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
