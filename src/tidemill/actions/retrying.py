"""By which version a finished run would go on: the graph it was made with, or the one its file says now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidemill.actions.changed_code import CodeChange, Definitions, code_changes, today
from tidemill.actions.compile import compile_pipeline
from tidemill.actions.naming import whole_task
from tidemill.app import App
from tidemill.core.errors import StateError
from tidemill.core.graph import Call, Pipeline
from tidemill.core.history import RunRecord, TaskKind
from tidemill.core.states import TaskState
from tidemill.core.wiring import Wiring
from tidemill.engine.carrying_over import Change, change
from tidemill.engine.recover import wiring_of
from tidemill.engine.reopen import current_rows, to_run_again
from tidemill.engine.restore import key_of
from tidemill.storage.metadata import task_runs
from tidemill.storage.metadata.database import Connection


@dataclass(frozen=True, slots=True)
class Version:
    """`pipeline` is what the run goes on by. `changed` and `code` are how the file differs from what the run was made
    with; `unread` says why that is not known. `read` is the file as it is now, `outdated` are tasks that are kept
    although their code is not what it was when they ran, `also` the paths of those that were named."""

    pipeline: Pipeline
    newest: Pipeline | None
    changed: Change
    code: tuple[CodeChange, ...]
    unread: str = ""
    read: Pipeline | None = None
    outdated: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


def version_for(app: App, run: RunRecord, newest: bool, also: Sequence[str] = ()) -> Version:
    """Raises NotFound for a task of `also` that is not there, StateError, and with `newest` what compiling raises."""
    with app.database.read() as connection:
        old = wiring_of(connection, run)
    if newest:
        if old.pipeline.source is None:
            raise StateError(f"pipeline {run.pipeline} was not made from a file, so it cannot be read again")
        now: Pipeline | None = compile_pipeline(f"{old.pipeline.source.file}:{old.pipeline.name}")
        unread = ""
    else:
        read = today(old.pipeline)
        now, unread = read.pipeline, read.why
    changed = change(old, Wiring(now)) if now is not None else Change()
    code = tuple(code_changes(old.pipeline, now)) if now is not None else ()
    by = now if newest and now is not None else old.pipeline
    also = tuple(whole_task(by.name, task, Wiring(by).sites, "--also") for task in also)
    outdated: tuple[str, ...] = ()
    if now is not None:
        with app.database.read() as connection:
            outdated = _outdated(connection, run, old, Wiring(by), now, also, changed if newest else Change())
    return Version(by, now if newest else None, changed, code, unread, now, outdated, also)


def _outdated(
    connection: Connection, run: RunRecord, old: Wiring, by: Wiring, now: Pipeline, also: Sequence[str], changed: Change
) -> tuple[str, ...]:
    """Paths of tasks that are kept, and whose functions have another fingerprint now than when they ran."""
    rows, definitions = current_rows(old, task_runs.load(connection, run.id)), Definitions(connection, run)
    again = to_run_again(by, rows, also, (*changed.added, *changed.reshaped))
    found: dict[str, None] = {}
    for row in rows:
        done = row.kind is TaskKind.LEAF and row.state is TaskState.SUCCEEDED and row.path in by.sites
        if not done or row.path in found or key_of(row) in again:
            continue
        body = old.site(row.path).node.body
        if not isinstance(body, Call):
            continue
        function = str(body.function)
        then, today = (one.functions.get(function) for one in (definitions.at(row.ended_at), now))
        if then and today and then != today:
            found[row.path] = None
    return tuple(found)
