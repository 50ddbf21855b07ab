"""Tasks in processes of this machine, forked from a warm template; the default executor.

The engine's thread only leaves orders here; everything happens in one thread of this executor.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from tidemill.core.causes import Cause
from tidemill.core.errors import StateError
from tidemill.core.records import Message, Reply, Ticket
from tidemill.executors.environment import clean_environment
from tidemill.executors.process_loop import ProcessLoop
from tidemill.executors.tuning import Tuning
from tidemill.storage.artifacts.unpack import remove
from tidemill.worker.context import scratch_folder
from tidemill.worker.kernel import cpu_count


class ProcessExecutor:
    """`log_root` is where the logs of attempts go, `scratch_root` where tasks may keep files for their own time.

    `environment` is what tasks see besides the allow-list; `slots` is by default the number of usable processors.
    """

    name = "processes"

    def __init__(
        self,
        log_root: Path,
        *,
        slots: int | None = None,
        environment: Mapping[str, str] | None = None,
        scratch_root: Path | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        self.slots = slots or cpu_count()
        self._log_root = log_root
        self._environment = clean_environment(environment or {})
        self._scratch_root = scratch_root
        self._own_scratch: Path | None = None
        self._tuning = tuning or Tuning()
        self._loop: ProcessLoop | None = None
        self._thread: threading.Thread | None = None

    def open(self, inbox: Callable[[Message], None]) -> None:
        if self._loop is not None:
            raise StateError("the executor is open already")
        if self._scratch_root is None:
            self._own_scratch = Path(tempfile.mkdtemp(prefix="tidemill-scratch-"))
        scratch = self._scratch_root or self._own_scratch
        self._loop = ProcessLoop(
            inbox, self._log_root, self._environment, scratch, standby=min(2, self.slots), tuning=self._tuning
        )
        self._thread = threading.Thread(target=self._loop.run, name="tidemill-processes", daemon=True)
        self._thread.start()

    def start(self, ticket: Ticket) -> None:
        self._opened.post(lambda loop: loop.start(ticket))

    def adopt(self, attempt: str) -> bool:
        """Always false: local processes end with the engine that started them. What it kept for its time is removed."""
        if self._scratch_root is not None:
            remove(scratch_folder(self._scratch_root, attempt))
        return False

    def stop(self, attempt: str, cause: Cause, grace_s: float = 5.0) -> None:
        self._opened.post(lambda loop: loop.stop(attempt, cause, grace_s))

    def reply(self, attempt: str, reply: Reply) -> None:
        self._opened.post(lambda loop: loop.reply(attempt, reply))

    def close(self) -> None:
        if self._loop is None or self._thread is None:
            return
        self._loop.post(lambda loop: loop.close())
        self._thread.join()
        self._loop = self._thread = None
        if self._own_scratch is not None:
            shutil.rmtree(self._own_scratch, ignore_errors=True)
            self._own_scratch = None

    @property
    def _opened(self) -> ProcessLoop:
        if self._loop is None:
            raise StateError("the executor is not open", remedy="call open() first")
        return self._loop
