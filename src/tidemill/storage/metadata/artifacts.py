"""Artifact records and their lineage: who produced each, and who used it. The bytes are elsewhere.

A record belongs to a team, and whoever asks names the team: an id of another team's artifact is an id of nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, select, text

from tidemill.core.errors import InputError, NotFound
from tidemill.core.records import Artifact
from tidemill.core.values import NotAValue
from tidemill.storage.metadata.encoding import (
    mapping_in,
    mapping_out,
    name_out,
    required_moment_in,
    required_moment_out,
)
from tidemill.storage.metadata.errors import DatabaseConflict, RowDamaged
from tidemill.storage.metadata.statements import Statement, chunks, inserting_new
from tidemill.storage.metadata.tables import OWNED, artifact_uses, artifacts

PREVIEW_CHARACTERS = 256 << 10
"""What a preview may take up as JSON; whoever sends a larger one has made it otherwise than Tidemill does."""

_LAST = "\U0010ffff"
_FEW = 5


class TaskKey(NamedTuple):
    """The task run that produced or used an artifact."""

    run: str
    path: str
    instance: str
    generation: int


class Stored(NamedTuple):
    """An artifact as it lies in its row, its preview included."""

    by: TaskKey
    artifact: Artifact
    created_at: datetime


_put = inserting_new(artifacts)
_use = inserting_new(artifact_uses)
_fields = tuple(artifacts.c[name] for name in Artifact.__dataclass_fields__ if name != "preview")

_keys: tuple[ColumnElement[Any], ...] = tuple(artifacts.c[name] for name in TaskKey._fields)
_made = select(*_keys, *_fields).where(artifacts.c.run == bindparam("of_run")).order_by(*_keys, artifacts.c.id)
_of_run = Statement(["of_run"], lambda dialect: _made)
_of_node = Statement(["of_run", "at"], lambda dialect: _made.where(artifacts.c.path == bindparam("at")))
_whole = select(*_keys, *_fields, artifacts.c.created_at, artifacts.c.preview)


def put(
    connection: Connection,
    team: str,
    run: str,
    path: str,
    instance: str,
    generation: int,
    rows: Sequence[Artifact],
    created_at: datetime,
) -> None:
    """Store the artifacts of one task run; storing the same again changes nothing.

    Raises DatabaseConflict if an id is taken by another record: metadata is fixed once it is stored.
    """
    moment = required_moment_out(created_at)
    key = TaskKey(run, path, instance, generation)
    values = [
        (
            team,
            name_out(row.id, "the artifact's id"),
            name_out(row.type, "the artifact's type"),
            mapping_out(row.metadata),
            name_out(row.codec, "the codec"),
            name_out(row.digest, "the digest"),
            row.size,
            name_out(row.kind, "the artifact's kind"),
            name_out(row.uri, "the URI"),
            name_out(row.version, "the version"),
            row.safe,
            name_out(row.output, "the name of the output"),
            *key,
            moment,
            _preview_out(row.preview),
        )
        for row in rows
    ]
    if _put.run(connection, values) == len(values):
        return
    ids = [row.id for row in rows]
    stored, makers = get_many(connection, team, ids), producers(connection, team, ids)
    for row in rows:
        if stored[row.id] != row or makers[row.id] != key:
            raise DatabaseConflict(
                f"there is another artifact {row.id} already",
                remedy="an artifact is never changed: run the task again, which makes a new one",
            )


def get_many(connection: Connection, team: str, ids: Sequence[str]) -> dict[str, Artifact]:
    """The artifacts of the team with these ids; unknown ones are left out."""
    found: dict[str, Artifact] = {}
    for some in chunks(ids):
        rows = connection.execute(select(*_fields).where(artifacts.c.team == team, artifacts.c.id.in_(some)))
        found.update((row[0], _record(row)) for row in rows)
    return found


def of_run(connection: Connection, run: str, path: str | None = None) -> list[tuple[TaskKey, Artifact]]:
    """What the run (or its node at `path`) produced, by task run and id."""
    rows = _of_run.found(connection, (run,)) if path is None else _of_node.found(connection, (run, path))
    return [(TaskKey(*row[:4]), _record(row[4:])) for row in rows]


def stored(connection: Connection, team: str, ids: Sequence[str]) -> dict[str, Stored]:
    """As `get_many`, with producers, dates and previews."""
    found: dict[str, Stored] = {}
    for some in chunks(ids):
        rows = connection.execute(_whole.where(artifacts.c.team == team, artifacts.c.id.in_(some)))
        found.update((one.artifact.id, one) for one in map(_stored, rows))
    return found


def stored_of_run(connection: Connection, run: str) -> list[Stored]:
    """What the run produced, by task run and id, with dates and previews."""
    rows = connection.execute(_whole.where(artifacts.c.run == run).order_by(*_keys, artifacts.c.id))
    return [_stored(row) for row in rows]


def find(connection: Connection, team: str, prefix: str) -> str:
    """The one id of the team's artifacts that begins with `prefix`. Raises NotFound, or InputError if several do."""
    query = select(artifacts.c.id).where(
        artifacts.c.team == team, artifacts.c.id >= prefix, artifacts.c.id < prefix + _LAST
    )
    ids = list(connection.execute(query.order_by(artifacts.c.id).limit(_FEW)).scalars())
    if not prefix or not ids:
        raise NotFound(
            f"there is no artifact {prefix!r}", remedy="`tidemill artifact ls` lists those of the newest run"
        )
    if len(ids) > 1 and prefix not in ids:
        names = ", ".join(ids[: _FEW - 1]) + (", ..." if len(ids) == _FEW else "")
        raise InputError(f"{prefix!r} is the beginning of several artifacts", remedy=f"write more of the id: {names}")
    return str(ids[0])


# --- lineage ----------------------------------------------------------------------------------------------------------


def use(
    connection: Connection,
    team: str,
    run: str,
    path: str,
    instance: str,
    generation: int,
    artifact_ids: Sequence[str],
) -> None:
    """Note that a task run was given these artifacts; noting it again changes nothing."""
    _use.run(connection, [(run, path, instance, generation, artifact, team) for artifact in artifact_ids])


def used_by(connection: Connection, run: str, path: str, instance: str, generation: int) -> list[str]:
    """The ids of the artifacts that a task run was given."""
    query = select(artifact_uses.c.artifact).where(
        artifact_uses.c.run == run,
        artifact_uses.c.path == path,
        artifact_uses.c.instance == instance,
        artifact_uses.c.generation == generation,
    )
    return list(connection.execute(query.order_by(artifact_uses.c.artifact)).scalars())


def producers(connection: Connection, team: str, ids: Sequence[str]) -> dict[str, TaskKey]:
    """The task run that produced each of these artifacts; unknown ones are left out."""
    found: dict[str, TaskKey] = {}
    columns = (artifacts.c.id, artifacts.c.run, artifacts.c.path, artifacts.c.instance, artifacts.c.generation)
    for some in chunks(ids):
        rows = connection.execute(select(*columns).where(artifacts.c.team == team, artifacts.c.id.in_(some)))
        found.update((id_, TaskKey(*key)) for id_, *key in rows)
    return found


def consumers(connection: Connection, team: str, artifact_id: str) -> list[TaskKey]:
    """The task runs that were given this artifact."""
    columns = (artifact_uses.c.run, artifact_uses.c.path, artifact_uses.c.instance, artifact_uses.c.generation)
    query = select(*columns).where(artifact_uses.c.team == team, artifact_uses.c.artifact == artifact_id)
    return [TaskKey(*row) for row in connection.execute(query.order_by(*columns))]


def digests_in_use(connection: Connection, among: Sequence[str] | None = None) -> frozenset[str]:
    """Digests of owned content that some record of any team names; only those of `among` if it is given."""
    owned = select(artifacts.c.digest).distinct().where(text(OWNED))
    if among is None:
        return frozenset(connection.execute(owned).scalars())
    found: set[str] = set()
    for some in chunks(among):
        found.update(connection.execute(owned.where(artifacts.c.digest.in_(some))).scalars())
    return frozenset(found)


def _record(row: Sequence[Any]) -> Artifact:
    id_, type_, metadata, codec, digest, size, kind, uri, version, safe, output = row
    return Artifact(id_, type_, mapping_in(metadata), codec, digest, size, kind, uri, version, bool(safe), output)


def _stored(row: Sequence[Any]) -> Stored:
    *key, created_at, preview = row
    artifact = _record(key[len(_keys) :])
    return Stored(
        TaskKey(*key[: len(_keys)]),
        replace(artifact, preview=_preview_in(preview)),
        required_moment_in(created_at),
    )


def _preview_out(preview: Mapping[str, Any]) -> str:
    """It came from a task: what is too large or no value is left out, for no preview may stop a run."""
    if not preview:
        return "{}"
    try:
        text = mapping_out(preview)
    except (NotAValue, RecursionError):
        return "{}"
    return text if len(text) <= PREVIEW_CHARACTERS else "{}"


def _preview_in(text: str) -> Mapping[str, Any]:
    try:
        return mapping_in(text)
    except RowDamaged:
        # What is there for the eye only is no reason to refuse the record.
        return {}
