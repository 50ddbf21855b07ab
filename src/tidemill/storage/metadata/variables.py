"""Variables: named values of a team that tasks may read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select

from tidemill.core.values import MISSING, Missing, Value
from tidemill.storage.metadata.encoding import name_out, required_moment_out, value_in, value_out
from tidemill.storage.metadata.statements import insert_into
from tidemill.storage.metadata.tables import variables


def get(connection: Connection, team: str, key: str) -> Value | Missing:
    """The value of a variable, or MISSING: null is a value too."""
    row = connection.execute(select(variables.c.value).where(variables.c.team == team, variables.c.key == key)).first()
    return MISSING if row is None else value_in(row.value)


def put(connection: Connection, team: str, key: str, value: Value, now: datetime) -> None:
    """Set a variable. Raises NotAValue, or InputError for a key that cannot be stored."""
    written = {"value": value_out(value), "changed_at": required_moment_out(now)}
    insert = insert_into(connection.dialect.name, variables).values(team=team, key=name_out(key, "the key"), **written)
    connection.execute(insert.on_conflict_do_update(index_elements=["team", "key"], set_=written))


def remove(connection: Connection, team: str, key: str) -> bool:
    """Delete a variable; False if there is none."""
    return connection.execute(delete(variables).where(variables.c.team == team, variables.c.key == key)).rowcount == 1


def listing(connection: Connection, team: str) -> dict[str, Value]:
    """All variables of the team, by key."""
    rows = connection.execute(
        select(variables.c.key, variables.c.value).where(variables.c.team == team).order_by(variables.c.key)
    )
    return {key: value_in(value) for key, value in rows}
