"""Cache entries: which outputs a key stands for, and the parts of the key, so that a miss can be explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, or_, select

from tidemill.core.values import Value
from tidemill.storage.metadata.artifacts import TaskKey
from tidemill.storage.metadata.encoding import (
    mapping_in,
    mapping_out,
    moment_in,
    moment_out,
    required_moment_in,
    required_moment_out,
)
from tidemill.storage.metadata.statements import chunks, insert_into
from tidemill.storage.metadata.tables import cache_entries, runs


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """What a task run left for later ones; (run, path, instance) is the one that did the work."""

    key: str
    parts: Mapping[str, Any]
    pipeline: str
    run: str
    path: str
    instance: str
    outputs: Mapping[str, Value]
    created_at: datetime
    expires_at: datetime | None

    @property
    def stamp(self) -> str:
        """What another entry of the same key has otherwise."""
        return f"{self.run}/{self.path}/{self.instance}@{self.created_at.isoformat()}"


_NAMES = cache_entries.c.keys()
_fields = select(*(cache_entries.c[name] for name in CacheEntry.__dataclass_fields__))


def put(
    connection: Connection,
    team: str,
    key: str,
    parts: Mapping[str, Any],
    run: str,
    path: str,
    instance: str,
    outputs: Mapping[str, Value],
    created_at: datetime,
    expires_at: datetime | None = None,
) -> None:
    """Store an entry over an earlier one of the same key; its pipeline is that of the run."""
    insert = insert_into(connection.dialect.name, cache_entries)
    pipeline = select(runs.c.pipeline).where(runs.c.id == bindparam("of_run")).scalar_subquery()
    fresh = {name: insert.excluded[name] for name in _NAMES if name not in ("team", "key")}
    fresh["former"] = cache_entries.c.outputs
    connection.execute(
        insert.values(pipeline=func.coalesce(pipeline, "")).on_conflict_do_update(
            index_elements=["team", "key"], set_=fresh
        ),
        {
            "team": team,
            "key": key,
            "parts": mapping_out(parts),
            "of_run": run,
            "run": run,
            "path": path,
            "instance": instance,
            "outputs": mapping_out(outputs),
            "created_at": required_moment_out(created_at),
            "expires_at": moment_out(expires_at),
            "former": "",
        },
    )


def get(connection: Connection, team: str, key: str, now: datetime) -> CacheEntry | None:
    """The entry for the key, unless it has expired by `now`."""
    alive = or_(cache_entries.c.expires_at.is_(None), cache_entries.c.expires_at > required_moment_out(now))
    return _first(connection, _fields.where(cache_entries.c.team == team, cache_entries.c.key == key, alive))


def latest_for(connection: Connection, team: str, pipeline: str, path: str, limit: int = 1) -> list[CacheEntry]:
    """The newest entries of a node, expired or not: what the parts of a missed key are compared with."""
    query = _fields.where(
        cache_entries.c.team == team, cache_entries.c.pipeline == pipeline, cache_entries.c.path == path
    )
    newest = query.order_by(cache_entries.c.created_at.desc(), cache_entries.c.key).limit(limit)
    return [_entry(row) for row in connection.execute(newest)]


def forget(connection: Connection, team: str, keys: Sequence[str]) -> int:
    """Remove entries, such as those whose artifacts are gone; how many there were."""
    return sum(
        connection.execute(
            delete(cache_entries).where(cache_entries.c.team == team, cache_entries.c.key.in_(some))
        ).rowcount
        for some in chunks(keys)
    )


def forget_made_by(connection: Connection, team: str, makers: Iterable[TaskKey]) -> int:
    """Remove the entries that these task runs left, whatever their keys; how many there were."""
    return sum(
        connection.execute(
            delete(cache_entries).where(
                cache_entries.c.team == team,
                cache_entries.c.run == maker.run,
                cache_entries.c.path == maker.path,
                cache_entries.c.instance == maker.instance,
            )
        ).rowcount
        for maker in set(makers)
    )


def _first(connection: Connection, query: Select[Any]) -> CacheEntry | None:
    row: Row[Any] | None = connection.execute(query).first()
    return None if row is None else _entry(row)


def _entry(row: Row[Any]) -> CacheEntry:
    return CacheEntry(
        key=row.key,
        parts=mapping_in(row.parts),
        pipeline=row.pipeline,
        run=row.run,
        path=row.path,
        instance=row.instance,
        outputs=mapping_in(row.outputs),
        created_at=required_moment_in(row.created_at),
        expires_at=moment_in(row.expires_at),
    )
