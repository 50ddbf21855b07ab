"""Snapshots: versions of what a path held, each an artifact of its own. A version is the digest of the content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from tidemill.core.records import Artifact
from tidemill.storage.metadata import artifacts
from tidemill.storage.metadata.encoding import name_out, required_moment_in, required_moment_out
from tidemill.storage.metadata.statements import chunks, insert_into
from tidemill.storage.metadata.tables import snapshots


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`source` is the path that it was taken of; `taken_at`: when the path was last found to hold this version."""

    name: str
    version: str
    artifact: str
    source: str
    message: str
    actor: str
    created_at: datetime
    taken_at: datetime


_fields = select(snapshots.c.team, *(snapshots.c[name] for name in Snapshot.__dataclass_fields__))


def put(connection: Connection, team: str, taken: Snapshot, artifact: Artifact) -> tuple[Snapshot, bool]:
    """Keep a version; the one that counts, and whether it is new. One that was there is the newest again.

    An empty message leaves that of the version as it was.
    """
    old = get(connection, team, taken.name, taken.version)
    if old is not None:
        message = taken.message or old.message
        kept = replace(old, source=taken.source, message=message, taken_at=taken.taken_at)
    else:
        kept = taken
        artifacts.put(connection, team, "", "", "", 0, [artifact], taken.created_at)
    insert = insert_into(connection.dialect.name, snapshots)
    row = {
        "team": team,
        "name": name_out(kept.name, "the name"),
        "version": kept.version,
        "artifact": kept.artifact,
        "source": name_out(kept.source, "the path"),
        "message": name_out(kept.message, "the message"),
        "actor": name_out(kept.actor, "the actor"),
        "created_at": required_moment_out(kept.created_at),
        "taken_at": required_moment_out(kept.taken_at),
    }
    changed = {name: insert.excluded[name] for name in ("source", "message", "taken_at")}
    connection.execute(insert.on_conflict_do_update(index_elements=["team", "name", "version"], set_=changed), row)
    return kept, old is None


def get(connection: Connection, team: str, name: str, version: str) -> Snapshot | None:
    """One version of a name, by its whole digest."""
    here = (snapshots.c.team == team, snapshots.c.name == name, snapshots.c.version == version)
    row = connection.execute(_fields.where(*here)).first()
    return None if row is None else _snapshot(row)


def listing(connection: Connection, team: str, name: str | None = None) -> list[Snapshot]:
    """The versions of a name, or of all, by name and the newest first."""
    query = _fields.where(snapshots.c.team == team)
    if name is not None:
        query = query.where(snapshots.c.name == name)
    rows = connection.execute(query.order_by(snapshots.c.name, snapshots.c.taken_at.desc(), snapshots.c.version))
    return [_snapshot(row) for row in rows]


def remove(connection: Connection, team: str, name: str, version: str) -> bool:
    """Forget a version; its bytes are collected later. False if it was not there."""
    here = (snapshots.c.team == team, snapshots.c.name == name, snapshots.c.version == version)
    return connection.execute(delete(snapshots).where(*here)).rowcount == 1


def of_artifacts(connection: Connection, team: str, ids: Sequence[str]) -> dict[tuple[str, str], Snapshot]:
    """The snapshots that consist of these artifacts, by team and id."""
    found: dict[tuple[str, str], Snapshot] = {}
    for some in chunks(ids):
        rows = connection.execute(_fields.where(snapshots.c.team == team, snapshots.c.artifact.in_(some)))
        found.update(((row.team, row.artifact), _snapshot(row)) for row in rows)
    return found


def _snapshot(row: Any) -> Snapshot:
    return Snapshot(
        name=row.name,
        version=row.version,
        artifact=row.artifact,
        source=row.source,
        message=row.message,
        actor=row.actor,
        created_at=required_moment_in(row.created_at),
        taken_at=required_moment_in(row.taken_at),
    )
