"""Which schema a database has, and bringing it to the current one: in one step if it is empty, else by migration.

Whoever comes second waits for the first and then finds the work done.
"""

from __future__ import annotations

import importlib

from sqlalchemy import Column, Connection, Engine, MetaData, PrimaryKeyConstraint, String, Table, inspect, text

from tidemill.core.crash import point
from tidemill.storage.metadata import tables
from tidemill.storage.metadata.errors import SchemaForeign, SchemaTooNew

_before_commit = point("metadata.before-schema-commit")
_after_commit = point("metadata.after-schema-commit")

VERSION_TABLE = "tidemill_schema"
# Any number will do, as long as it stays the same.
_LOCK = 7_210_483_391

_IS_THERE = {
    "sqlite": f"SELECT name FROM sqlite_master WHERE type = 'table' AND name = '{VERSION_TABLE}'",
    "postgresql": f"SELECT to_regclass('{VERSION_TABLE}')",
}

# As the migration library makes it; a name of our own, because other tools keep theirs in the default one.
_version = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


def prepare(reading: Engine, writing: Engine, shown: str) -> None:
    """Make sure of the current schema. Raises SchemaTooNew or SchemaForeign; `shown` names the database in them."""
    with reading.connect() as connection:
        # Almost always so, and it disturbs no writer.
        if version(connection) == tables.SCHEMA:
            return
    with writing.begin() as connection:
        lock(connection)
        found = version(connection)
        if found == tables.SCHEMA:
            return
        if found is None:
            create(connection, shown)
        elif not found.isdigit():
            raise _foreign(shown, f"its schema is {found!r}")
        elif int(found) > int(tables.SCHEMA):
            raise SchemaTooNew(
                f"the database has schema {found}, and this Tidemill knows {tables.SCHEMA} at most",
                remedy="run `pip install --upgrade tidemill`, or use another TIDEMILL_HOME",
                place=shown,
            )
        else:
            # Loaded only when there is something to migrate: it would slow down the start of every command.
            importlib.import_module("tidemill.storage.metadata.migrations.upgrade").upgrade(connection)
        _before_commit()
    _after_commit()


def version(connection: Connection) -> str | None:
    """The schema that the database is stamped with; None for one that we have not been to."""
    # As plain text: each command begins with this, and reflection would be a third of the time that opening takes.
    if connection.exec_driver_sql(_IS_THERE[connection.dialect.name]).scalar() is None:
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
    return None if found is None else str(found)


def lock(connection: Connection) -> None:
    """Wait until nobody else creates or migrates, and keep others from it until the end of the transaction."""
    # On SQLite the transaction holds the right to write from its beginning.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 600000"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def create(connection: Connection, shown: str) -> None:
    """Create the current schema in an empty database and stamp it."""
    taken = sorted(set(inspect(connection).get_table_names()) & set(tables.metadata.tables))
    if taken:
        raise _foreign(shown, f"it has tables named {', '.join(taken[:3])} that Tidemill did not make")
    tables.metadata.create_all(connection, checkfirst=False)
    _version.create(connection)
    connection.execute(_version.insert().values(version_num=tables.SCHEMA))


def _foreign(shown: str, why: str) -> SchemaForeign:
    return SchemaForeign(
        f"the database belongs to something else: {why}",
        remedy="give Tidemill a database of its own; on PostgreSQL a schema will do: create it and add"
        " `?options=-csearch_path%3DNAME` to the URL",
        place=shown,
    )
