"""What people tell a run that is under way: a yes or no to a task that asks, an event to tasks that wait for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidemill.actions.naming import find_task, key_of
from tidemill.actions.runs import actor, find_run
from tidemill.actions.show import Carried, carried
from tidemill.app import App
from tidemill.core.errors import NotFound, StateError
from tidemill.core.graph import UntilApproval, Wait
from tidemill.core.history import CommandKind, RunRecord, TaskRecord
from tidemill.core.instances import Key
from tidemill.core.states import TaskState
from tidemill.core.values import Value
from tidemill.engine.recover import wiring_of
from tidemill.storage.metadata import commands, task_runs


@dataclass(frozen=True, slots=True)
class Told:
    """What was left for the run's engine. `tasks` are those it concerns; `carried` says whether an engine is there."""

    run: RunRecord
    tasks: tuple[Key, ...]
    carried: Carried


def approve(app: App, run_id: str, task: str, yes: bool = True, comment: str = "") -> Told:
    """Answer a task that waits for approval. Raises NotFound, StateError if it does not wait or asks others."""
    run = find_run(app, run_id)
    rows, sites = _unfinished(app, run)
    row = find_task(run, rows, task, sites)
    if not _asks(row):
        waiting = [str(key_of(one)) for one in rows if _asks(one)]
        remedy = f"these wait: {', '.join(waiting)}" if waiting else "no task of this run waits for approval"
        raise StateError(f"task {key_of(row)} is {row.state.value} and waits for no approval", remedy=remedy)
    body = sites[row.path].node.body
    if isinstance(body, Wait) and isinstance(body.until, UntilApproval):
        allowed = body.until.approvers
        if allowed and actor() not in allowed:
            raise StateError(
                f"task {key_of(row)} asks others than {actor()}",
                remedy=f"one of these may answer: {', '.join(allowed)}",
            )
    payload = {"path": row.path, "instance": row.instance, "yes": yes, "comment": comment}
    return _leave(app, run, CommandKind.APPROVE, payload, (key_of(row),))


def emit(app: App, run_id: str, name: str, key: str = "", payload: Value = None) -> Told:
    """Send an event to the tasks of a run. Raises NotFound if none waits for it, naming those that are awaited."""
    run = find_run(app, run_id)
    rows, _ = _unfinished(app, run)
    waiting = [row for row in rows if row.state is TaskState.SUSPENDED and row.wake is not None and row.wake.event]
    met = [row for row in waiting if _waits_for(row, name, key)]
    if not met:
        awaited = sorted({_event(row) for row in waiting})
        remedy = f"awaited are: {', '.join(awaited)}" if awaited else "no task of this run waits for an event now"
        raise NotFound(f"no task of run {run.id} waits for the event {name!r}", remedy=remedy)
    wish = {"name": name, "key": key, "payload": payload}
    return _leave(app, run, CommandKind.EVENT, wish, tuple(key_of(row) for row in met))


def _unfinished(app: App, run: RunRecord) -> tuple[list[TaskRecord], Any]:
    if run.state.final:
        raise StateError(f"run {run.id} is {run.state.value} already", remedy=f"see `tidemill show {run.id}`")
    with app.database.read() as connection:
        return task_runs.load(connection, run.id), wiring_of(connection, run).sites


def _leave(app: App, run: RunRecord, kind: CommandKind, payload: dict[str, Any], tasks: tuple[Key, ...]) -> Told:
    with app.database.write() as connection:
        commands.add(connection, run.team, run.id, kind, actor(), payload, app.clock.now())
    app.doorbell.ring()
    return Told(run, tasks, carried(app, run))


def _asks(row: TaskRecord) -> bool:
    return row.state is TaskState.SUSPENDED and row.wake is not None and bool(row.wake.approval)


def _waits_for(row: TaskRecord, name: str, key: str) -> bool:
    wake = row.wake
    return wake is not None and wake.event == name and (not wake.event_key or wake.event_key == key)


def _event(row: TaskRecord) -> str:
    wake = row.wake
    return "" if wake is None else wake.event + (f" with key {wake.event_key}" if wake.event_key else "")
