"""A run as it was recorded: its tasks with their attempts, what they made, and who carries it on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tidemill.actions.artifacts import reused_in
from tidemill.actions.naming import find_task, key_of
from tidemill.actions.runs import find_run
from tidemill.app import App
from tidemill.core.graph import Node, Pipeline
from tidemill.core.history import AttemptRecord, EventRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.records import Artifact
from tidemill.core.states import TaskState
from tidemill.core.wiring import Wiring
from tidemill.engine.recover import wiring_of
from tidemill.storage.metadata import artifacts, attempts, events, runs, task_runs
from tidemill.storage.metadata.artifacts import TaskKey
from tidemill.storage.metadata.database import Connection

Carried: TypeAlias = Literal["", "alive", "gone", "free"]
"""Who carries an unfinished run: an engine that lives, one that is gone, or nobody; "" for a finished run."""

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task run. `record` is None for a task that has not begun."""

    key: Key
    state: TaskState
    record: TaskRecord | None = None
    attempts: tuple[AttemptRecord, ...] = ()

    @property
    def kind(self) -> TaskKind:
        return self.record.kind if self.record is not None else TaskKind.LEAF

    @property
    def seconds(self) -> float | None:
        """What its attempts took together; for a map, a scope or a wait, from its start to its end.

        The start of a worker, and what was waited between attempts, is no time of the task.
        """
        worked = [attempt.usage.wall_s for attempt in self.attempts if attempt.state.final]
        if worked and len(worked) == len(self.attempts) and sum(worked) > 0:
            return sum(worked)
        record = self.record
        if record is None or record.started_at is None or record.ended_at is None:
            return None
        return (record.ended_at - record.started_at).total_seconds()

    @property
    def cpu_seconds(self) -> float:
        return sum(attempt.usage.cpu_s for attempt in self.attempts)

    @property
    def peak_bytes(self) -> int:
        return max((attempt.usage.peak_bytes for attempt in self.attempts), default=0)


@dataclass(frozen=True, slots=True)
class Made:
    """An artifact with the task run that produced it, in an earlier run if it was `reused`."""

    by: TaskKey
    artifact: Artifact
    reused: bool = False


@dataclass(frozen=True, slots=True)
class RunView:
    """`tasks` are in the order of the definition; what lies in a scope that never began is left out."""

    run: RunRecord
    wiring: Wiring
    tasks: tuple[TaskView, ...]
    made: tuple[Made, ...]
    carried: Carried = ""

    @property
    def pipeline(self) -> Pipeline:
        return self.wiring.pipeline

    def counts(self) -> dict[TaskState, int]:
        """How many task runs are in each state; of maps and scopes that began, what they hold is counted."""
        found: dict[TaskState, int] = {}
        for task in self.tasks:
            if task.kind is TaskKind.LEAF or _never_began(task):
                found[task.state] = found.get(task.state, 0) + 1
        return found


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """One task run with everything that is known of it. `generations` are its rows, oldest first."""

    run: RunRecord
    view: TaskView
    node: Node
    generations: tuple[TaskRecord, ...]
    used: tuple[Made, ...]
    made: tuple[Made, ...]
    events: tuple[EventRecord, ...]


def show_run(app: App, run_id: str) -> RunView:
    """The run with this id, beginning of an id, or "latest". Raises NotFound, InputError."""
    run = find_run(app, run_id)
    with app.database.read() as connection:
        wiring = wiring_of(connection, run)
        rows = task_runs.load(connection, run.id)
        tried = attempts.of_run(connection, run.id)
        made = [Made(key, artifact) for key, artifact in artifacts.of_run(connection, run.id)]
        made += [Made(one.by, one.artifact, reused=True) for one in reused_in(connection, run, rows)]
    tasks = tuple(_tasks(wiring, rows, _by_task(tried), run.state.final))
    return RunView(run, wiring, tasks, tuple(made), carried(app, run))


def show_task(app: App, run_id: str, task: str) -> TaskDetail:
    """One task run by its name as people write it. Raises NotFound, InputError."""
    run = find_run(app, run_id)
    with app.database.read() as connection:
        wiring = wiring_of(connection, run)
        row = find_task(run, task_runs.load(connection, run.id), task, wiring.sites)
        place = (run.id, row.path, row.instance)
        ids = artifacts.used_by(connection, *place, row.generation)
        records = artifacts.get_many(connection, run.team, ids)
        makers = artifacts.producers(connection, run.team, ids)
        made = [Made(key, artifact) for key, artifact in artifacts.of_run(connection, run.id, row.path)]
        detail = TaskDetail(
            run=run,
            view=TaskView(key_of(row), row.state, row, tuple(attempts.of_task(connection, *place))),
            node=wiring.site(row.path).node,
            generations=tuple(task_runs.history(connection, *place)),
            used=tuple(Made(makers[id_], records[id_]) for id_ in ids if id_ in records and id_ in makers),
            made=tuple(one for one in made if one.by.instance == row.instance),
            events=tuple(_events(connection, run.id, row)),
        )
    return detail


def carried(app: App, run: RunRecord) -> Carried:
    """Whether anybody goes on with an unfinished run, as far as this machine can tell."""
    return carriers(app, (run,)).get(run.id, "")


def carriers(app: App, these: Iterable[RunRecord]) -> dict[str, Carried]:
    """For each unfinished one of these runs, by its id, who carries it."""
    unfinished = [run.id for run in these if not run.state.final]
    if not unfinished:
        return {}
    with app.database.read() as connection:
        holders = {lease.run: lease.owner for lease in runs.held(connection)}
    found: dict[str, Carried] = dict.fromkeys(unfinished, "free")
    owner = app.owner()
    try:
        for run_id in unfinished:
            if run_id in holders:
                found[run_id] = "gone" if owner.is_dead(holders[run_id]) else "alive"
    finally:
        owner.close()
    return found


def definition_of(app: App, run: RunRecord) -> Pipeline:
    """The pipeline that the run was submitted with."""
    with app.database.read() as connection:
        return wiring_of(connection, run).pipeline


def rows_of(app: App, run: RunRecord) -> list[TaskRecord]:
    """The newest generation of each task run that was recorded."""
    with app.database.read() as connection:
        return task_runs.load(connection, run.id)


def _tasks(
    wiring: Wiring, rows: Sequence[TaskRecord], tried: Mapping[tuple[str, str], list[AttemptRecord]], over: bool
) -> Iterator[TaskView]:
    by_path: dict[str, list[TaskRecord]] = {}
    for row in rows:
        by_path.setdefault(row.path, []).append(row)
    for path in wiring.sites:
        found = sorted(by_path.get(path, ()), key=lambda row: instance_from(row.instance))
        for row in found:
            of_task = tuple(tried.get((row.path, row.instance), ()))
            yield TaskView(key_of(row), row.state, row, of_task)
        begun = _begun_without_row(tried, path, {row.instance for row in found})
        yield from begun
        parent = wiring.site(path).parent
        if not found and not over and (not parent or not _over(by_path.get(parent, ()))):
            yield TaskView(Key(path), TaskState.PENDING)


def _begun_without_row(
    tried: Mapping[tuple[str, str], list[AttemptRecord]], path: str, with_row: set[str]
) -> list[TaskView]:
    return [
        TaskView(Key(path, instance_from(instance)), TaskState.RUNNING, None, tuple(of_task))
        for (of_path, instance), of_task in tried.items()
        if of_path == path and instance not in with_row
    ]


def _over(rows: Sequence[TaskRecord]) -> bool:
    return bool(rows) and all(row.state.final for row in rows)


def _never_began(task: TaskView) -> bool:
    return task.record is not None and task.state.final and task.record.started_at is None


def _by_task(tried: Sequence[AttemptRecord]) -> dict[tuple[str, str], list[AttemptRecord]]:
    found: dict[tuple[str, str], list[AttemptRecord]] = {}
    for attempt in tried:
        found.setdefault((attempt.path, attempt.instance), []).append(attempt)
    return found


def _events(connection: Connection, run_id: str, row: TaskRecord) -> Iterator[EventRecord]:
    after = 0
    while page := events.read(connection, run_id, after, _PAGE):
        yield from (event for event in page if (event.path, event.instance) == (row.path, row.instance))
        after = page[-1].seq
