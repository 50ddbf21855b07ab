"""A run between two actors who know nothing of each other: the worker, and people with time and engines that die.

An action is a name with a place (an attempt, a unit); a walk is a list of them, and always leads to the same state.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.unit.engine.invariants import Invariants
from tests.unit.engine.simulation import Simulation, Stays
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import Pipeline
from tidemill.core.history import TaskKind
from tidemill.core.records import Gone, Pushed, Report, Wake
from tidemill.core.states import ATTEMPT_MOVES, RUN_MOVES, AttemptState, RunState, TaskState
from tidemill.engine.moves import (
    Approved,
    AttemptSettled,
    AttemptStarted,
    Begin,
    Cancel,
    Dispatch,
    Event,
    Happened,
    Marked,
    Move,
    PushedOutput,
    Reported,
    RunMoved,
    TaskMoved,
    WentAway,
)
from tidemill.engine.progress import ROOT
from tidemill.engine.unit import Unit


@dataclass(frozen=True, order=True)
class Action:
    name: str
    place: str = ""

    def __repr__(self) -> str:
        return f"{self.name} {self.place}".strip()


BOOM = Cause(CauseKind.USER_CODE, "boom")
KILLED = Cause(CauseKind.INFRASTRUCTURE, "killed")

WORKER: dict[str, Callable[[str], Event]] = {
    "succeeds": lambda id: Reported(Report(id, AttemptState.SUCCEEDED, {"result": 1})),
    "fails": lambda id: Reported(Report(id, AttemptState.FAILED, cause=BOOM)),
    "skips": lambda id: Reported(Report(id, AttemptState.SKIPPED, cause=Cause(CauseKind.CONDITION, "not needed"))),
    "refuses": lambda id: Reported(Report(id, AttemptState.FAILED, cause=Cause(CauseKind.REFUSED, "never"))),
    "obeys": lambda id: Reported(Report(id, AttemptState.CANCELLED, cause=Cause(CauseKind.CANCELLED, "stopped"))),
    "sleeps": lambda id: Reported(Report(id, AttemptState.SUSPENDED, wake=Wake(event="go", deadline_s=41.0))),
    "polls": lambda id: Reported(Report(id, AttemptState.SUSPENDED, wake=Wake(after_s=10.0))),
    "is lost": lambda id: WentAway(Gone(id, KILLED, lost=True)),
    "dies": lambda id: WentAway(Gone(id, KILLED)),
    "pushes": lambda id: PushedOutput(Pushed(id, "seen", 1)),
}

ACTORS = {
    "one who cancels": frozenset({"cancel", "reopen"}),
    "one who knows better": frozenset({"mark succeeded", "mark failed", "mark skipped", "timer"}),
    "one who is asked": frozenset({"approve", "refuse", "event", "takeover"}),
    "time": frozenset({"timer", "early timer", "takeover alone"}),
}
"""Who acts besides the worker, and how."""


@dataclass(frozen=True)
class Case:
    """A small run: its graph, the paths that people may mark, how many attempts are out at a time."""

    graph: Pipeline
    marks: tuple[str, ...]
    slots: int = 4


class Walk:
    """The state that a list of actions leads to; what must always hold is asserted at every step from there on."""

    def __init__(self, case: Case, actions: tuple[Action, ...] = ()) -> None:
        self.case = case
        self.actions: tuple[Action, ...] = ()
        self.run = Simulation(case.graph, lambda told: Stays(), case.slots)
        # Marks of maps and scopes, and what is to stop teardowns, stay until all that they are about has ended.
        self._words: list[Marked | Cancel] = []
        self._send(Begin())
        for action in actions:
            self._do(action)
        self.actions = actions
        self.run.watch = self._watch(Invariants(self.run.ledger))
        self._waits_for_something()

    def do(self, action: Action) -> None:
        self.actions = (*self.actions, action)
        before = dict(self.run.ledger.attempts)
        moves = self._do(action)
        for id, record in before.items():
            after = self.run.ledger.attempts[id]
            assert record.state is AttemptState.STARTED or after == record, "attempts are final"
        if action.name in WORKER and before[action.place].state.final:
            assert [move for move in moves if not _harmless(move)] == [], (
                f"{action} came too late and changed something"
            )
        self._waits_for_something()

    def _do(self, action: Action) -> list[Move]:
        name, place, run = action.name, action.place, self.run
        start = len(run.moves)
        match name:
            case _ if name in WORKER:
                self._send(WORKER[name](place))
            case "mark succeeded" | "mark failed" | "mark skipped":
                word = Marked(self._unit(place).key, TaskState(name.partition(" ")[2]), "ann")
                self._words.append(word)
                self._send(word)
            case "approve" | "refuse":
                self._send(Approved(self._unit(place).key, name == "approve", "ann"))
            case "cancel":
                if run.progress.cancelled is not None:
                    self._words.append(Cancel("ann"))
                self._send(Cancel("ann"))
            case "event":
                self._send(Happened("go", payload="it happened"))
            case "timer":
                run.clock.advance_to(max(run._timers[0][0], run.clock.now()))
                self._fire_timers()
            case "early timer":
                self._send(heapq.heappop(run._timers)[2])
            case "takeover":
                self._take_over(adopt=True)
                return []
            case "takeover alone":
                self._take_over(adopt=False)
                return []
            case "reopen":
                self.run = run.reopened(script=lambda told: Stays())
                self.run.watch = self._watch(Invariants(run.ledger))
                self._words.clear()
                self._send(Begin())
                return []
            case _:
                raise AssertionError(name)
        return run.moves[start:]

    def enabled(self) -> Iterator[Action]:
        """What may happen next. The worker may also speak of the attempt that ended last."""
        run = self.run
        ids = list(run.ledger.attempts)
        over = [id for id in ids if run.ledger.attempts[id].state.final]
        out = [id for id in ids if not run.ledger.attempts[id].state.final]
        if not run.progress.state.final:
            for id in out:
                yield from (Action(name, id) for name in WORKER)
            yield from (Action(name, id) for id in over[-1:] for name in ("succeeds", "fails", "is lost", "pushes"))
            for unit in run.progress.units.values():
                yield from (Action(name, str(unit.key)) for name in self._wishes(unit))
            yield Action("cancel")
            yield Action("takeover")
            if out:
                yield Action("takeover alone")
            if any(unit.wake is not None and unit.wake.event for unit in run.progress.units.values()):
                yield Action("event")
            if run._timers:
                yield Action("timer")
                yield Action("early timer")
        else:
            yield from (Action(name, id) for id in over[-1:] for name in ("succeeds", "is lost"))
            yield Action("cancel")
            yield Action("reopen")

    def _wishes(self, unit: Unit) -> Iterator[str]:
        if unit.state.final or unit.key == ROOT:
            return
        if unit.key.path in self.case.marks:
            yield from ("mark succeeded", "mark failed", "mark skipped")
        if unit.wake is not None and unit.wake.approval:
            yield from ("approve", "refuse")

    def finish(self) -> dict[str, Any]:
        """To the end, everything from now on going well: what it came to, and what it had to be told for that."""
        told: list[Event] = []
        for _ in range(60):
            run = self.run
            if run.progress.state.final:
                break
            out = next((id for id, one in run.ledger.attempts.items() if not one.state.final), None)
            if out is not None:
                self._send(WORKER["obeys" if out in run._stopped else "succeeds"](out))
            elif any(unit.wake is not None and unit.wake.event for unit in run.progress.units.values()):
                told.append(Happened("go", payload="it happened"))
                self._send(told[-1])
            elif asked := [u.key for u in run.progress.units.values() if u.wake is not None and u.wake.approval]:
                told.append(Approved(asked[0], True, "ann"))
                self._send(told[-1])
            else:
                self.do(Action("timer"))
        assert self.run.progress.state.final, f"it never ends: {self.run.states()}"
        rows = {
            f"{row.path}{row.instance}": (row.state.value, dict(row.outputs), row.round, row.count)
            for row in self.run.ledger.newest()
        }
        return {"run": self.run.state, "cause": self.run.ledger.run.cause, "tasks": rows, "told": told}

    def fingerprint(self) -> Any:
        """All that what follows depends on; times only as far as they are still to come."""
        run, progress = self.run, self.run.progress
        now = run.clock.now()
        units = [
            (
                str(unit.key),
                unit.state,
                unit.generation,
                repr(dict(unit.outputs)),
                unit.cause,
                (unit.count, unit.created, unit.open, unit.filled, unit.round),
                (unit.attempts, unit.failures, unit.losses),
                unit.wake,
                unit.due_at and unit.due_at - now,
                unit.deadline_at and unit.deadline_at - now,
                unit.started_at is None,
                unit.attempt and unit.attempt.id,
                unit.execute is None,
                repr(unit.pushed),
                (unit.stopping, unit.marked, unit.asked),
                (unit.counts.open, unit.counts.succeeded, unit.counts.failed, unit.counts.skipped),
            )
            for unit in progress.units.values()
        ]
        timers = sorted((str(at - now), str(fired)) for at, _, fired in run._timers)
        records = [(id, one.state) for id, one in run.ledger.attempts.items()]
        ledger = run.ledger.run
        whole = (ledger.state, ledger.cause, ledger.generation, progress.state, progress.cancelled)
        queues = (sorted(map(str, progress.ready.keys)), sorted(run._stopped), progress.skips, self._words)
        return repr((units, timers, records, whole, queues))

    # --- how it is done ---

    def _send(self, event: Event) -> None:
        """As the engine: decide, and in the same turn start what can be started."""
        self.run.send(event)
        if not self.run.progress.state.final and self.run.progress.ready:
            self.run.send(Dispatch(self.run.slots - self.run.progress.running))
        self._words = [word for word in self._words if self._stays(word)]

    def _stays(self, word: Marked | Cancel) -> bool:
        progress = self.run.progress
        return progress.is_being_marked(word.key) if isinstance(word, Marked) else not progress.state.final

    def _take_over(self, adopt: bool) -> None:
        """As an engine that holds a run: what is due comes first, then what is lost, then people's words."""
        words = list(self._words)
        self.run = self.run.crash(adopt=lambda attempt: True)
        self._fire_timers()
        if not adopt:
            for id in list(self.run.progress.attempts):
                self._send(WORKER["is lost"](id))
        for word in words:
            self._send(word)
        self._words = words
        self._send(Dispatch(self.run.slots - self.run.progress.running))

    def _fire_timers(self) -> None:
        while self.run._timers and self.run._timers[0][0] <= self.run.clock.now():
            self._send(heapq.heappop(self.run._timers)[2])

    def _unit(self, place: str) -> Unit:
        return next(unit for unit in self.run.progress.units.values() if str(unit.key) == place)

    def _watch(self, invariants: Invariants) -> Callable[[Simulation, list[Move]], None]:
        def watch(run: Simulation, moves: list[Move]) -> None:
            invariants(run, moves)
            for move in moves:
                if isinstance(move, RunMoved):
                    assert move.new in RUN_MOVES[move.old]
                    assert not move.old.final, "only `reopen` leads out of a final state"
                if isinstance(move, AttemptSettled):
                    assert move.record.state in ATTEMPT_MOVES[AttemptState.STARTED]

        return watch

    def _waits_for_something(self) -> None:
        """Whatever has not ended is out, in the queue, or waits for something that can be named."""
        progress = self.run.progress
        if progress.state.final:
            return
        assert progress.state in (RunState.RUNNING, RunState.CANCELLING)
        timers = {(fired.key, at) for at, _, fired in self.run._timers}
        assert any(not unit.state.final for unit in progress.units.values())
        for unit in progress.units.values():
            match unit.state:
                case TaskState.RUNNING if unit.kind is TaskKind.LEAF:
                    assert unit.attempt is not None
                case TaskState.READY:
                    assert unit.key in progress.ready.keys
                    assert progress.running >= self.run.slots, "there is room, and it was not started"
                case TaskState.RETRYING:
                    assert (unit.key, unit.due_at) in timers
                case TaskState.SUSPENDED:
                    named = unit.wake is not None and (unit.wake.event or unit.wake.approval)
                    assert named or (unit.key, unit.due_at) in timers
                    assert unit.deadline_at is None or (unit.key, unit.deadline_at) in timers
                case TaskState.PENDING:
                    assert unit.counts.open > 0, f"{unit.key} waits for nothing"
                case _:
                    pass


def _harmless(move: Move) -> bool:
    return not isinstance(move, TaskMoved | RunMoved | AttemptSettled | AttemptStarted)
