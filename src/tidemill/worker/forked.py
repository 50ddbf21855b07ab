"""A process for tasks by a fork of this one: everything that it needs is imported already."""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tidemill.worker.apart import close_apart
from tidemill.worker.child import leave, serve, take_over
from tidemill.worker.nursery import Berth
from tidemill.worker.warming import rehearse


@dataclass(frozen=True, slots=True)
class Forking:
    """Begins the processes of a nursery."""

    scratch_root: Path | None
    home: int

    def __call__(self, berth: Berth) -> int:
        """Its process id. Raises OSError."""
        pid = os.fork()
        if pid == 0:
            self._become_child(berth)
        return pid

    def _become_child(self, berth: Berth) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            channel, output, errors = berth.descriptors
            take_over(self.home, output, errors)
            channel = os.dup(channel)
            close_apart()
            status = serve(channel, self.scratch_root, shared=berth.shared, meanwhile=rehearse)
        except BaseException:
            with contextlib.suppress(BaseException):
                traceback.print_exc()
        leave(status)
