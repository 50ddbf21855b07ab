"""Two runs side by side: parameters, code, graph, and each task with its state, inputs, outputs, metrics and time.

Compares records alone: artifacts by their digest, values by value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidemill.actions.changed_code import CodeChange, code_changes
from tidemill.actions.recorded import memory_of
from tidemill.actions.show import RunView, TaskView, show_run
from tidemill.app import App
from tidemill.core.bindings import Binding, Const, children
from tidemill.core.history import RunRecord, TaskKind
from tidemill.core.instances import Key
from tidemill.core.records import Artifact
from tidemill.core.states import TaskState
from tidemill.core.values import MISSING, ArtifactRef, Missing, Value, encode, references
from tidemill.core.wiring import Wiring
from tidemill.engine.carrying_over import Change, change
from tidemill.engine.progress import Progress
from tidemill.planning.facts import NotYet
from tidemill.planning.resolve import Absence, Place, Unbound, reduce_inputs
from tidemill.storage.metadata import artifacts, task_runs


@dataclass(frozen=True, slots=True)
class Given:
    """A value with the records of the artifacts in it; MISSING if there is none."""

    value: Value | Missing
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)

    @property
    def identity(self) -> Any:
        """Equal for what is the same to the last bit."""
        return _identity(self.value, self.artifacts)


Pair = tuple[Given, Given]
"""What it is in the first run, and in the second."""


@dataclass(frozen=True, slots=True)
class TaskPair:
    """A task run that is in one of two runs, or in both. Of values only those that differ are there, unless all are
    wanted; `metrics` are numbers by the output and name under which they were given."""

    name: str
    tasks: tuple[TaskView | None, TaskView | None]
    inputs: Mapping[str, Pair] = field(default_factory=dict)
    outputs: Mapping[str, Pair] = field(default_factory=dict)
    metrics: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    differs: bool = False

    @property
    def states(self) -> tuple[TaskState | None, TaskState | None]:
        one, other = self.tasks
        return (one.state if one is not None else None, other.state if other is not None else None)

    @property
    def seconds(self) -> tuple[float | None, float | None]:
        one, other = self.tasks
        return (one.seconds if one is not None else None, other.seconds if other is not None else None)


@dataclass(frozen=True, slots=True)
class RunDiff:
    """`tasks` are those that differ, or all; `same` is the number of those that do not differ."""

    runs: tuple[RunRecord, RunRecord]
    params: Mapping[str, tuple[Value | Missing, Value | Missing]]
    code: tuple[CodeChange, ...]
    graph: Change
    tasks: tuple[TaskPair, ...]
    same: int

    @property
    def nothing(self) -> bool:
        """Whether no difference was found: not in what went in, nor in what came out."""
        return not (self.params or self.code or any(task.differs for task in self.tasks)) and self.graph.nothing


def diff_runs(app: App, first: str, second: str, everything: bool = False) -> RunDiff:
    """What differs between two runs; with `everything` also what does not. Raises NotFound, InputError."""
    sides = [_Side(app, show_run(app, run)) for run in (first, second)]
    old, new = sides
    names = dict.fromkeys([*old.tasks, *new.tasks])
    for side in sides:
        # A scope that did not succeed in one run is told with how it ended in the other.
        side.tasks.update({name: side.scopes[name] for name in names if name not in side.tasks and name in side.scopes})
    pairs = [_pair(name, old, new, everything) for name in names]
    params = dict.fromkeys([*old.run.params, *new.run.params])
    values = {name: (old.run.params.get(name, MISSING), new.run.params.get(name, MISSING)) for name in params}
    return RunDiff(
        (old.run, new.run),
        {name: pair for name, pair in values.items() if everything or _plain(pair[0]) != _plain(pair[1])},
        tuple(code_changes(old.wiring.pipeline, new.wiring.pipeline)),
        change(old.wiring, new.wiring),
        tuple(pair for pair in pairs if everything or pair.differs),
        sum(not pair.differs for pair in pairs),
    )


class _Side:
    """One run, with what its tasks were given."""

    def __init__(self, app: App, view: RunView) -> None:
        self.run = view.run
        self.wiring: Wiring = view.wiring
        self.tasks: dict[str, TaskView] = {}
        self.scopes: dict[str, TaskView] = {}
        for task in view.tasks:
            if task.kind is TaskKind.LEAF or task.state is not TaskState.SUCCEEDED:
                # Of a retried scope the newest round counts, which comes last.
                self.tasks[_name(task.key)] = task
            else:
                self.scopes[_name(task.key)] = task
        with app.database.read() as connection:
            rows, older = task_runs.load(connection, self.run.id), task_runs.superseded(connection, self.run.id)
            self.artifacts = {one.artifact.id: one.artifact for one in view.made}
            named = {ref.id for row in rows for value in row.outputs.values() for ref in references(value)}
            more = artifacts.get_many(connection, self.run.team, sorted(named - self.artifacts.keys()))
        self.artifacts.update(more)
        begun = self.run.started_at or self.run.created_at
        self._memory: Progress = memory_of(self.wiring, self.run, rows, self.artifacts, older, begun)

    def inputs(self, name: str) -> dict[str, Given]:
        """What a task was given, as far as that can be worked out."""
        task = self.tasks.get(name)
        if task is None or task.record is None or task.kind is not TaskKind.LEAF:
            return {}
        site = self.wiring.site(task.key.path)
        try:
            reduced = reduce_inputs(site.node.inputs, Place(site, task.key.instance), self._memory)
        except (Absence, Unbound, NotYet, LookupError):
            return {}
        return {key: self._given(_value(binding)) for key, binding in reduced.items()}

    def outputs(self, name: str) -> dict[str, Given]:
        task = self.tasks.get(name)
        record = task.record if task is not None else None
        return {} if record is None else {key: self._given(value) for key, value in record.outputs.items()}

    def _given(self, value: Value) -> Given:
        found = {ref.id: self.artifacts[ref.id] for ref in references(value) if ref.id in self.artifacts}
        return Given(value, found)


def _pair(name: str, old: _Side, new: _Side, everything: bool) -> TaskPair:
    tasks = (old.tasks.get(name), new.tasks.get(name))
    inputs = dict(_differing(old.inputs(name), new.inputs(name), everything))
    given = dict(_differing(old.outputs(name), new.outputs(name), everything))
    outputs, metrics = {}, {}
    for key, pair in given.items():
        numbers = [_numbers(one.value) for one in pair]
        if numbers[0] is None or numbers[1] is None:
            outputs[key] = pair
            continue
        for metric in dict.fromkeys([*numbers[0], *numbers[1]]):
            both = (numbers[0].get(metric), numbers[1].get(metric))
            if everything or both[0] != both[1]:
                metrics[metric if key == "result" else f"{key}.{metric}"] = both
    states = [task.state if task is not None else None for task in tasks]
    other = any(one.identity != two.identity for one, two in (*inputs.values(), *given.values()))
    return TaskPair(name, tasks, inputs, outputs, metrics, other or states[0] is not states[1])


def _differing(old: Mapping[str, Given], new: Mapping[str, Given], everything: bool) -> Iterator[tuple[str, Pair]]:
    for name in dict.fromkeys([*old, *new]):
        pair = (old.get(name, Given(MISSING)), new.get(name, Given(MISSING)))
        if everything or pair[0].identity != pair[1].identity:
            yield name, pair


def _numbers(value: Value | Missing) -> dict[str, float] | None:
    """Metrics are mappings of names to numbers; what is not there has none."""
    if value is MISSING:
        return {}
    numbers = isinstance(value, dict) and value and all(type(one) in (int, float) for one in value.values())
    return dict(value) if numbers and isinstance(value, dict) else None


def _value(binding: Binding) -> Value:
    """A reduced binding as a value: what is worked out in the worker only, by what goes into it."""
    match binding:
        case Const(value=value):
            return value
        case _:
            return [type(binding).__name__, str(getattr(binding, "function", "")), *map(_value, children(binding))]


def _identity(value: Value | Missing, known: Mapping[str, Artifact]) -> Any:
    match value:
        case ArtifactRef(id=id, at=at):
            artifact = known.get(id)
            if artifact is None:
                return ("artifact", id, at)
            content = artifact.digest or (artifact.uri, artifact.version, _plain(dict(artifact.metadata)))
            return ("artifact", content, artifact.codec, at)
        case dict():
            return ("dict", [(key, _identity(item, known)) for key, item in sorted(value.items())])
        case list():
            return ("list", [_identity(item, known) for item in value])
        case _:
            return _plain(value)


def _plain(value: Value | Missing) -> Any:
    """Tells int from float and true from one; not-a-number is itself."""
    return repr(value) if value is MISSING else repr(encode(value))


def _name(key: Key) -> str:
    """Without rounds: these differ by how often something was tried."""
    return key.path + "".join(f"[{step.item}]" for step in key.instance)
