"""Attempts: each begins once and ends once; a second end changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, text, update

from tidemill.core.causes import Cause
from tidemill.core.history import AttemptRecord
from tidemill.core.records import Usage
from tidemill.core.states import ATTEMPT_MOVES, AttemptState, check_move
from tidemill.storage.metadata.encoding import (
    in_column,
    list_in,
    list_out,
    moment_in,
    moment_out,
    record_in,
    record_out,
    required_moment_in,
    required_moment_out,
    state_in,
)
from tidemill.storage.metadata.errors import RowDamaged
from tidemill.storage.metadata.statements import Statement, inserting
from tidemill.storage.metadata.tables import OPEN, attempts

_READS: Mapping[str, Callable[[Any], object]] = {
    "state": partial(state_in, AttemptState),
    "started_at": required_moment_in,
    "ended_at": moment_in,
    "cause": partial(record_in, Cause),
    "notes": list_in,
}
_begin = inserting(attempts)
_ENDING = ("state", "pid", "ended_at", "cause", "wall_s", "cpu_s", "peak_bytes", "notes")
_settle = Statement(
    [*_ENDING, "of_id"],
    lambda dialect: (
        update(attempts)
        .values({name: bindparam(name) for name in _ENDING})
        .where(attempts.c.id == bindparam("of_id"), text(OPEN))
    ),
)
# Held until the end of the transaction, so that nobody ends them between this and the update.
_hold = Statement(
    ["of_run"],
    lambda dialect: (
        select(attempts.c.id)
        .where(attempts.c.run == bindparam("of_run"), text(OPEN))
        .order_by(attempts.c.id)
        .with_for_update()
    ),
)
_ordered = select(attempts).order_by(
    attempts.c.path, attempts.c.instance, attempts.c.generation, attempts.c.number, attempts.c.id
)


_open = Statement(["of_run"], lambda dialect: select(attempts).where(attempts.c.run == bindparam("of_run"), text(OPEN)))
# Ids of one run differ in their number alone: the longer is the larger, of the same length the later.
_last = Statement(
    ["of_run"],
    lambda dialect: (
        select(func.length(attempts.c.id), func.max(attempts.c.id))
        .where(attempts.c.run == bindparam("of_run"))
        .group_by(text("1"))
    ),
)


def begin(connection: Connection, team: str, rows: Sequence[AttemptRecord]) -> None:
    """Store new attempts. Raises DatabaseConflict (at the end of the write) if an id is taken."""
    _begin.run(connection, [_row(team, attempt) for attempt in rows])


def settle(connection: Connection, rows: Sequence[AttemptRecord]) -> frozenset[str]:
    """End the attempts that are still open, each as its row says; the ids of those that this call ended.

    Of several ends of one attempt the first counts. Raises StateError for a row whose state is no end.
    """
    ends: dict[str, AttemptRecord] = {}
    for attempt in rows:
        check_move(ATTEMPT_MOVES, AttemptState.STARTED, attempt.state)
        ends.setdefault(attempt.id, attempt)
    if len(ends) > 1:
        still_open = _still_open(connection, {attempt.run for attempt in ends.values()}) & ends.keys()
        _settle.run(connection, [_end(attempt) for attempt in ends.values() if attempt.id in still_open])
        return still_open
    return frozenset(id_ for id_, attempt in ends.items() if _settle.run(connection, [_end(attempt)]))


def _still_open(connection: Connection, of_runs: Collection[str]) -> frozenset[str]:
    return frozenset(id_ for run in sorted(of_runs) for (id_,) in _hold.found(connection, (run,)))


def mark_pid(connection: Connection, attempt_id: str, pid: int) -> bool:
    """Note the process of an open attempt; False if it has ended."""
    return (
        connection.execute(update(attempts).where(attempts.c.id == attempt_id, text(OPEN)).values(pid=pid)).rowcount
        == 1
    )


def open_of(connection: Connection, run: str) -> list[AttemptRecord]:
    """The attempts of the run that have not ended, by task run and number."""
    found = _records(_open.found(connection, (run,)))
    return sorted(found, key=lambda one: (one.path, one.instance, one.generation, one.number, one.id))


def last_number(connection: Connection, run: str) -> int:
    """The number at the end of the id of the run's last attempt; 0 if there is none."""
    found = _last.found(connection, (run,))
    return int(max(found)[1].rpartition(".")[2]) if found else 0


def of_run(connection: Connection, run: str) -> list[AttemptRecord]:
    """All attempts of the run, by task run and number."""
    return _records(connection.execute(_ordered.where(attempts.c.run == run)).all())


def of_task(
    connection: Connection, run: str, path: str, instance: str, generation: int | None = None
) -> list[AttemptRecord]:
    """The attempts of one task run in order; of all its generations if none is given."""
    query = _ordered.where(attempts.c.run == run, attempts.c.path == path, attempts.c.instance == instance)
    if generation is not None:
        query = query.where(attempts.c.generation == generation)
    return _records(connection.execute(query).all())


def _end(attempt: AttemptRecord) -> tuple[object, ...]:
    return (
        attempt.state.value,
        attempt.pid,
        moment_out(attempt.ended_at),
        record_out(attempt.cause),
        attempt.usage.wall_s,
        attempt.usage.cpu_s,
        attempt.usage.peak_bytes,
        list_out(attempt.notes),
        attempt.id,
    )


def _row(team: str, attempt: AttemptRecord) -> tuple[object, ...]:
    return (
        attempt.id,
        team,
        attempt.run,
        attempt.path,
        attempt.instance,
        attempt.generation,
        attempt.number,
        attempt.state.value,
        required_moment_out(attempt.started_at),
        attempt.executor,
        attempt.epoch,
        attempt.pid,
        moment_out(attempt.ended_at),
        record_out(attempt.cause),
        attempt.usage.wall_s,
        attempt.usage.cpu_s,
        attempt.usage.peak_bytes,
        list_out(attempt.notes),
    )


def _records(rows: Sequence[Any]) -> list[AttemptRecord]:
    return [_record(row) for row in rows]


def _record(row: Any) -> AttemptRecord:
    try:
        return AttemptRecord(
            id=row.id,
            run=row.run,
            path=row.path,
            instance=row.instance,
            generation=row.generation,
            number=row.number,
            state=state_in(AttemptState, row.state),
            started_at=required_moment_in(row.started_at),
            executor=row.executor,
            epoch=row.epoch,
            pid=row.pid,
            ended_at=moment_in(row.ended_at),
            cause=record_in(Cause, row.cause),
            usage=Usage(row.wall_s, row.cpu_s, row.peak_bytes),
            notes=list_in(row.notes),
        )
    except RowDamaged:
        raise in_column(attempts.name, _READS, row._mapping) from None
