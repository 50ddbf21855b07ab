"""What becomes of a run that an engine cannot carry: it ends as failed, or is left to others with a word of why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.errors import TidemillError
from tidemill.core.history import AttemptRecord, EventRecord, RunRecord, TaskRecord
from tidemill.core.states import AttemptState, RunState, TaskState
from tidemill.storage.metadata import attempts, events, limits, runs, task_runs
from tidemill.storage.metadata.database import Connection, Database
from tidemill.storage.metadata.errors import RowDamaged

PASSED_OVER = "run.passed-over"


def fail(database: Database, run_id: str, owner: str, epoch: int, problem: Exception, now: datetime) -> bool:
    """End a run that nobody can read, and what was out of it. False if the lease was lost before."""
    cause = Cause(CauseKind.INFRASTRUCTURE, f"it cannot be carried on: {said(problem)}")
    with database.write() as connection:
        run = runs.get(connection, run_id)
        if run.state.final:
            return runs.release(connection, run_id, owner, epoch)
        out = [
            replace(one, state=AttemptState.LOST, ended_at=now, cause=cause, epoch=epoch)
            for one in attempts.open_of(connection, run_id)
        ]
        under_way = _under_way(connection, run_id)
        rows = [replace(row, state=TaskState.CANCELLED, ended_at=now, cause=cause) for row in under_way]
        recorded = _events(run, out, rows, cause, now)
        if not runs.guard(connection, run_id, owner, epoch, run.next_seq + len(recorded)):
            return False
        limits.release(connection, [one.id for one in out])
        attempts.settle(connection, out)
        task_runs.save(connection, run.team, rows)
        events.append(connection, run.team, recorded)
        runs.change(connection, replace(run, state=RunState.FAILED, cause=cause, ended_at=now), run.state)
        runs.release(connection, run_id, owner, epoch)
    return True


def give_back(database: Database, run_id: str, owner: str, epoch: int, why: str, now: datetime) -> bool:
    """Free a run for others, with an event that says why it was not carried on. False if the lease was lost before."""
    with database.write() as connection:
        run = runs.get(connection, run_id)
        return _noted(connection, run, owner, epoch, why, now) and runs.release(connection, run_id, owner, epoch)


def pass_over(database: Database, run_id: str, owner: str, why: str, now: datetime) -> bool:
    """Leave a free run where it is, with an event that says why. False if somebody else has taken it."""
    with database.write() as connection:
        epoch = runs.take(connection, run_id, owner)
        if epoch is None:
            return False
        run = runs.get(connection, run_id)
        return _noted(connection, run, owner, epoch, why, now) and runs.release(connection, run_id, owner, epoch)


def said(problem: Exception) -> str:
    """An error in one line, for an event or a cause."""
    if isinstance(problem, TidemillError):
        return problem.in_one_line
    return f"{type(problem).__name__}: {problem}"


def _noted(connection: Connection, run: RunRecord, owner: str, epoch: int, why: str, now: datetime) -> bool:
    if not runs.guard(connection, run.id, owner, epoch, run.next_seq + 1):
        return False
    payload = {"by": owner, "message": why}
    events.append(connection, run.team, [EventRecord(run.id, run.next_seq, now, PASSED_OVER, payload=payload)])
    return True


def _under_way(connection: Connection, run_id: str) -> list[TaskRecord]:
    try:
        return [row for row in task_runs.load(connection, run_id) if not row.state.final]
    except RowDamaged:
        return []  # what cannot be read is not written over


def _events(
    run: RunRecord, out: list[AttemptRecord], rows: list[TaskRecord], cause: Cause, now: datetime
) -> list[EventRecord]:
    why = {"cause": cause.kind.value, "message": cause.message, "by": cause.by}
    found: list[EventRecord] = []

    def add(kind: str, path: str = "", instance: str = "", **payload: object) -> None:
        found.append(EventRecord(run.id, run.next_seq + len(found), now, kind, path, instance, {**payload, **why}))

    for one in out:
        add("attempt.lost", one.path, one.instance, attempt=one.id, number=one.number)
    for row in rows:
        if row.path:
            add("task.cancelled", row.path, row.instance, generation=row.generation)
    add("run.failed")
    return found
