"""Task runs: one row for each (run, path, instance, generation). Written in bulk by the holder of the run's lease."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Insert, bindparam, func, select, text

from tidemill.core.causes import Cause
from tidemill.core.history import TaskKind, TaskRecord
from tidemill.core.records import Steer, Wake
from tidemill.core.states import TaskState
from tidemill.storage.metadata.encoding import (
    in_column,
    list_in,
    list_out,
    mapping_in,
    mapping_out,
    moment_in,
    moment_out,
    record_in,
    record_out,
    state_in,
)
from tidemill.storage.metadata.errors import RowDamaged
from tidemill.storage.metadata.statements import Statement, chunks, insert_into
from tidemill.storage.metadata.tables import FINAL_TASK, task_runs

READS: Mapping[str, Callable[[Any], object]] = {
    "kind": partial(state_in, TaskKind),
    "state": partial(state_in, TaskState),
    "outputs": mapping_in,
    "inputs": mapping_in,
    "cause": partial(record_in, Cause),
    "sizes": list_in,
    "steer": partial(record_in, Steer),
    "wake": partial(record_in, Wake),
    "due_at": moment_in,
    "deadline_at": moment_in,
    "started_at": moment_in,
    "ended_at": moment_in,
}
"""How each column that is not as it is in a record is read."""

_KEY = ("run", "path", "instance", "generation")
_NAMES = task_runs.c.keys()


def _upsert(dialect: str) -> Insert:
    insert = insert_into(dialect, task_runs)
    # An end stands: it may be written again as the same end (a repeated commit), never as another.
    return insert.on_conflict_do_update(
        index_elements=_KEY,
        set_={name: insert.excluded[name] for name in _NAMES if name not in _KEY},
        where=text(f"NOT ({FINAL_TASK}) OR task_runs.state = excluded.state"),
    )


_save = Statement(_NAMES, _upsert)
_columns = [column for column in task_runs.c if column.name != "team"]
_ordered = select(*_columns).order_by(*(task_runs.c[name] for name in _KEY))
_of_run = Statement(["of_run"], lambda dialect: _ordered.where(task_runs.c.run == bindparam("of_run")))


def save(connection: Connection, team: str, rows: Sequence[TaskRecord]) -> int:
    """Insert the rows or write them over those of the same key; how many were refused, having ended otherwise."""
    return len(rows) - _save.run(connection, [_row(team, task) for task in rows])


def load(connection: Connection, run: str) -> list[TaskRecord]:
    """The newest generation of each task run of the run, by path and instance."""
    return newest(_of_run.found(connection, (run,)))


def newest(rows: Iterable[Sequence[Any]]) -> list[TaskRecord]:
    """The newest generation of each task run, of whole rows without their team that are sorted by their key."""
    found = {(row[1], row[2]): row for row in rows}
    return [_record(row) for row in found.values()]


def superseded(connection: Connection, run: str) -> list[TaskRecord]:
    """The older generations of the task runs that have several, oldest first within each."""
    newer = task_runs.alias("newer")
    same = [newer.c[name] == task_runs.c[name] for name in _KEY if name != "generation"]
    later = select(newer.c.run).where(*same, newer.c.generation > task_runs.c.generation).exists()
    return [_record(row) for row in connection.execute(_ordered.where(task_runs.c.run == run, later))]


def history(connection: Connection, run: str, path: str, instance: str) -> list[TaskRecord]:
    """All generations of one task run, oldest first."""
    rows = connection.execute(
        _ordered.where(task_runs.c.run == run, task_runs.c.path == path, task_runs.c.instance == instance)
    )
    return [_record(row) for row in rows]


def counts(connection: Connection, run: str) -> dict[TaskState, int]:
    """How many task runs are in each state, by their newest generation; states that do not occur are left out."""
    newer = task_runs.alias("newer")
    superseded = (
        select(newer.c.run)
        .where(
            newer.c.run == task_runs.c.run,
            newer.c.path == task_runs.c.path,
            newer.c.instance == task_runs.c.instance,
            newer.c.generation > task_runs.c.generation,
        )
        .exists()
    )
    rows = connection.execute(
        select(task_runs.c.state, func.count()).where(task_runs.c.run == run, ~superseded).group_by(task_runs.c.state)
    )
    return {state_in(TaskState, state): number for state, number in rows}


def state_of(connection: Connection, run: str, paths: Sequence[str]) -> dict[tuple[str, str], TaskState]:
    """The state of the newest generation of each (path, instance) at these paths."""
    states: dict[tuple[str, str], TaskState] = {}
    columns = (task_runs.c.path, task_runs.c.instance, task_runs.c.state)
    for some in chunks(paths):
        rows = connection.execute(
            select(*columns).where(task_runs.c.run == run, task_runs.c.path.in_(some)).order_by(task_runs.c.generation)
        )
        states.update(((path, instance), state_in(TaskState, state)) for path, instance, state in rows)
    return states


def _row(team: str, task: TaskRecord) -> tuple[object, ...]:
    return (
        task.run,
        task.path,
        task.instance,
        task.generation,
        team,
        task.kind.value,
        task.state.value,
        mapping_out(task.outputs),
        mapping_out(task.inputs),
        record_out(task.cause),
        task.count,
        list_out(task.sizes),
        task.round,
        task.attempts,
        task.failures,
        task.losses,
        record_out(task.steer),
        record_out(task.wake),
        moment_out(task.due_at),
        moment_out(task.deadline_at),
        moment_out(task.started_at),
        moment_out(task.ended_at),
        task.reused_from,
    )


def _record(row: Sequence[Any]) -> TaskRecord:
    (
        run,
        path,
        instance,
        generation,
        kind,
        state,
        outputs,
        inputs,
        cause,
        count,
        sizes,
        round_,
        attempts,
        failures,
        losses,
        steer,
        wake,
        due_at,
        deadline_at,
        started_at,
        ended_at,
        reused_from,
    ) = row
    try:
        return TaskRecord(
            run=run,
            path=path,
            instance=instance,
            generation=generation,
            kind=state_in(TaskKind, kind),
            state=state_in(TaskState, state),
            outputs=mapping_in(outputs),
            inputs=mapping_in(inputs),
            cause=record_in(Cause, cause),
            count=count,
            sizes=list_in(sizes),
            round=round_,
            attempts=attempts,
            failures=failures,
            losses=losses,
            steer=record_in(Steer, steer),
            wake=record_in(Wake, wake),
            due_at=moment_in(due_at),
            deadline_at=moment_in(deadline_at),
            started_at=moment_in(started_at),
            ended_at=moment_in(ended_at),
            reused_from=reused_from,
        )
    except RowDamaged:
        found = zip((column.name for column in _columns), row, strict=True)
        raise in_column(task_runs.name, READS, dict(found)) from None
