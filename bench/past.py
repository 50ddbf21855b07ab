"""A home with a past: finished runs of a chain, as the engine would have left them, through the storage layer."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from tidemill.app import App
from tidemill.core.graph import Pipeline, walk_nodes
from tidemill.core.graph_json import pipeline_digest, pipeline_text
from tidemill.core.history import AttemptRecord, EventRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.records import Usage
from tidemill.core.states import AttemptState, RunState, TaskState
from tidemill.storage.metadata import attempts, definitions, events, runs, task_runs
from tidemill.storage.metadata.database import Connection

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_EVENTS = ("task.started", "task.succeeded")


def make_past(app: App, pipeline: Pipeline, tasks: int) -> int:
    """Finished runs with `tasks` task runs in all, each with its attempt and events; how many runs that made."""
    paths = [path for path, _ in walk_nodes(pipeline.root)]
    digest = pipeline_digest(pipeline)
    with app.database.write() as connection:
        definitions.put(connection, app.settings.team, digest, pipeline.name, pipeline_text(pipeline), _BEGINNING)
    number = 0
    while number * len(paths) < tasks:
        with app.database.write() as connection:
            _finished(connection, app.settings.team, pipeline.name, digest, paths, number)
        number += 1
    return number


def _finished(connection: Connection, team: str, name: str, digest: str, paths: list[str], number: int) -> None:
    begun = _BEGINNING + timedelta(minutes=number)
    ended = begun + timedelta(seconds=1)
    run = RunRecord(
        id=uuid.uuid4().hex[:12],
        team=team,
        pipeline=name,
        definition=digest,
        params={},
        state=RunState.SUCCEEDED,
        created_at=begun,
        started_at=begun,
        ended_at=ended,
        executor="processes",
        next_seq=1 + len(_EVENTS) * len(paths),
    )
    runs.insert(connection, run)
    task_runs.save(
        connection,
        team,
        [
            TaskRecord(
                run=run.id,
                path=path,
                instance="",
                generation=0,
                kind=TaskKind.LEAF,
                state=TaskState.SUCCEEDED,
                outputs={"result": place},
                attempts=1,
                started_at=begun,
                ended_at=ended,
            )
            for place, path in enumerate(paths)
        ],
    )
    attempts.begin(
        connection,
        team,
        [
            AttemptRecord(
                id=f"{run.id}.{place}",
                run=run.id,
                path=path,
                instance="",
                generation=0,
                number=1,
                state=AttemptState.SUCCEEDED,
                started_at=begun,
                executor="processes",
                ended_at=ended,
                usage=Usage(0.01, 0.01, 20_000_000),
            )
            for place, path in enumerate(paths)
        ],
    )
    events.append(
        connection,
        team,
        [
            EventRecord(run.id, 1 + place * len(_EVENTS) + offset, begun, kind, path)
            for place, path in enumerate(paths)
            for offset, kind in enumerate(_EVENTS)
        ],
    )
