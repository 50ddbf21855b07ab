"""Artifacts as they were recorded: those of a run, one with everything, and a copy of its content on disk.

Knows records and previews; nothing is ever loaded as an object, so no code of an artifact runs here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tidemill.actions.artifact_names import find_artifact
from tidemill.actions.naming import key_of
from tidemill.actions.runs import find_run
from tidemill.app import App, content_of
from tidemill.core.errors import NotFound, did_you_mean
from tidemill.core.history import RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.previews import Preview, preview_of
from tidemill.core.records import Artifact
from tidemill.core.values import references
from tidemill.storage.artifacts.errors import ArtifactError
from tidemill.storage.metadata import artifacts, lineage, runs, task_runs
from tidemill.storage.metadata.artifacts import TaskKey
from tidemill.storage.metadata.database import Connection

IMAGE_BYTES = 200_000
"""Images of up to so many bytes are small enough to be part of a page."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An artifact of a run: `task` gave it there; `by` made it, in an earlier run if it was reused.

    `superseded`: the task has been run again since.
    """

    task: Key
    by: TaskKey
    artifact: Artifact
    reused: bool = False
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    run: RunRecord
    artifacts: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Previewed:
    """An artifact with its maker, its date and a look at it."""

    by: TaskKey
    artifact: Artifact
    created_at: datetime
    preview: Preview


@dataclass(frozen=True, slots=True)
class Detail:
    """One artifact with everything. `is_there`: whether its content seems to be there; None if that is not known.

    `users` were given it, `reused_by` took it over in place of making it: those of its own run first, then by run,
    the newest first.
    """

    found: Previewed
    pipeline: str
    users: tuple[TaskKey, ...]
    reused_by: tuple[TaskKey, ...]
    is_there: bool | None


def list_artifacts(app: App, run_id: str = "latest", kind: str = "", task: str = "") -> Listing:
    """What a run (the newest one if it is not named) made and reused, by task. Raises NotFound, InputError.

    `kind` is a type, or its last part in any case; `task` a task run, a task or a scope.
    """
    run = find_run(app, run_id)
    with app.database.read() as connection:
        rows = task_runs.load(connection, run.id)
        newest = {(row.path, row.instance): row.generation for row in rows}
        made = [
            Listed(_key(by), by, artifact, superseded=by.generation < newest.get((by.path, by.instance), 0))
            for by, artifact in artifacts.of_run(connection, run.id)
        ]
        found = made + reused_in(connection, run, rows)
    if task:
        found = _of_task(run, found, task)
    wanted = kind.lower()
    shown = [
        one for one in found if not wanted or wanted in (one.artifact.type.lower(), short_type(one.artifact).lower())
    ]
    if wanted and found and not shown:
        remedy = did_you_mean(kind, {short_type(one.artifact) for one in found})
        raise NotFound(f"run {run.id} has no artifact of type {kind!r}", remedy=remedy)
    return Listing(run, tuple(shown))


def previews_of_run(app: App, run_id: str) -> tuple[Previewed, ...]:
    """What a run made, with previews, by task and id, from one query: up to 64 kB or so for each. Raises NotFound."""
    run = find_run(app, run_id)
    with app.database.read() as connection:
        return tuple(map(_previewed, artifacts.stored_of_run(connection, run.id)))


def show_artifact(app: App, text: str) -> Detail:
    """The artifact with this id, beginning of an id, or RUN:TASK[:OUTPUT]. Raises NotFound, InputError."""
    id = find_artifact(app, text)
    team = app.settings.team
    with app.database.read() as connection:
        found = artifacts.stored(connection, team, [id])[id]
        users = artifacts.consumers(connection, team, id)
        reuses = lineage.reuses_of(connection, team, [reuse_text(found.by)])
        reusing = [reuse.by for reuse in reuses if id in reuse.artifacts]
        order = lineage.newest_first(connection, (task.run for task in (*users, *reusing)))
        pipeline = _pipeline(connection, found.by.run)
    order[found.by.run] = -1
    tasks = [tuple(sorted(some, key=lambda task: (order[task.run], task))) for some in (users, reusing)]
    return Detail(_previewed(found), pipeline, tasks[0], tasks[1], is_there(app, found.artifact))


def is_there(app: App, artifact: Artifact) -> bool | None:
    """Whether owned content seems to be in the store; None for what lies outside, and if the store does not say."""
    if not artifact.digest:
        return None
    try:
        return app.artifacts.exists(content_of(artifact))
    except ArtifactError:
        return None


def image_bytes(app: App, artifact: Artifact, most: int = IMAGE_BYTES) -> bytes | None:
    """The verified content of a small file, for a page; None if it is larger, damaged, gone, outside or a folder."""
    if not artifact.digest or artifact.kind == "tree" or artifact.size > most:
        return None
    try:
        return app.artifacts.read_bytes(content_of(artifact))
    except ArtifactError:
        return None


def short_type(artifact: Artifact) -> str:
    """The type as people call it: `DataFrame`; of a path, what lies there."""
    if artifact.type == "path" and artifact.codec:
        return artifact.codec
    return artifact.type.rpartition(".")[2]


def reuse_text(by: TaskKey) -> str:
    """What the row of a task run says that took over the result of this one."""
    return f"run {by.run}, {_key(by)}"


def ids_in(row: TaskRecord) -> list[str]:
    """The artifacts that the result of a task run names."""
    return [ref.id for value in row.outputs.values() for ref in references(value)]


def reused_in(connection: Connection, run: RunRecord, rows: Iterable[TaskRecord]) -> list[Listed]:
    """What the task runs of a run took over from other runs, metrics included, by task run."""
    rows = [row for row in rows if row.reused_from and row.kind is TaskKind.LEAF]
    ids = list(dict.fromkeys(id for row in rows for id in ids_in(row)))
    records = artifacts.get_many(connection, run.team, ids)
    makers = artifacts.producers(connection, run.team, ids)
    found: list[Listed] = []
    in_records = _InRecords(connection, run.id)
    for row in rows:
        stored = [(makers[id], records[id]) for id in dict.fromkeys(ids_in(row)) if id in records]
        whole = [*stored, *in_records.of(row)]
        found += [Listed(key_of(row), by, artifact, reused=True) for by, artifact in whole if by.run != run.id]
    return found


class _InRecords:
    """Artifacts that are all in their record, as metrics are: the values of a row name none, so its source tells."""

    def __init__(self, connection: Connection, run: str) -> None:
        self._connection, self._run = connection, run
        self._made: dict[str, dict[str, list[tuple[TaskKey, Artifact]]]] = {}
        self._sources: dict[str, dict[str, str]] = {}

    def of(self, row: TaskRecord) -> list[tuple[TaskKey, Artifact]]:
        if not any(isinstance(value, Mapping) for value in row.outputs.values()):
            return []
        source, seen = row.reused_from, set[str]()
        while source and source not in seen:
            seen.add(source)
            run, _, task = source.removeprefix("run ").partition(", ")
            if found := self._of_run(run).get(task):
                newest = max(by.generation for by, _ in found)
                return [(by, artifact) for by, artifact in found if by.generation == newest]
            # What it took over may itself have been taken over.
            source = self._taken(run).get(task, "")
        return []

    def _of_run(self, run: str) -> dict[str, list[tuple[TaskKey, Artifact]]]:
        if run not in self._made:
            self._made[run] = {}
            for by, artifact in artifacts.of_run(self._connection, run):
                if not artifact.digest and not artifact.uri:
                    self._made[run].setdefault(str(_key(by)), []).append((by, artifact))
        return self._made[run]

    def _taken(self, run: str) -> dict[str, str]:
        if run not in self._sources:
            rows = task_runs.load(self._connection, run)
            self._sources[run] = {str(key_of(row)): row.reused_from for row in rows if row.reused_from}
        return self._sources[run]


def _of_task(run: RunRecord, found: Iterable[Listed], task: str) -> list[Listed]:
    path = task.partition("[")[0].rstrip("/")
    known = {one.task.path for one in found}
    chosen = [
        one
        for one in found
        if task in (str(one.task), one.task.path) or (path == task and one.task.path.startswith(f"{path}/"))
    ]
    if not chosen:
        remedy = did_you_mean(task, known) or f"`tidemill show {run.id}` lists its tasks"
        raise NotFound(f"run {run.id} has no artifact of a task {task!r}", remedy=remedy)
    return chosen


def _pipeline(connection: Connection, run_id: str) -> str:
    try:
        return runs.get(connection, run_id).pipeline
    except NotFound:
        # Its run was removed, and it is still in use.
        return ""


def _previewed(stored: artifacts.Stored) -> Previewed:
    return Previewed(stored.by, stored.artifact, stored.created_at, preview_of(stored.artifact))


def _key(by: TaskKey) -> Key:
    return Key(by.path, instance_from(by.instance))
