"""The processes of a run, as they are seen from outside: found in /proc below its engine, by what they are."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

TARGETS = ("engine", "template", "logs", "standby", "worker", "task's child")


@dataclass(frozen=True)
class Seen:
    """A process and what it is to its engine."""

    pid: int
    target: str


def find(engine: int, at_work: set[int]) -> list[Seen]:
    """All that live below an engine, and itself. `at_work` are those of its tasks that have begun and not ended."""
    parents = _parents()
    found = [Seen(engine, "engine")] if engine in parents else []
    below: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        below.setdefault(parent, []).append(pid)
    for helper in below.get(engine, []):
        command = _command(helper)
        if b"tidemill.worker.logs" in command:
            found.append(Seen(helper, "logs"))
        elif b"tidemill.worker.template" in command or b"tidemill.worker.spawner" in command:
            found.append(Seen(helper, "template"))
            for child in below.get(helper, []):
                if b"tidemill.worker" not in _command(child):
                    found.append(Seen(child, "task's child"))  # its task is over, and it is about to be ended
                    continue
                found.append(Seen(child, "worker" if child in at_work else "standby"))
                found += [Seen(pid, "task's child") for pid in below.get(child, [])]
        else:
            found.append(Seen(helper, "task's child"))  # of a task in the engine's own process
    return found


def state(pid: int) -> str:
    """The letter of its state; "" if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def alive(pid: int) -> bool:
    """Whether it exists, and is not just waiting to be waited for."""
    return state(pid) not in ("", "Z", "X")


def send(pid: int, number: signal.Signals) -> bool:
    """Whether it was there to be told."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def naming(folder: Path) -> dict[int, str]:
    """Whoever names the folder in its command line or its environment, and what it is."""
    found, text = {}, os.fsencode(folder)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            known = command + (process / "environ").read_bytes()
        except OSError:
            continue
        if text in known and int(process.name) != os.getpid() and alive(int(process.name)):
            found[int(process.name)] = command.replace(b"\0", b" ").decode(errors="replace")[:200]
    return found


def _parents() -> dict[int, int]:
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX":
            found[int(process.name)] = int(fields[1])
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
