"""Runs: their records, their moves from state to state, and the lease that makes one engine the only writer of each.

An empty owner is a free lease. `epoch` rises with each change of hands and fences off the former owner; `renewals`
rises with each sign of life, so that an observer needs no clock of the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Row, bindparam, literal_column, select, text, tuple_, update

from tidemill.core.causes import Cause
from tidemill.core.errors import InputError, NotFound
from tidemill.core.history import RunRecord
from tidemill.core.states import RUN_MOVES, RunState, check_move
from tidemill.storage.metadata import removing
from tidemill.storage.metadata.encoding import (
    list_in,
    list_out,
    mapping_in,
    mapping_out,
    moment_in,
    moment_out,
    name_out,
    record_in,
    record_out,
    required_moment_in,
    required_moment_out,
    state_in,
)
from tidemill.storage.metadata.errors import DatabaseConflict
from tidemill.storage.metadata.statements import Statement, chunks, inserting_new
from tidemill.storage.metadata.tables import KEYED, PENDING, UNFINISHED, commands, runs

FREE = ""
"""The owner of a run that nobody holds."""


class Lease(NamedTuple):
    """What an observer sees of a held run; a lease is lost if it stays the same for its whole length."""

    run: str
    owner: str
    epoch: int
    renewals: int


_insert = inserting_new(runs)
_fields = select(*runs.c[: runs.c.keys().index("placed_at")])
_unfinished = text(UNFINISHED)
_first_come = (runs.c.priority.desc(), runs.c.created_at, runs.c.id)
_last_character = "\U0010ffff"


# --- records ----------------------------------------------------------------------------------------------------------


def insert(connection: Connection, run: RunRecord) -> RunRecord:
    """Store a new run with a free lease; if the team has one with the same request key, that one is returned unchanged.

    Raises DatabaseConflict if the id is taken.
    """
    if _insert.run(connection, [_row(run)]):
        return run
    if run.request_key:
        row = connection.execute(
            _fields.where(text(KEYED), runs.c.team == run.team, runs.c.request_key == run.request_key)
        ).first()
        if row is not None:
            return _record(row)
    raise DatabaseConflict(f"there is a run {run.id} already", remedy="draw another id for the new run")


def get(connection: Connection, run_id: str) -> RunRecord:
    """The run with this id. Raises NotFound."""
    row = connection.execute(_fields.where(runs.c.id == run_id)).first()
    if row is None:
        raise _no_run(run_id)
    return _record(row)


def find(connection: Connection, team: str, prefix: str) -> RunRecord:
    """The one run of the team whose id starts with `prefix`. Raises NotFound, or InputError if there are several."""
    rows = connection.execute(
        _fields.where(runs.c.team == team, runs.c.id >= prefix, runs.c.id < prefix + _last_character)
        .order_by(runs.c.id)
        .limit(5)
    ).all()
    match [_record(row) for row in rows]:
        case []:
            raise _no_run(prefix, _removed(connection, team, prefix))
        case [run, *others] if not others or run.id == prefix:
            return run
        case several:
            names = ", ".join(run.id for run in several[:4]) + (", ..." if len(several) > 4 else "")
            raise InputError(f"{prefix!r} is the beginning of several runs", remedy=f"write more of the id: {names}")


def listing(
    connection: Connection,
    team: str,
    *,
    pipeline: str | None = None,
    state: RunState | None = None,
    limit: int = 50,
    before: str | None = None,
) -> list[RunRecord]:
    """Runs of the team, newest first; `before` is the id of the run after which the previous page ended."""
    query = _fields.where(runs.c.team == team)
    if pipeline is not None:
        query = query.where(runs.c.pipeline == pipeline)
    if state is not None:
        query = query.where(runs.c.state == state.value)
    if before is not None:
        last = get(connection, before)
        query = query.where(
            tuple_(runs.c.created_at, runs.c.id) < tuple_(required_moment_out(last.created_at), last.id)
        )
    rows = connection.execute(query.order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(limit))
    return [_record(row) for row in rows]


def records(connection: Connection, team: str, ids: Sequence[str]) -> list[RunRecord]:
    """The runs of the team with these ids, in any order; unknown ones are left out."""
    found: list[RunRecord] = []
    for some in chunks(ids):
        found += map(_record, connection.execute(_fields.where(runs.c.team == team, runs.c.id.in_(some))))
    return found


def requested(connection: Connection, team: str, keys: Sequence[str]) -> dict[str, RunRecord]:
    """The runs of the team that were asked for with these request keys, by key; keys nobody used are left out."""
    found: dict[str, RunRecord] = {}
    for some in chunks(keys):
        rows = connection.execute(
            _fields.where(text(KEYED), runs.c.team == team, runs.c.request_key.in_([key for key in some if key]))
        )
        found.update((run.request_key, run) for run in map(_record, rows))
    return found


def previous(connection: Connection, team: str, pipeline: str, before: RunRecord) -> str | None:
    """The id of the pipeline's run that comes just before: by when it was due, or made if it was never due."""
    placed = tuple_(runs.c.placed_at, runs.c.created_at, runs.c.id)
    found: str | None = connection.execute(
        select(runs.c.id)
        .where(runs.c.team == team, runs.c.pipeline == pipeline)
        # Implied by what follows, and what an index can use.
        .where(runs.c.placed_at <= _placed_at(before))
        .where(placed < tuple_(_placed_at(before), required_moment_out(before.created_at), before.id))
        .order_by(runs.c.placed_at.desc(), runs.c.created_at.desc(), runs.c.id.desc())
        .limit(1)
    ).scalar()
    return found


def change(connection: Connection, run: RunRecord, old_state: RunState) -> bool:
    """Move the run from `old_state` to `run.state`, with cause, start, end and generation; False if it was not there.

    Leaving a final state raises the generation by one, any other move keeps it. Raises StateError for an illegal move.
    """
    check_move(RUN_MOVES, old_state, run.state)
    result = connection.execute(
        update(runs)
        .where(
            runs.c.id == run.id,
            runs.c.state == old_state.value,
            runs.c.generation == run.generation - (1 if old_state.final else 0),
        )
        .values(
            state=run.state.value,
            cause=record_out(run.cause),
            started_at=moment_out(run.started_at),
            ended_at=moment_out(run.ended_at),
            generation=run.generation,
        )
    )
    return result.rowcount == 1


def redefine(connection: Connection, run: RunRecord) -> bool:
    """Give the run the definition, parameters and `refresh` of this record. False if there is no such run."""
    values = {"definition": run.definition, "params": mapping_out(run.params), "refresh": list_out(run.refresh)}
    return connection.execute(update(runs).where(runs.c.id == run.id).values(**values)).rowcount == 1


def set_priority(connection: Connection, run_id: str, priority: int) -> bool:
    """Give the run another priority; higher ones are taken first. False if there is no such run."""
    return connection.execute(update(runs).where(runs.c.id == run_id).values(priority=priority)).rowcount == 1


# --- the lease --------------------------------------------------------------------------------------------------------


def take(connection: Connection, run_id: str, owner: str) -> int | None:
    """Take a free lease; the new epoch, or None if somebody holds it or there is no such run."""
    return _hand_over(connection, owner, Lease(run_id, FREE, -1, -1))


def steal(
    connection: Connection, run_id: str, from_owner: str, from_epoch: int, renewals: int, owner: str
) -> int | None:
    """Take a lease that was seen unchanged for its whole length; the new epoch, or None if it has changed since."""
    return _hand_over(connection, owner, Lease(run_id, from_owner, from_epoch, renewals))


def _hand_over(connection: Connection, owner: str, seen: Lease) -> int | None:
    if owner == FREE:
        raise ValueError("an owner has a name; use release to free a lease")
    change = (
        update(runs)
        .where(runs.c.id == seen.run, runs.c.owner == seen.owner)
        .values(owner=owner, epoch=runs.c.epoch + 1, renewals=runs.c.renewals + 1)
        .returning(runs.c.epoch)
    )
    if seen.owner != FREE:
        change = change.where(runs.c.epoch == seen.epoch, runs.c.renewals == seen.renewals)
        # One that is being written this very moment is no dead owner's, and nobody waits for it.
        free = select(runs.c.id).where(runs.c.id == seen.run).with_for_update(skip_locked=True)
        if connection.execute(free).first() is None:
            return None
    epoch: int | None = connection.execute(change).scalar()
    return epoch


def release(connection: Connection, run_id: str, owner: str, epoch: int) -> bool:
    """Free the lease; False if it was lost before."""
    return (
        connection.execute(
            update(runs)
            .where(runs.c.id == run_id, runs.c.owner == owner, runs.c.epoch == epoch)
            .values(owner=FREE, renewals=runs.c.renewals + 1)
        ).rowcount
        == 1
    )


def renew(connection: Connection, owner: str) -> int:
    """Give a sign of life for all unfinished runs of `owner` at once; the number of runs it still holds."""
    return connection.execute(
        update(runs).where(_unfinished, runs.c.owner == owner).values(renewals=runs.c.renewals + 1)
    ).rowcount


def lease(connection: Connection, run_id: str) -> Lease | None:
    """The lease of a run, finished or not; None if nobody holds it or there is no such run."""
    row = connection.execute(
        select(runs.c.id, runs.c.owner, runs.c.epoch, runs.c.renewals).where(runs.c.id == run_id, runs.c.owner > FREE)
    ).first()
    return None if row is None else Lease(*row)


def held(connection: Connection) -> list[Lease]:
    """The leases of all runs that are held and unfinished, and of finished ones that somebody sent a command to."""
    lease = select(runs.c.id, runs.c.owner, runs.c.epoch, runs.c.renewals).where(runs.c.owner > FREE)
    asked = lease.where(runs.c.id.in_(select(commands.c.run).where(text(PENDING))))
    rows = connection.execute(lease.where(_unfinished).union(asked))
    return sorted(Lease(*row) for row in rows)


def claimable(connection: Connection, limit: int = 1000, *, team: str = "", executor: str = "") -> list[str]:
    """Ids of unfinished runs that nobody holds, highest priority first, then the oldest; "" means every one."""
    found = select(runs.c.id).where(_unfinished, runs.c.owner == FREE)
    if team:
        found = found.where(runs.c.team == team)
    if executor:
        found = found.where(runs.c.executor == executor)
    return list(connection.execute(found.order_by(*_first_come).limit(limit)).scalars())


def standing(connection: Connection, run_id: str) -> tuple[int, int]:
    """The epoch of the run and the number of its next event: what tells whether a write was kept. Raises NotFound."""
    row = connection.execute(select(runs.c.epoch, runs.c.next_seq).where(runs.c.id == run_id)).first()
    if row is None:
        raise _no_run(run_id)
    return row.epoch, row.next_seq


_guard = Statement(
    ["next_seq", "in_run", "in_owner", "in_epoch", "not_above"],
    lambda dialect: (
        update(runs)
        .values(next_seq=bindparam("next_seq"), renewals=runs.c.renewals + literal_column("1"))
        .where(
            runs.c.id == bindparam("in_run"),
            runs.c.owner == bindparam("in_owner"),
            runs.c.epoch == bindparam("in_epoch"),
            runs.c.next_seq <= bindparam("not_above"),
        )
    ),
)


def guard(connection: Connection, run_id: str, owner: str, epoch: int, next_seq: int) -> bool:
    """Begin a run's part of a commit; False if the lease is lost and the part must be dropped.

    Keeps `next_seq`, the number of the run's next event, and is a sign of life: nobody who waited for the end of a long
    commit finds the lease as it was before. PostgreSQL holds the run until the end of the transaction.
    """
    return _guard.run(connection, [(next_seq, run_id, owner, epoch, next_seq)]) == 1


# --- rows -------------------------------------------------------------------------------------------------------------


def _no_run(run_id: str, why: str = "") -> NotFound:
    return NotFound(f"there is no run {run_id!r}{why}", remedy="`tidemill runs` lists the newest runs")


def _removed(connection: Connection, team: str, prefix: str) -> str:
    """Why there is no run any more that had this id, or "" if there never was one."""
    found = removing.removed(connection, team, prefix)
    if found is None:
        return ""
    at, reason, by = found
    return f": it was removed on {at[:10]} by {by}, with `tidemill gc`, because {reason}"


def _placed_at(run: RunRecord) -> str:
    return required_moment_out(run.scheduled_for or run.interval_start or run.created_at)


def _row(run: RunRecord) -> tuple[object, ...]:
    return (
        run.id,
        run.team,
        name_out(run.pipeline, "the pipeline's name"),
        run.definition,
        mapping_out(run.params),
        run.state.value,
        required_moment_out(run.created_at),
        name_out(run.request_key, "the request key"),
        moment_out(run.scheduled_for),
        moment_out(run.interval_start),
        moment_out(run.interval_end),
        moment_out(run.started_at),
        moment_out(run.ended_at),
        run.seed,
        run.generation,
        run.priority,
        name_out(run.actor, "the actor"),
        record_out(run.cause),
        run.executor,
        name_out(run.entry, "the entry file"),
        run.previous,
        mapping_out(run.tags),
        list_out(run.refresh),
        run.next_seq,
        _placed_at(run),
        FREE,
        0,
        0,
    )


def _record(row: Row[tuple[object, ...]]) -> RunRecord:
    created_at: datetime = required_moment_in(row.created_at)
    return RunRecord(
        id=row.id,
        team=row.team,
        pipeline=row.pipeline,
        definition=row.definition,
        params=mapping_in(row.params),
        state=state_in(RunState, row.state),
        created_at=created_at,
        request_key=row.request_key,
        scheduled_for=moment_in(row.scheduled_for),
        interval_start=moment_in(row.interval_start),
        interval_end=moment_in(row.interval_end),
        started_at=moment_in(row.started_at),
        ended_at=moment_in(row.ended_at),
        seed=row.seed,
        generation=row.generation,
        priority=row.priority,
        actor=row.actor,
        cause=record_in(Cause, row.cause),
        executor=row.executor,
        entry=row.entry,
        previous=row.previous,
        tags=mapping_in(row.tags),
        refresh=list_in(row.refresh),
        next_seq=row.next_seq,
    )
