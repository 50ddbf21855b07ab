"""What attempts pushed while they ran: recorded whatever their end, one value for each key."""

from __future__ import annotations

from sqlalchemy import Connection, Insert, select

from tidemill.core.values import Value
from tidemill.storage.metadata.encoding import name_out, value_in, value_out
from tidemill.storage.metadata.statements import Statement, insert_into
from tidemill.storage.metadata.tables import pushes


def _upsert(dialect: str) -> Insert:
    insert = insert_into(dialect, pushes)
    return insert.on_conflict_do_update(index_elements=["attempt", "key"], set_={"value": insert.excluded.value})


_put = Statement(pushes.c.keys(), _upsert)


def put(connection: Connection, team: str, attempt: str, key: str, value: Value) -> None:
    """Store a pushed value over an earlier one of the same key. Raises InputError for a key that cannot be stored."""
    _put.run(connection, [(attempt, name_out(key, "the key"), team, value_out(value))])


def of(connection: Connection, attempt: str) -> dict[str, Value]:
    """What the attempt pushed, by key."""
    rows = connection.execute(
        select(pushes.c.key, pushes.c.value).where(pushes.c.attempt == attempt).order_by(pushes.c.key)
    )
    return {key: value_in(value) for key, value in rows}
