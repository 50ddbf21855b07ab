"""Commands: what anybody may wish of a run. Only the holder of its lease consumes them, in its own transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, false, insert, literal, select, text, update

from tidemill.core.errors import NotFound
from tidemill.core.history import CommandKind, CommandRecord
from tidemill.storage.metadata.encoding import (
    mapping_in,
    mapping_out,
    name_out,
    required_moment_in,
    required_moment_out,
    state_in,
)
from tidemill.storage.metadata.statements import chunks
from tidemill.storage.metadata.tables import PENDING, commands, runs

_pending = text(PENDING)


def add(
    connection: Connection,
    team: str,
    run: str,
    kind: CommandKind,
    actor: str,
    payload: Mapping[str, Any],
    now: datetime,
) -> int:
    """Leave a command for the run's holder; its id. Raises NotFound if the team has no such run."""
    written = {
        "kind": kind.value,
        "actor": name_out(actor, "the actor"),
        "payload": mapping_out(payload),
        "created_at": required_moment_out(now),
    }
    values = [literal(value, commands.c[name].type).label(name) for name, value in written.items()]
    command: int | None = connection.execute(
        insert(commands)
        .from_select(
            ["team", "run", *written, "consumed"],
            select(runs.c.team, runs.c.id, *values, false().label("consumed")).where(
                runs.c.id == run, runs.c.team == team
            ),
        )
        .returning(commands.c.id)
    ).scalar()
    if command is None:
        raise NotFound(f"there is no run {run!r}", remedy="`tidemill runs` lists the newest runs")
    return command


def pending(connection: Connection, of_runs: Sequence[str]) -> list[CommandRecord]:
    """The commands for these runs that nobody has consumed, in the order of their ids."""
    found: list[CommandRecord] = []
    for some in chunks(of_runs):
        found += [
            CommandRecord(
                id=row.id,
                run=row.run,
                kind=state_in(CommandKind, row.kind),
                actor=row.actor,
                created_at=required_moment_in(row.created_at),
                payload=mapping_in(row.payload),
            )
            for row in connection.execute(select(commands).where(_pending, commands.c.run.in_(some)))
        ]
    return sorted(found, key=lambda command: command.id)


def consume(connection: Connection, ids: Sequence[int]) -> frozenset[int]:
    """Mark commands as done; the ids of those that were pending until now. They stay as a record of who wished what."""
    done: set[int] = set()
    for some in chunks(sorted(ids)):
        done.update(
            connection.execute(
                update(commands).where(_pending, commands.c.id.in_(some)).values(consumed=True).returning(commands.c.id)
            ).scalars()
        )
    return frozenset(done)


def runs_with_pending(connection: Connection) -> list[str]:
    """Ids of the runs, finished ones too, that have commands nobody has consumed."""
    return list(
        connection.execute(select(commands.c.run).distinct().where(_pending).order_by(commands.c.run)).scalars()
    )
