"""The processes of tasks as their executor knows them: children by number, attempts by id, and the template of both.

Data and the descriptors they own; what happens when something is heard of them is decided by the loop.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tidemill.core.causes import Cause
from tidemill.core.records import Report, RunCommand, Ticket
from tidemill.executors.endings import Exit, Seen
from tidemill.executors.started import Started, close_all, start_process
from tidemill.worker.frames import Frames
from tidemill.worker.kernel import memory_kills
from tidemill.worker.setting import Setting

Entry = tuple[str, str]
"""Module and file of what a template imports; no file for installed modules."""

_TAIL_BYTES = 4096


@dataclass(slots=True, eq=False)
class Attempt:
    """One ticket on its way. Times are monotonic seconds; None where nothing is due.

    `begin_by` ends the wait for its process to begin, `deadline` is its timeout, at `kill_at` SIGKILL follows SIGTERM
    (or the report), at `settle_by` the wait for the rest of its log is over.
    """

    ticket: Ticket
    child: Child | None = None
    report: Report | None = None
    began: bool = False
    began_at: float = field(default_factory=time.monotonic)
    reported_at: float | None = None
    stopped: Cause | None = None
    timed_out: bool = False
    broken: str = ""
    notes: list[str] = field(default_factory=list)
    begin_by: float | None = None
    deadline: float | None = None
    kill_at: float | None = None
    settle_by: float | None = None
    drained: bool = False
    tries: int = 0
    kills_before: int | None = field(default_factory=memory_kills)

    @property
    def id(self) -> str:
        return self.ticket.attempt

    @property
    def due(self) -> tuple[float, ...]:
        moments = (self.begin_by, self.deadline, self.kill_at, self.settle_by)
        return tuple(moment for moment in moments if moment is not None)

    def seen(self, end: Exit) -> Seen:
        """All that is known of it, now that its process is gone."""
        kills = memory_kills() if self.report is None else None
        return Seen(
            self.id,
            end,
            report=self.report,
            stopped=self.stopped,
            timed_out=self.timed_out,
            broken=self.broken,
            wall_s=(self.reported_at or time.monotonic()) - self.began_at,
            memory_kills=None if kills is None or self.kills_before is None else kills - self.kills_before,
            notes=tuple(self.notes),
        )


@dataclass(slots=True, eq=False)
class Child:
    """One process; a standby until it has an attempt. Owns the channel and the reading ends of its output pipes."""

    number: int
    template: Template
    channel: socket.socket
    output: int
    errors: int
    frames: Frames = field(default_factory=Frames)
    unsent: bytearray = field(default_factory=bytearray)
    attempt: Attempt | None = None
    pid: int = 0
    exit: Exit | None = None
    closed: bool = False

    def close(self) -> None:
        self.channel.close()
        close_all(self.output, self.errors)


@dataclass(slots=True, eq=False)
class Template:
    """One process that others are forked from (or spawned by), and that waits for them.

    `told` are the runs that know that it spawns; `tail` is the last of what its imports printed.
    """

    entry: Entry
    started: Started
    tail_reader: int
    started_at: float = field(default_factory=time.monotonic)
    used_at: float = field(default_factory=time.monotonic)
    ready: bool = False
    spawn_because: str = ""
    modules: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    told: set[str] = field(default_factory=set)
    waiting: deque[Attempt] = field(default_factory=deque)
    children: dict[int, Child] = field(default_factory=dict)
    tail: bytes = b""

    @property
    def name(self) -> str:
        module, file = self.entry
        return Path(file).name if file else module or "the task"

    @property
    def idle(self) -> bool:
        return not self.waiting and all(child.attempt is None for child in self.children.values())

    @property
    def standby(self) -> list[Child]:
        """Living children that have nothing to do yet."""
        return [child for child in self.children.values() if child.attempt is None and child.exit is None]

    def has(self, entry: Entry) -> bool:
        """Whether what an entry needs is imported here already."""
        module, file = entry
        return os.path.realpath(file) in self.files if file else module in self.modules

    def signal(self, child: Child, number: int) -> bool:
        return self.started.send({"signal": child.number, "with": number})

    def read_tail(self) -> bool:
        """Keep the last of what its imports print; False at the end."""
        try:
            data = os.read(self.tail_reader, 1 << 16)
        except BlockingIOError:
            return True
        self.tail = (self.tail + data)[-_TAIL_BYTES:]
        return bool(data)

    def end(self, grace_s: float) -> int:
        """End its process and everything below it; the return code."""
        code = self.started.end(grace_s)
        self.read_tail()
        close_all(self.tail_reader)
        return code


def start_template(entry: Entry, environment: Mapping[str, str], scratch: Path | None) -> Template:
    """Start the process; it says when it is ready. Raises OSError."""
    setting = Setting(module=entry[0], file=entry[1], scratch=str(scratch) if scratch else "")
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    try:
        started = start_process("tidemill.worker.template", environment, setting.to_text(), output=writer)
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return Template(entry, started, reader)


def new_child(number: int, template: Template, pipe_bytes: int) -> Child | None:
    """Have the template begin a child; None if it cannot be told. Raises OSError when no descriptors are left."""
    pipes: list[int] = []
    ours, theirs = socket.socketpair()
    try:
        for _ in range(2):
            pipes += os.pipe()
        output, output_end, errors, errors_end = pipes
        for end in (output_end, errors_end):
            _widen(end, pipe_bytes)
        sent = template.started.send({"fork": number}, (theirs.fileno(), output_end, errors_end))
    except OSError:
        ours.close()
        close_all(*pipes)
        raise
    finally:
        theirs.close()
    close_all(output_end, errors_end)
    ours.setblocking(False)
    child = Child(number, template, ours, output, errors)
    if not sent:
        child.close()
        return None
    template.children[number] = child
    return child


def entry_of(ticket: Ticket) -> Entry:
    """What a ticket's process has to import first."""
    match ticket.work:
        case RunCommand():
            return "", ""
        case work:
            return work.function.module, work.function.file


def _widen(pipe: int, size: int) -> None:
    # More output fits while the supervisor is busy. Not possible everywhere, and limited for each user.
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, getattr(fcntl, "F_SETPIPE_SZ", 1031), size)
