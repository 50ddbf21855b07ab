"""What came of a run, in the plain shapes that assertions want; task runs under the names that people read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.app import App
from tidemill.core.causes import Cause
from tidemill.core.errors import NotFound, did_you_mean
from tidemill.core.history import AttemptRecord, EventRecord, RunRecord, TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.storage.logs.files import log_path, read
from tidemill.storage.metadata import attempts, events, task_runs

_PAGE = 1000


def states(app: App, run: RunRecord | str) -> dict[str, str]:
    """The state of each task run: `{"load": "succeeded", "train[0]": "failed", ...}`. The run itself is left out."""
    return {_name(row): row.state.value for row in _rows(app, run)}


def outputs(app: App, run: RunRecord | str, task: str) -> Mapping[str, Any]:
    """The outputs of one task run as they are stored: plain values, and references to artifacts. Raises NotFound."""
    rows = {_name(row): row for row in _rows(app, run)}
    if task not in rows:
        raise NotFound(f"run {_id(run)} has no task run {task!r}", remedy=did_you_mean(task, rows))
    return rows[task].outputs


def causes(app: App, run: RunRecord | str) -> dict[str, Cause]:
    """Why each task run ended as it did, for those that say."""
    return {_name(row): row.cause for row in _rows(app, run) if row.cause is not None}


def attempts_of(app: App, run: RunRecord | str, task: str) -> list[AttemptRecord]:
    """The attempts of one task run, in order."""
    with app.database.read() as connection:
        tried = attempts.of_run(connection, _id(run))
    found = [one for one in tried if str(Key(one.path, instance_from(one.instance))) == task]
    return sorted(found, key=lambda one: (one.generation, one.number, one.started_at))


def events_of(app: App, run: RunRecord | str, kind: str = "") -> list[EventRecord]:
    """The events of a run in order; with `kind` only those of that kind, such as "task.failed"."""
    found: list[EventRecord] = []
    with app.database.read() as connection:
        while page := events.read(connection, _id(run), after=found[-1].seq if found else 0, limit=_PAGE):
            found += page
    return [event for event in found if kind in ("", event.kind)]


def gapless(found: list[EventRecord]) -> bool:
    """Whether the events of a run are numbered from 1 without a gap."""
    return [event.seq for event in found] == list(range(1, len(found) + 1))


def logs_of(app: App, run: RunRecord | str, task: str) -> str:
    """What the attempts of a task run wrote, line by line."""
    lines: list[str] = []
    for attempt in attempts_of(app, run, task):
        path = log_path(app.settings.logs, attempt.run, attempt.id)
        if path.exists():
            lines += [record.text for record in read(path)]
    return "\n".join(lines)


def _rows(app: App, run: RunRecord | str) -> list[TaskRecord]:
    with app.database.read() as connection:
        return [row for row in task_runs.load(connection, _id(run)) if row.path]


def _name(row: TaskRecord) -> str:
    return str(Key(row.path, instance_from(row.instance)))


def _id(run: RunRecord | str) -> str:
    return run if isinstance(run, str) else run.id
