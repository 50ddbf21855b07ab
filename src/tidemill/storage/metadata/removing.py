"""What a collection deletes: a run and, batch by batch, what hangs on it; and rows that nothing needs any more.

Each function is one short part of a write. Whoever calls decides what goes; what is needed by now stays all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, Table, delete, insert, or_, select, text, tuple_, update

from tidemill.storage.metadata.encoding import name_out, required_moment_out
from tidemill.storage.metadata.holders import HOLDERS
from tidemill.storage.metadata.statements import chunks
from tidemill.storage.metadata.tables import (
    LEFT,
    OWNED,
    UNFINISHED,
    artifact_uses,
    artifacts,
    attempts,
    cache_entries,
    commands,
    definitions,
    effects,
    event_deliveries,
    events,
    limit_claims,
    pushes,
    removed_runs,
    run_metrics,
    runs,
    task_runs,
)

# --- removing runs ----------------------------------------------------------------------------------------------------


def remove_run(
    connection: Connection, team: str, run: str, owner: str, epoch: int, reason: str, actor: str, now: datetime
) -> bool:
    """Take the run away, whose lease this owner has; False if it has lost it, or an unfinished run follows on it.

    What hangs on it is left for `empty`. The run after it has none before it from now on.
    """
    after = runs.c.team == team, runs.c.previous == run
    if connection.execute(select(runs.c.id).where(*after, text(UNFINISHED)).limit(1)).first() is not None:
        return False
    mine = (runs.c.id == run, runs.c.team == team, runs.c.owner == owner, runs.c.epoch == epoch)
    row = connection.execute(delete(runs).where(*mine).returning(runs.c.pipeline)).first()
    if row is None:
        return False
    connection.execute(update(runs).where(*after, runs.c.pipeline == row.pipeline).values(previous=""))
    connection.execute(
        insert(removed_runs),
        {
            "id": run,
            "team": team,
            "pipeline": row.pipeline,
            "removed_at": required_moment_out(now),
            "reason": reason,
            "actor": name_out(actor, "the actor"),
            "emptied": False,
        },
    )
    return True


_SHORTEST = 4


def removed(connection: Connection, team: str, run: str) -> tuple[str, str, str] | None:
    """When a run was removed, why, and by whom; None if it was not. `run` may be a long beginning of an id."""
    query = select(removed_runs.c.removed_at, removed_runs.c.reason, removed_runs.c.actor)
    row = connection.execute(
        query.where(removed_runs.c.team == team, removed_runs.c.id >= run, removed_runs.c.id < run + "\U0010ffff")
    ).first()
    return None if row is None or len(run) < _SHORTEST else (row.removed_at, row.reason, row.actor)


def pipeline_of(connection: Connection, team: str, run: str) -> str:
    """The pipeline of a run that was removed; "" if none was that had this id."""
    query = select(removed_runs.c.pipeline).where(removed_runs.c.team == team, removed_runs.c.id == run)
    return str(connection.execute(query).scalar() or "")


def half_removed(connection: Connection, team: str) -> list[str]:
    """Ids of removed runs of which something may be left."""
    query = select(removed_runs.c.id).where(text(LEFT), removed_runs.c.team == team)
    return list(connection.execute(query.order_by(removed_runs.c.id)).scalars())


_OF_RUN: tuple[Table, ...] = (task_runs, events, event_deliveries, effects, artifact_uses, run_metrics)


def empty(connection: Connection, run: str, limit: int) -> int:
    """Delete up to `limit` rows of a removed run from each table; how many went. 0: nothing is left."""
    ids = list(connection.execute(select(attempts.c.id).where(attempts.c.run == run).limit(limit)).scalars())
    gone = len(ids)
    for some in chunks(ids):
        for table in (pushes, limit_claims):
            connection.execute(delete(table).where(table.c.attempt.in_(some)))
        connection.execute(delete(attempts).where(attempts.c.id.in_(some)))
    for table in _OF_RUN:
        key = tuple_(*table.primary_key.columns)
        some_rows = select(*table.primary_key.columns).where(table.c.run == run).limit(limit)
        gone += connection.execute(delete(table).where(key.in_(some_rows))).rowcount
    return gone


def remove_commands(connection: Connection, of: Sequence[str]) -> None:
    """Delete what was asked of removed runs: all of them in one go, for no index leads to those that were consumed."""
    for some in chunks(of):
        connection.execute(delete(commands).where(commands.c.run.in_(some)))


def mark_emptied(connection: Connection, run: str) -> None:
    """Note that nothing of a removed run is left."""
    connection.execute(update(removed_runs).where(removed_runs.c.id == run).values(emptied=True))


# --- removing what nothing needs --------------------------------------------------------------------------------------


def alone(connection: Connection) -> None:
    """Until the end of this write nobody else writes what makes a reference. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        # Every turn of an engine and every new run begin with a write to these; definitions come first in a new run.
        connection.execute(text("LOCK TABLE definitions IN SHARE MODE"))
        connection.execute(text("LOCK TABLE runs IN SHARE MODE"))


def remove_artifacts(connection: Connection, team: str, ids: Sequence[str]) -> list[str]:
    """Delete records, apart from those that a run made, was given, or a holder needs by now. The ids that went."""
    going: list[str] = []
    for some in chunks(ids):
        made = select(artifacts.c.id).join(runs, runs.c.id == artifacts.c.run).where(artifacts.c.id.in_(some))
        used = select(artifact_uses.c.artifact).join(runs, runs.c.id == artifact_uses.c.run)
        needed = set(connection.execute(made.where(artifacts.c.team == team)).scalars())
        in_use = used.where(artifact_uses.c.team == team, artifact_uses.c.artifact.in_(some))
        needed.update(connection.execute(in_use).scalars())
        for holder in HOLDERS:
            held = select(holder.artifact).where(holder.team == team, holder.artifact.in_(some))
            needed.update(connection.execute(held).scalars())
        free = [id_ for id_ in some if id_ not in needed]
        if free:
            connection.execute(delete(artifacts).where(artifacts.c.team == team, artifacts.c.id.in_(free)))
            going += free
    return going


def remove_expired(connection: Connection, team: str, keys: Sequence[str], before: datetime) -> int:
    """Delete kept results that expired before this moment; how many went."""
    limit = required_moment_out(before)
    return sum(
        connection.execute(
            delete(cache_entries).where(
                cache_entries.c.team == team, cache_entries.c.key.in_(some), cache_entries.c.expires_at <= limit
            )
        ).rowcount
        for some in chunks(keys)
    )


def end_entries(connection: Connection, team: str, keys: Sequence[str], made_before: datetime, now: datetime) -> int:
    """Let kept results be in force no more, unless they were made anew; how many ended."""
    limit, moment = required_moment_out(made_before), required_moment_out(now)
    in_force = or_(cache_entries.c.expires_at.is_(None), cache_entries.c.expires_at > moment)
    return sum(
        connection.execute(
            update(cache_entries)
            .where(
                cache_entries.c.team == team,
                cache_entries.c.key.in_(some),
                cache_entries.c.created_at < limit,
                in_force,
            )
            .values(expires_at=moment)
        ).rowcount
        for some in chunks(keys)
    )


def remove_definitions(connection: Connection, team: str, before: datetime) -> int:
    """Delete the definitions that no run is of, apart from young ones; how many went."""
    used = select(runs.c.id).where(runs.c.team == definitions.c.team, runs.c.definition == definitions.c.digest)
    return connection.execute(
        delete(definitions).where(
            definitions.c.team == team, definitions.c.created_at < required_moment_out(before), ~used.exists()
        )
    ).rowcount


def digests_named(connection: Connection, among: Collection[str]) -> frozenset[str]:
    """Those of the digests that a record of any team names as its content."""
    found: set[str] = set()
    for some in chunks(list(among)):
        named = select(artifacts.c.digest).where(text(OWNED), artifacts.c.digest.in_(some))
        found.update(connection.execute(named).scalars())
    return frozenset(found)


def set_tags(connection: Connection, team: str, run: str, tags: str) -> bool:
    """Replace the tags of a run, as JSON; False if there is no such run."""
    return connection.execute(update(runs).where(runs.c.team == team, runs.c.id == run).values(tags=tags)).rowcount == 1
