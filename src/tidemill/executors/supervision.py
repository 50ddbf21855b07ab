"""The executor's hold on the log supervisor: handing it pipes, hearing that they are drained, replacing it."""

from __future__ import annotations

import selectors
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tidemill.executors.children import Attempt, Child
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

    def path(self, attempt: Attempt) -> Path:
        """Where the log of an attempt goes. Raises BadLogName."""
        return log_path(self._root, attempt.ticket.facts.run, attempt.id)

    def ensure(self) -> None:
        """Start the supervisor if there is none. Raises OSError."""
        if self._started is None:
            self._started = start_process("tidemill.worker.logs", self._environment, output=subprocess.DEVNULL)
            self._selector.register(self._started.control, selectors.EVENT_READ, self._hear)

    def open(self, attempt: Attempt, child: Child) -> bool:
        """Have the pipes of a child read into the log of its attempt until they end; False if nobody does it."""
        order: Order = {
            "open": child.number,
            "path": str(self.path(attempt)),
            "secrets": list(attempt.ticket.secrets),
            "limit": self._limit,
        }
        return self._started is not None and self._started.send(order, (child.output, child.errors))

    def heard(self) -> list[tuple[int, str]] | None:
        """Numbers of the children whose pipes are drained, with what went wrong; None if the supervisor is gone."""
        orders = self._started.receive() if self._started is not None else []
        if orders is None:
            return None
        return [(int(order["drained"]), str(order["trouble"])) for order in orders if "drained" in order]

    def replace(self, attempts: Iterable[Attempt]) -> None:
        """Start another one and hand it the pipes of all that run: what is in them is not lost. Raises OSError."""
        self.close(0.0)
        self.ensure()
        for attempt in attempts:
            if attempt.child is not None and not attempt.drained:
                attempt.notes.append(REPLACED)
                self.open(attempt, attempt.child)

    def close(self, grace_s: float) -> None:
        if self._started is not None:
            self._selector.unregister(self._started.control)
            self._started.end(grace_s)
            self._started = None
