"""An engine on a real database whose attempts end when a test says so: only the executor is not real."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.unit.engine.simulation import report_of
from tidemill.actions.runs import find_run
from tidemill.app import App
from tidemill.app.effects import ACTIONS
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.clock import VirtualClock
from tidemill.core.errors import StorageError
from tidemill.core.graph import Pipeline
from tidemill.core.history import CommandKind, RunRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.ports import Adoption, Wakeup
from tidemill.core.records import Gone, Message, Pushed, Reply, Request, Ticket, Verb
from tidemill.engine.loop import Engine, Tempo
from tidemill.engine.moves import Move
from tidemill.engine.recover import load, reopen, take
from tidemill.engine.requests import Action
from tidemill.engine.submit import Submission, submit
from tidemill.settings import Settings
from tidemill.storage.metadata import commands
from tidemill.storage.metadata.database import Connection
from tidemill.testing import LeapingClock


class ManualExecutor:
    """Starts nothing: remembers what it was asked."""

    name = "manual"
    ahead = False

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.out: dict[str, Ticket] = {}
        self.started: list[str] = []
        self.stopped: list[tuple[str, Cause]] = []
        self.replies: list[Reply] = []
        self.adopts = False
        self.inbox: Callable[[Message], None] = lambda message: None

    def open(self, inbox: Callable[[Message], None]) -> None:
        self.inbox = inbox

    def start(self, *tickets: Ticket) -> None:
        for ticket in tickets:
            self.out[ticket.attempt] = ticket
            self.started.append(str(Key(ticket.path, instance_from(ticket.instance))))

    def adopt(self, attempt: str) -> Adoption:
        return Adoption.RUNNING if self.adopts else Adoption.GONE

    def stop(self, attempt: str, cause: Cause, grace_s: float = 5.0) -> None:
        self.stopped.append((attempt, cause))

    def reply(self, attempt: str, reply: Reply) -> None:
        self.replies.append(reply)

    def close(self) -> None:
        self.out.clear()


class Bench:
    """One engine. Each turn sweeps, so that nothing depends on hints: there are none unless a test gives `wakeup`."""

    def __init__(
        self,
        home: Path,
        url: str,
        slots: int = 4,
        clock: VirtualClock | None = None,
        wakeup: Wakeup | None = None,
        actions: Mapping[str, Action] = ACTIONS,
        lease_s: float = 15.0,
    ) -> None:
        self.clock = clock or LeapingClock()
        self.app = App(Settings(home, database_url=url, executor="inline", lease_seconds=lease_s), self.clock)
        self.executor = ManualExecutor(slots)
        self.owner = self.app.owner()
        self.told: list[Move] = []
        self.engine = Engine(
            self.app.database,
            self.executor,
            self.clock,
            self.owner,
            store=str(self.app.settings.artifacts),
            verify=self.app.verify,
            actions=actions,
            wakeup=wakeup,
            watch=lambda run, moves: self.told.extend(moves),
            tempo=Tempo(sweep=0.0, retry_storage=0.0),
        )

    def submit(self, graph: Pipeline, **more: Any) -> RunRecord:
        return submit(self.app.database, Submission(graph, more.pop("params", {}), **more), self.clock.now())

    def hold(self, run: RunRecord) -> None:
        epoch = take(self.app.database, run.id, self.owner)
        assert epoch is not None
        self.engine.hold(load(self.app.database, run.id, epoch, self.clock.now()))

    def start(self, graph: Pipeline, **more: Any) -> RunRecord:
        run = self.submit(graph, **more)
        self.hold(run)
        self.turns()
        return run

    def reopen(self, run: RunRecord, *also: str) -> None:
        self.engine.hold(reopen(self.app.database, run.id, self.owner, "ann", self.clock.now(), also))
        self.turns()

    def turns(self, number: int = 3) -> None:
        """Enough turns for what has happened to show."""
        for _ in range(number):
            self.engine.turn()

    def ticket(self, name: str, run: RunRecord | None = None) -> Ticket:
        """The attempt that is out for a task run."""
        found = [
            ticket
            for ticket in self.executor.out.values()
            if str(Key(ticket.path, instance_from(ticket.instance))) == name
            and (run is None or ticket.facts.run == run.id)
        ]
        assert found, f"{name} is not out: {self.names}"
        return found[-1]

    @property
    def names(self) -> list[str]:
        """What is out, in the order of its start."""
        return [str(Key(ticket.path, instance_from(ticket.instance))) for ticket in self.executor.out.values()]

    def end(self, name: str, answer: Any = None, run: RunRecord | None = None) -> None:
        """The attempt that is out for a task run ends: with a value, or with what a simulation's script may give."""
        attempt = self.ticket(name, run).attempt
        del self.executor.out[attempt]
        self.executor.inbox(report_of(attempt, answer))
        self.turns()

    def lose(self, name: str) -> None:
        attempt = self.ticket(name).attempt
        del self.executor.out[attempt]
        self.executor.inbox(Gone(attempt, Cause(CauseKind.INFRASTRUCTURE, "unplugged"), lost=True))
        self.turns()

    def stop_ends(self) -> None:
        """What was asked to stop does."""
        for attempt, cause in self.executor.stopped:
            if self.executor.out.pop(attempt, None) is not None:
                self.executor.inbox(Gone(attempt, cause))
        self.turns()

    def push(self, name: str, key: str, value: Any) -> None:
        self.executor.inbox(Pushed(self.ticket(name).attempt, key, value))
        self.turns()

    def ask(self, name: str, verb: Verb, what: str, number: int = 1, /, **arguments: Any) -> Reply:
        self.executor.inbox(Request(self.ticket(name).attempt, number, verb, what, arguments))
        self.turns(1)
        return self.executor.replies[-1]

    def wish(self, run: RunRecord, kind: CommandKind, actor: str = "ann", **payload: Any) -> None:
        """What somebody else leaves for the run, over another connection, without a hint."""
        with App(self.app.settings, self.clock) as other, other.database.write() as connection:
            commands.add(connection, run.team, run.id, kind, actor, payload, self.clock.now())

    def finish(self, run: RunRecord) -> RunRecord:
        """Everything that is out, or comes, succeeds with its name."""
        while self.engine.holds(run.id):
            name = next(iter(self.names), None)
            assert name is not None, f"nothing is out, and the run goes on: {self.state(run)}"
            self.end(name, name)
        return find_run(self.app, run.id)

    def state(self, run: RunRecord) -> str:
        return find_run(self.app, run.id).state.value

    def die(self) -> None:
        """The process is gone: nothing is written any more, and its lock is free."""
        self.owner.close()
        self.app.close()


class Flaky:
    """Makes writes of a database fail: before they begin, before they are kept, or just after."""

    def __init__(self, app: App, monkeypatch: Any) -> None:
        self._write = app.database.write
        self.plan: list[str] = []
        monkeypatch.setattr(app.database, "write", self.write)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        how = self.plan.pop(0) if self.plan else "well"
        if how == "before":
            raise StorageError("no database")
        with self._write() as connection:
            yield connection
            if how == "during":
                raise StorageError("the disk is full")
        if how == "after":
            raise StorageError("the connection was lost")


def kinds(found: Sequence[Any]) -> list[str]:
    return [event.kind for event in found]
