"""The executor's hold on the log supervisor: handing it pipes, hearing that they are drained, replacing it."""

from __future__ import annotations

import contextlib
import selectors
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tidemill.executors.attempts import NEVER, Attempt
from tidemill.executors.berths import Berth
from tidemill.executors.started import Started, start_process
from tidemill.storage.logs.files import log_path
from tidemill.worker.control import Order

REPLACED = "some of its log may be missing: the process that writes logs had to be replaced"


class Logs:
    """The supervisor of this executor, started when first needed; `hear` is called when it has something to say."""

    def __init__(
        self,
        root: Path,
        environment: Mapping[str, str],
        limit: int,
        selector: selectors.BaseSelector,
        hear: Callable[[], None],
    ) -> None:
        self._root = root
        self._environment = environment
        self._limit = limit
        self._selector = selector
        self._hear = hear
        self._started: Started | None = None
        self._expected: set[str] = set()

    @property
    def pids(self) -> tuple[int, ...]:
        """The supervisor's process, if there is one."""
        return () if self._started is None else (self._started.process.pid,)

    def path(self, attempt: Attempt) -> Path:
        """Where the log of an attempt goes. Raises BadLogName."""
        return log_path(self._root, attempt.ticket.facts.run, attempt.id)

    def expect(self, run: str) -> None:
        """Make the folder of a run: where there is one, a task without a file has printed nothing."""
        if run not in self._expected:
            self._expected.add(run)
            with contextlib.suppress(OSError):
                log_path(self._root, run, run).parent.mkdir(parents=True, exist_ok=True)

    def ensure(self) -> None:
        """Start the supervisor if there is none. Raises OSError."""
        if self._started is None:
            self._started = start_process("tidemill.worker.logs", self._environment, output=subprocess.DEVNULL)
            self._selector.register(self._started.control, selectors.EVENT_READ, self._hear)

    def open(self, attempt: Attempt, berth: Berth) -> bool:
        """Have the pipes of a berth read into the log of an attempt until they are cut; False if nobody does it."""
        order: Order = {
            "open": berth.number,
            "path": str(self.path(attempt)),
            "secrets": list(attempt.ticket.secrets),
            "limit": self._limit,
        }
        return self._started is not None and self._started.send(order, (berth.output, berth.errors))

    def cut(self, berth: Berth) -> None:
        """What is in the pipes now is the last of this attempt; it is told when it is in the log."""
        if self._started is not None:
            self._started.send({"cut": berth.number})

    def heard(self) -> list[tuple[int, str]] | None:
        """Numbers of the berths whose pipes are drained, with what went wrong; None if the supervisor is gone."""
        orders = self._started.receive() if self._started is not None else []
        if orders is None:
            return None
        return [(int(order["drained"]), str(order["trouble"])) for order in orders if "drained" in order]

    def replace(self, berths: Iterable[Berth]) -> None:
        """Start another one and hand it the pipes of these berths: what is in them is not lost. Raises OSError."""
        self.close(0.0)
        self.ensure()
        for berth in berths:
            if berth.logged is not None:
                berth.logged.notes.append(REPLACED)
                self.open(berth.logged, berth)
                if berth.logged.settle_by < NEVER:
                    self.cut(berth)

    def close(self, grace_s: float) -> None:
        if self._started is not None:
            self._selector.unregister(self._started.control)
            self._started.end(grace_s)
            self._started = None
