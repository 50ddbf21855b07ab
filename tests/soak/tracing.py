"""Keeps, for every process of a run, the last crash point that each of its threads has passed, and kills at one pass.

A small file that all these processes map holds a slot for each thread; whoever stops a process reads where it was.
TIDEMILL_CRASH names the folder of it, and the deadly pass: `FOLDER` or `FOLDER:point:n`.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import struct
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import tidemill
from tests.crash.passes import ROOT, WHERE
from tests.soak.rows import COMMITS, POINTS, WRITERS, row_after, row_at
from tidemill.core import crash
from tidemill.worker.arming import VARIABLE

_SLOT = struct.Struct("<QQhh12x")  # process id and thread, nanoseconds, point, writer
_SLOTS = 4096
_TRACE, _KILLED, _PASSES, _STRANGER = "trace", "killed", "passes", "stranger"
_SOURCES = str(Path(tidemill.__file__).parent) + os.sep
_BETWEEN = frozenset({"core/crash.py", "storage/metadata/database.py"})


@dataclass(frozen=True)
class Killed:
    """A process that killed itself at a point."""

    pid: int
    target: str
    point: str
    row: int


def environment(folder: Path, point: str = "", nth: int = 0) -> dict[str, str]:
    """What a process needs in its environment before it calls `arm`; `folder` is made."""
    folder.mkdir(parents=True)
    with (folder / _TRACE).open("wb") as file:
        file.truncate(_SLOT.size * _SLOTS)
    where = f"{folder}:{point}:{nth}" if point else str(folder)
    return {VARIABLE: f"{__name__}:arm", WHERE: where, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}


def arm(target: str = "") -> None:
    """Trace this process and those forked from it. `target`: what it is, where its program does not tell."""
    folder, _, rest = os.environ[WHERE].partition(":")
    point, _, nth = rest.partition(":")
    with (Path(folder) / _TRACE).open("r+b") as file:
        tracer = _Tracer(Path(folder), mmap.mmap(file.fileno(), 0), target)
    for number, name in enumerate(POINTS):
        deadly = int(nth) if name == point else 0
        crash.arm(name, lambda name=name, number=number, deadly=deadly: tracer.passed(name, number, deadly))  # type: ignore[misc]


def killed(folder: Path) -> Killed | None:
    """Who died at the deadly pass, if anybody has."""
    file = folder / _KILLED
    return Killed(**json.loads(file.read_text())) if file.exists() else None


def row_of(folder: Path, pid: int) -> int | None:
    """The row in which a process is, by what it has passed last; None if it has passed nothing."""
    latest = None
    with (folder / _TRACE).open("rb") as file:
        for owner, when, point, writer in _SLOT.iter_unpack(file.read()):
            if owner >> 1 == pid and (latest is None or when > latest[0]):
                latest = (when, point, writer)
    if latest is None:
        return None
    if latest[2] >= 0:
        return row_after(POINTS[latest[1]], WRITERS[latest[2]])
    stranger = folder / _STRANGER
    return row_after(POINTS[latest[1]], stranger.read_text() if stranger.exists() else "")


class _Tracer:
    def __init__(self, folder: Path, slots: mmap.mmap, target: str) -> None:
        self._folder = folder
        self._slots = slots
        self._target = target
        self._pid = os.getpid()

    def passed(self, name: str, number: int, deadly: int) -> None:
        pid, writer = os.getpid(), _writer()
        owner = pid << 1 | (threading.current_thread() is threading.main_thread())
        known = WRITERS.index(writer) if writer in WRITERS else -1
        if known < 0 and name in COMMITS:
            (self._folder / _STRANGER).write_text(writer)
        _SLOT.pack_into(self._slots, owner % _SLOTS * _SLOT.size, owner, time.monotonic_ns(), number, known)
        if deadly and self._number() == deadly:
            found = Killed(pid, self._target_of(pid), name, row_at(name, writer))
            (self._folder / "killed.new").write_text(json.dumps(vars(found)))
            os.rename(self._folder / "killed.new", self._folder / _KILLED)
            os.kill(pid, signal.SIGKILL)

    def _number(self) -> int:
        file = os.open(self._folder / _PASSES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, b".")
        # Where an append ended is known even when others append as well.
        number = os.lseek(file, 0, os.SEEK_CUR)
        os.close(file)
        return number

    def _target_of(self, pid: int) -> str:
        if self._target:
            return self._target
        program = getattr(sys.modules["__main__"].__spec__, "name", "")
        templates = ("tidemill.worker.template", "tidemill.worker.spawner")
        return "template" if pid == self._pid and program in templates else "worker"


def _writer() -> str:
    """The module of ours that led to a point, past the point and the database themselves."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_SOURCES) and file[len(_SOURCES) :] not in _BETWEEN:
            return file[len(_SOURCES) :]
        frame = frame.f_back  # type: ignore[assignment]
    return ""
