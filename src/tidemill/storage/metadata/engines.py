"""Engines: who may hold leases, where it runs, and which lock file tells on its own machine whether it lives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from tidemill.core.history import DEFAULT_TEAM
from tidemill.storage.metadata.encoding import required_moment_in, required_moment_out
from tidemill.storage.metadata.statements import insert_into
from tidemill.storage.metadata.tables import engines


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """One engine process. `lock_file` names a file in the home that it keeps locked; `renewals` counts heartbeats."""

    id: str
    host: str
    pid: int
    lock_file: str
    started_at: datetime
    renewals: int = 0
    team: str = DEFAULT_TEAM


def register(connection: Connection, engine: EngineRecord) -> None:
    """Make an engine known, or known anew under its id."""
    values = {
        "team": engine.team,
        "host": engine.host,
        "pid": engine.pid,
        "lock_file": engine.lock_file,
        "started_at": required_moment_out(engine.started_at),
        "renewals": engine.renewals,
    }
    insert = insert_into(connection.dialect.name, engines).values(id=engine.id, **values)
    connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=values))


def heartbeat(connection: Connection, engine_id: str) -> int | None:
    """Give a sign of life; the new count, or None if somebody removed the engine."""
    count: int | None = connection.execute(
        update(engines)
        .where(engines.c.id == engine_id)
        .values(renewals=engines.c.renewals + 1)
        .returning(engines.c.renewals)
    ).scalar()
    return count


def remove(connection: Connection, engine_id: str) -> bool:
    """Forget an engine; False if it was not known."""
    return connection.execute(delete(engines).where(engines.c.id == engine_id)).rowcount == 1


def listing(connection: Connection) -> list[EngineRecord]:
    """All known engines, by id."""
    return [
        EngineRecord(
            id=row.id,
            host=row.host,
            pid=row.pid,
            lock_file=row.lock_file,
            started_at=required_moment_in(row.started_at),
            renewals=row.renewals,
            team=row.team,
        )
        for row in connection.execute(select(engines).order_by(engines.c.id))
    ]
