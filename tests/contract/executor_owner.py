"""The owner of a run as an executor sees it: sends tickets, answers requests, waits for the ends."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tidemill.core.bindings import Binding, Const, FunctionRef
from tidemill.core.graph import OutputSpec, Returns
from tidemill.core.records import Gone, Message, Note, Pushed, Reply, Report, Request, RunFacts, RunFunction, Ticket
from tidemill.core.states import AttemptState
from tidemill.executors.inline import InlineExecutor
from tidemill.executors.processes import ProcessExecutor

ENTRIES = Path(__file__).parent / "entries"
PATIENCE = 60.0


class Owner:
    """Collects what an executor sends. `end(attempt)` waits for the one message that ends an attempt."""

    def __init__(self, store: Path) -> None:
        self.store = str(store)
        self.executor: Any = None
        self.ends: dict[str, Report | Gone] = {}
        self.seen: list[Message] = []
        self._arrived: queue.Queue[Message] = queue.Queue()
        self._count = 0

    def inbox(self, message: Message) -> None:
        self._arrived.put(message)

    def answer(self, request: Request) -> Reply:
        if request.name == "promote":
            return Reply(request.number, error="nobody may")
        return Reply(request.number, value=[request.verb.value, request.name, request.number])

    def ticket(self, name: str, *, entry: str = "steps", inputs: dict[str, Any] | None = None, **more: Any) -> Ticket:
        self._count += 1
        work = more.pop("work", None) or RunFunction(
            FunctionRef(entry, name, str(ENTRIES / f"{entry}.py")),
            more.pop("returns", Returns.VALUE),
            more.pop("outputs", {"result": OutputSpec()}),
        )
        bindings: dict[str, Binding] = {
            key: value if isinstance(value, Binding) else Const(value) for key, value in (inputs or {}).items()
        }
        facts = RunFacts("run-1", "churn", "default", datetime(2026, 1, 2, tzinfo=UTC), 42, params={"p": 1})
        return Ticket(f"run-1-{self._count}", name, "", 0, 1, work, facts, self.store, bindings, **more)

    def start(self, name: str, **more: Any) -> str:
        ticket = self.ticket(name, **more)
        self.executor.start(ticket)
        return ticket.attempt

    def run(self, name: str, **more: Any) -> Report | Gone:
        return self.end(self.start(name, **more))

    def result(self, name: str, **more: Any) -> Any:
        report = self.run(name, **more)
        assert isinstance(report, Report), report
        assert report.state is AttemptState.SUCCEEDED, report.cause
        return report.outputs["result"]

    def end(self, attempt: str) -> Report | Gone:
        self.wait_for(lambda: attempt in self.ends)
        return self.ends[attempt]

    def ends_of(self, attempts: Iterable[str]) -> list[Report | Gone]:
        return [self.end(attempt) for attempt in attempts]

    def pushed(self, attempt: str, key: str) -> Any:
        def found() -> list[Any]:
            return [m.value for m in self.seen if isinstance(m, Pushed) and (m.attempt, m.key) == (attempt, key)]

        self.wait_for(lambda: bool(found()) or attempt in self.ends)
        assert found(), self.ends.get(attempt)
        return found()[0]

    def notes(self) -> list[str]:
        return [message.text for message in self.seen if isinstance(message, Note)]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._take(self._arrived.get(timeout=PATIENCE))

    def drain(self) -> None:
        while not self._arrived.empty():
            self._take(self._arrived.get())

    def _take(self, message: Message) -> None:
        self.seen.append(message)
        match message:
            case Report() | Gone():
                assert message.attempt not in self.ends, "an attempt ended twice"
                self.ends[message.attempt] = message
            case Request():
                self.executor.reply(message.attempt, self.answer(message))


def open_inline(folder: Path) -> Owner:
    owner = Owner(folder / "store")
    owner.executor = InlineExecutor(folder / "logs", answer=owner.answer, scratch_root=folder / "scratch")
    owner.executor.open(owner.inbox)
    return owner


def open_processes(folder: Path, **more: Any) -> Owner:
    owner = Owner(folder / "store")
    owner.executor = ProcessExecutor(folder / "logs", slots=2, scratch_root=folder / "scratch", **more)
    owner.executor.open(owner.inbox)
    return owner


def alive(pid: int) -> bool:
    """Whether a process exists and is not just waiting to be waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_dead(pids: Iterable[int]) -> None:
    """Wait for processes that are not ours, without polling."""
    import select

    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            assert select.select([descriptor], [], [], PATIENCE)[0], f"process {pid} is still there"
        finally:
            os.close(descriptor)


def wait_until(condition: Callable[[], bool]) -> None:
    """For what nothing tells of: looked at ever again, for as long as patience lasts."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.01)
