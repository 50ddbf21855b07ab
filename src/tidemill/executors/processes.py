"""Tasks in processes of this machine, forked from a warm template; the default executor.

The engine's thread only leaves orders here; everything happens in one thread of this executor.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tidemill.core.causes import Cause
from tidemill.core.errors import StateError
from tidemill.core.ports import Adoption
from tidemill.core.records import Message, Reply, Ticket
from tidemill.executors.begun import Begun, was_waiting
from tidemill.executors.early import Early
from tidemill.executors.environment import clean_environment
from tidemill.executors.marking import end_those_of_the_dead
from tidemill.executors.process_loop import ProcessLoop
from tidemill.executors.tuning import Tuning
from tidemill.storage.artifacts.files import remove
from tidemill.worker.context import scratch_folder
from tidemill.worker.kernel import cpu_count


class ProcessExecutor:
    """`log_root` is where the logs of attempts go, `scratch_root` where tasks may keep files for their own time.

    `environment` is what tasks see besides the allow-list; `slots` is by default the number of usable processors;
    `max_processes` bounds what one attempt may start if it does not say (0 = no bound). `early` is used as a
    template if it can be, and is otherwise left to whoever began it.
    """

    name = "processes"
    ahead = True

    def __init__(
        self,
        log_root: Path,
        *,
        slots: int | None = None,
        environment: Mapping[str, str] | None = None,
        scratch_root: Path | None = None,
        max_processes: int | None = None,
        tuning: Tuning | None = None,
        early: Early | None = None,
    ) -> None:
        self.slots = slots or cpu_count()
        self._log_root = log_root
        self._environment = clean_environment(environment or {})
        self._scratch_root = scratch_root
        self._own_scratch: Path | None = None
        self._early = early
        self._tuning = tuning or Tuning()
        if max_processes is not None:
            self._tuning = replace(self._tuning, processes=max_processes)
        self._buried = False
        self._begun = Begun(None)
        self._loop: ProcessLoop | None = None
        self._thread: threading.Thread | None = None

    def open(self, inbox: Callable[[Message], None]) -> None:
        if self._loop is not None:
            raise StateError("the executor is open already")
        if self._scratch_root is None:
            self._own_scratch = Path(tempfile.mkdtemp(prefix="tidemill-scratch-"))
        scratch = self._scratch_root or self._own_scratch
        self._begun = Begun(self._begun_folder)
        self._loop = ProcessLoop(
            inbox,
            self._log_root,
            self._environment,
            scratch,
            self._begun,
            slots=self.slots,
            tuning=self._tuning,
            early=self._early,
        )
        self._thread = threading.Thread(target=self._loop.run, name="tidemill-processes", daemon=True)
        self._thread.start()

    def start(self, *tickets: Ticket) -> None:
        self._opened.post(lambda loop: loop.start(*tickets))

    def adopt(self, attempt: str) -> Adoption:
        """Local processes end with the engine that started them. What it kept for its time is removed."""
        if not self._buried:
            self._buried = True
            # Its template may have been killed along with it, or stand still.
            end_those_of_the_dead()
        if self._scratch_root is not None:
            remove(scratch_folder(self._scratch_root, attempt))
        waited = self._begun_folder is not None and was_waiting(self._begun_folder, attempt)
        return Adoption.NOT_BEGUN if waited else Adoption.GONE

    def stop(self, attempt: str, cause: Cause, grace_s: float = 5.0) -> None:
        self._opened.post(lambda loop: loop.stop(attempt, cause, grace_s))

    def reply(self, attempt: str, reply: Reply) -> None:
        self._opened.post(lambda loop: loop.reply(attempt, reply))

    def close(self) -> None:
        if self._loop is None or self._thread is None:
            return
        self._loop.post(lambda loop: loop.close())
        self._thread.join()
        self._begun.close()
        self._loop = self._thread = None
        if self._own_scratch is not None:
            shutil.rmtree(self._own_scratch, ignore_errors=True)
            self._own_scratch = None

    @property
    def _begun_folder(self) -> Path | None:
        return None if self._scratch_root is None else self._scratch_root.with_name("begun")

    @property
    def _opened(self) -> ProcessLoop:
        if self._loop is None:
            raise StateError("the executor is not open", remedy="call open() first")
        return self._loop
