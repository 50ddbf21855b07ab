"""The process of a template, begun before there is an executor: whatever can go on meanwhile need not wait for it.

Imports next to nothing, since nothing else has begun when this is asked for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tidemill.executors.marking import VARIABLE, end_all, new_mark
from tidemill.executors.started import Started, close_all, start_process
from tidemill.worker.setting import Setting

Entry = tuple[str, str]
"""Module and file of what a template imports; no file for installed modules."""

PLAIN = "tidemill.worker.template"


@dataclass(slots=True, eq=False)
class Early:
    """A process that is on its way to be a template. `tail_reader` gives what its imports print.

    All below it carry its `mark`. Whoever `take`s it has to end it.
    """

    entry: Entry
    environment: Mapping[str, str]
    scratch: Path | None
    started: Started
    tail_reader: int
    mark: str
    started_at: float = field(default_factory=time.monotonic)
    taken: bool = False

    def take(self, entry: Entry, environment: Mapping[str, str], scratch: Path | None) -> bool:
        """Whether it is what is wanted, and nobody has it yet."""
        wanted = (entry, environment, scratch) == (self.entry, self.environment, self.scratch)
        self.taken, free = self.taken or wanted, not self.taken
        return wanted and free

    def end_unused(self) -> None:
        """Unless somebody has taken it, end it at once, with all below it."""
        if not self.taken:
            self.taken = True
            self.started.process.kill()
            self.started.end(0.0)
            close_all(self.tail_reader)
            end_all(self.mark)


def begin_template(
    entry: Entry,
    environment: Mapping[str, str],
    scratch: Path | None,
    module: str = PLAIN,
    more: tuple[str, ...] = (),
    descriptors: tuple[int, ...] = (),
) -> Early:
    """Start the process; it says when it is ready. Raises OSError.

    `module` may be another one that becomes a template in the end; it gets `more` arguments, and the `descriptors`.
    """
    setting = Setting(module=entry[0], file=entry[1], scratch=str(scratch) if scratch else "")
    reader, writer, mark = *os.pipe(), new_mark()
    os.set_blocking(reader, False)
    marked = {**environment, VARIABLE: mark}
    try:
        started = start_process(module, marked, setting.to_text(), *more, output=writer, descriptors=descriptors)
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return Early(entry, environment, scratch, started, reader, mark)
