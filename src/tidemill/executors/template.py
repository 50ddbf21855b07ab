"""The process that the processes of tasks are forked from (or spawned by), as its executor knows it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tidemill.core.records import RunCommand, Ticket
from tidemill.executors.early import Early, Entry, begin_template
from tidemill.executors.started import Started, close_all

_TAIL_BYTES = 4096


@dataclass(slots=True, eq=False)
class Template:
    """`told` are the runs that know that it spawns; `tail` is the last of what its imports printed.

    All below it carry its `mark`.
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
    tail: bytes = b""
    mark: str = ""

    @property
    def name(self) -> str:
        module, file = self.entry
        return Path(file).name if file else module or "the task"

    def has(self, entry: Entry) -> bool:
        """Whether what an entry needs is imported here already."""
        module, file = entry
        return os.path.realpath(file) in self.files if file else module in self.modules

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


def start_template(
    entry: Entry, environment: Mapping[str, str], scratch: Path | None, early: Early | None = None
) -> Template:
    """Start the process, unless `early` is what is wanted; it says when it is ready. Raises OSError."""
    if early is None or not early.take(entry, environment, scratch):
        early = begin_template(entry, environment, scratch)
    return Template(entry, early.started, early.tail_reader, started_at=early.started_at, mark=early.mark)


def entry_of(ticket: Ticket) -> Entry:
    """What a ticket's process has to import first."""
    match ticket.work:
        case RunCommand():
            return "", ""
        case work:
            return work.function.module, work.function.file
