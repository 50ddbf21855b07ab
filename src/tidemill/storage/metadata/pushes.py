"""What attempts pushed while they ran: recorded whatever their end, one value for each key."""

from __future__ import annotations

from sqlalchemy import Connection, Insert, bindparam, select, text

from tidemill.core.values import Value
from tidemill.storage.metadata.encoding import name_out, value_in, value_out
from tidemill.storage.metadata.statements import Statement, insert_into
from tidemill.storage.metadata.tables import OPEN, attempts, pushes


def _upsert(dialect: str) -> Insert:
    insert = insert_into(dialect, pushes)
    return insert.on_conflict_do_update(index_elements=["attempt", "key"], set_={"value": insert.excluded.value})


_put = Statement(pushes.c.keys(), _upsert)
_of_open = Statement(
    ["of_run"],
    lambda dialect: (
        select(pushes.c.attempt, pushes.c.key, pushes.c.value)
        .join(attempts, attempts.c.id == pushes.c.attempt)
        .where(attempts.c.run == bindparam("of_run"), text(OPEN))
        .order_by(pushes.c.attempt, pushes.c.key)
    ),
)


def put(connection: Connection, team: str, attempt: str, key: str, value: Value) -> None:
    """Store a pushed value over an earlier one of the same key. Raises InputError for a key that cannot be stored."""
    _put.run(connection, [(attempt, name_out(key, "the key"), team, value_out(value))])


def of_open(connection: Connection, run: str) -> dict[str, dict[str, Value]]:
    """What each attempt of the run that has not ended pushed, by attempt and key; those without any are left out."""
    found: dict[str, dict[str, Value]] = {}
    for attempt, key, value in _of_open.found(connection, (run,)):
        found.setdefault(attempt, {})[key] = value_in(value)
    return found


def of_attempt(connection: Connection, attempt: str) -> dict[str, Value]:
    """What one attempt pushed, by key."""
    rows = connection.execute(select(pushes.c.key, pushes.c.value).where(pushes.c.attempt == attempt))
    return {key: value_in(value) for key, value in rows}
