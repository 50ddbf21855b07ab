"""Runs a graph through `decide` alone, on a virtual clock: a script says how each attempt ends."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from tests.unit.engine.ledger import Ledger
from tidemill.core.bindings import Apply, Binding, Const, DictOf, FunctionRef, ListOf, Output
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.clock import EPOCH, VirtualClock
from tidemill.core.graph import Call, Node, OutputSpec, Pipeline, Scope
from tidemill.core.graph_json import pipeline_from_text, pipeline_text
from tidemill.core.history import RunRecord
from tidemill.core.instances import Instance, Key, Step
from tidemill.core.records import Artifact, Gone, Report, Steer, Wake
from tidemill.core.states import AttemptState, RunState, TaskState
from tidemill.core.wiring import Wiring
from tidemill.engine.decide import decide
from tidemill.engine.moves import (
    AttemptStarted,
    Begin,
    CacheAnswered,
    Dispatch,
    Event,
    LookUp,
    Move,
    Reported,
    SetTimer,
    StopAttempt,
    TaskMoved,
    TimerFired,
    WentAway,
)
from tidemill.engine.progress import Progress
from tidemill.planning.facts import CacheMiss


@dataclass(frozen=True)
class Started:
    """What the script is told about an attempt."""

    path: str
    instance: Instance
    number: int
    inputs: Mapping[str, Any]
    resources: Mapping[str, Any] = field(default_factory=dict)
    resume: Any = None

    @property
    def index(self) -> int:
        return self.instance[-1].item if self.instance else -1


@dataclass(frozen=True)
class Fail:
    message: str = "boom"
    kind: CauseKind = CauseKind.USER_CODE


@dataclass(frozen=True)
class Skipped:
    reason: str = "not needed"


@dataclass(frozen=True)
class Done:
    """An end with more than one plain result."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    steer: Steer | None = None
    artifacts: tuple[Artifact, ...] = ()


class Stays:
    """The attempt does not end by itself."""


Script = Callable[[Started], Any]


def task(id: str, *names: str, **options: Any) -> Node:
    """A Call named after its id; `names` are upstream tasks whose result it takes."""
    inputs = {name.replace("/", "_"): Output(name) for name in names} | options.pop("inputs", {})
    outputs = {key: OutputSpec() for key in options.pop("outputs", ("result",))}
    return Node(id, Call(FunctionRef("user", id), outputs), inputs=inputs, **options)


def pipeline(*nodes: Node, **options: Any) -> Pipeline:
    scope = Scope(nodes, outcome=options.pop("outcome", Scope().outcome), outputs=options.pop("outputs", {}))
    made = Pipeline("test", scope, **options)
    # Every graph of the tests also goes through its stored form: what cannot be stored cannot be run.
    return pipeline_from_text(pipeline_text(made))


class Simulation:
    """`script` gives the result of an attempt, or Fail, Skipped, Done, Wake or Stays; `slots` run at a time."""

    def __init__(self, graph: Pipeline, script: Script | None = None, slots: int = 4, **run: Any) -> None:
        self.clock = VirtualClock()
        record = RunRecord("r", "default", graph.name, "", run.pop("params", {}), RunState.QUEUED, EPOCH, seed=7, **run)
        self.progress = Progress(Wiring(graph), record)
        self.ledger = Ledger(record)
        self.watch: Callable[[Simulation, list[Move]], None] = lambda run, moves: None
        self.script = script or (lambda started: started.path)
        self.slots = slots
        self.moves: list[Move] = []
        self.started: list[Started] = []
        self._out: dict[str, Started] = {}
        self._stopped: set[str] = set()
        self._timers: list[tuple[datetime, int, TimerFired]] = []
        self._order = count()
        self._cache: dict[str, Any] = {}

    def send(self, event: Event) -> None:
        moves = decide(self.progress, event, self.clock.now())
        self.ledger.note(moves)
        self.watch(self, moves)
        for move in moves:
            self.moves.append(move)
            match move:
                case SetTimer(at=at, key=key, kind=kind):
                    heapq.heappush(self._timers, (at, next(self._order), TimerFired(key, kind)))
                case AttemptStarted(record=record, key=key, execute=execute, resume=resume):
                    inputs = {name: plain(binding) for name, binding in execute.inputs.items()}
                    told = Started(key.path, key.instance, record.number, inputs, execute.resources, resume)
                    self._out[record.id] = told
                    self.started.append(told)
                case StopAttempt(attempt=attempt):
                    self._stopped.add(attempt)
                case LookUp(key=key):
                    self.send(CacheAnswered(key, CacheMiss()))

    def crash(self, adopt: Callable[[str], bool] = lambda attempt: False) -> Simulation:
        """What another engine goes on with: memory from the rows; attempts are adopted, or given up as lost."""
        other = self._again(self.ledger.restored(self.progress.wiring), self.ledger)
        other._cache, other.watch = self._cache, self.watch
        other.send(Begin())
        for attempt in list(other.progress.attempts):
            if attempt in self._out and adopt(attempt):
                other._out[attempt] = self._out[attempt]
            elif attempt in other.progress.attempts:
                cause = Cause(CauseKind.INFRASTRUCTURE, "gone with its engine")
                other.send(WentAway(Gone(attempt, cause, lost=True)))
        return other

    def reopened(self, *also: str, script: Script | None = None) -> Simulation:
        """The run after `reopen`: what must be repeated is pending again, the rest stands."""
        assert self.progress.state.final
        ledger = self.ledger.copy()
        other = self._again(ledger.reopened(self.progress.wiring, self.clock.now(), also), ledger)
        other.script = script or other.script
        other.watch = self.watch
        return other

    def _again(self, progress: Progress, ledger: Ledger) -> Simulation:
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.progress, other.ledger = progress, ledger
        other._out, other._stopped, other._timers = {}, set(), []
        other.moves, other.started = list(self.moves), list(self.started)
        return other

    def run(self, until: Callable[[Simulation], bool] | None = None) -> Simulation:
        """Go on until the run is over, nothing more happens, or `until` holds."""
        self.send(Begin())
        return self.go_on(until)

    def go_on(self, until: Callable[[Simulation], bool] | None = None) -> Simulation:
        while not self.progress.state.final and not (until and until(self)):
            if not self.step():
                break
        return self

    def begin(self) -> None:
        self.send(Begin())

    def step(self) -> bool:
        """One more thing happens; False if nothing does."""
        if self.progress.state.final:
            return False
        room = self.slots - self.progress.running
        if room:
            self.send(Dispatch(room))
        if self._end_one():
            return True
        if self._timers:
            at, _, fired = heapq.heappop(self._timers)
            self.clock.advance_to(at)
            self.send(fired)
            return True
        return False

    def _end_one(self) -> bool:
        for attempt, told in list(self._out.items()):
            if attempt in self._stopped:
                del self._out[attempt]
                cause = Cause(CauseKind.CANCELLED, "stopped")
                self.send(Reported(Report(attempt, AttemptState.CANCELLED, cause=cause)))
                return True
            report = self.report(attempt, told)
            if report is None:
                continue
            del self._out[attempt]
            self.send(Reported(report))
            return True
        return False

    def report(self, attempt: str, told: Started) -> Report | None:
        """How an attempt ends; None if it does not."""
        answer = self.script(told)
        return None if isinstance(answer, Stays) else report_of(attempt, answer)

    # --- what came of it ---

    @property
    def state(self) -> str:
        return self.progress.state.value

    def states(self) -> dict[str, str]:
        """State of every unit that exists, under the name people read; the root left out."""
        return {str(key): unit.state.value for key, unit in self.progress.units.items() if key.path}

    def of(self, name: str) -> str:
        return self.states()[name]

    def inputs(self, path: str, *indexes: int) -> Mapping[str, Any]:
        """The inputs of the last attempt of a task run."""
        found = [told for told in self.started if told.path == path and tuple(s.item for s in told.instance) == indexes]
        return found[-1].inputs

    def ran(self, path: str) -> list[Started]:
        return [told for told in self.started if told.path == path]

    def key(self, path: str, *indexes: int) -> Key:
        return Key(path, tuple(Step(index) for index in indexes))

    def cause(self, name: str) -> Cause:
        cause = next(unit.cause for key, unit in self.progress.units.items() if str(key) == name)
        assert cause is not None
        return cause

    def last_rows(self) -> dict[Key, Any]:
        """What the database would hold: the last row written for each task run."""
        rows = {}
        for move in self.moves:
            if isinstance(move, TaskMoved):
                rows[move.record.path, move.record.instance, move.record.generation] = move.record
        return rows


def plain(binding: Binding) -> Any:
    match binding:
        case Const(value=value):
            return value
        case ListOf(items=items):
            return [plain(item) for item in items]
        case DictOf(items=named):
            return {name: plain(item) for name, item in named.items()}
        case Apply(function=function, inputs=inputs):
            return (str(function), {name: plain(item) for name, item in inputs.items()})
    raise AssertionError(binding)


def report_of(attempt: str, answer: Any) -> Report:
    match answer:
        case Fail(message=message, kind=kind):
            return Report(attempt, AttemptState.FAILED, cause=Cause(kind, message))
        case Skipped(reason=reason):
            return Report(attempt, AttemptState.SKIPPED, cause=Cause(CauseKind.CONDITION, reason))
        case Done(outputs=outputs, steer=steer, artifacts=artifacts):
            return Report(attempt, AttemptState.SUCCEEDED, outputs, artifacts, steer=steer)
        case Wake():
            return Report(attempt, AttemptState.SUSPENDED, wake=answer)
        case _:
            return Report(attempt, AttemptState.SUCCEEDED, {"result": answer})


def scripted(results: Mapping[str, Any]) -> Script:
    """A script from a table: path -> result, or a function of what was started. Others give their path."""

    def answer(told: Started) -> Any:
        found = results.get(told.path, told.path)
        return found(told) if callable(found) else found

    return answer


__all__ = [
    "Done",
    "Fail",
    "Script",
    "Simulation",
    "Skipped",
    "Started",
    "Stays",
    "TaskState",
    "pipeline",
    "plain",
    "scripted",
    "task",
]
