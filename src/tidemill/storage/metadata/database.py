"""The database as a whole: opening it, transactions for reading and for writing, and its errors in our words.

Every write is one short transaction that holds the right to write from its first moment; every read sees one moment.
No table is known here, and no password is shown.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, exc

from tidemill.core.crash import point
from tidemill.storage.metadata import schema
from tidemill.storage.metadata.connecting import LEASE_S, Engines, connected, parsed, secrets_of, shown
from tidemill.storage.metadata.errors import DatabaseUnavailable, explained
from tidemill.storage.metadata.notifying import Notifier

__all__ = ["Connection", "Database"]

_before_commit = point("metadata.before-commit")
_after_commit = point("metadata.after-commit")


class Database:
    """One database with the current schema. May be used from many threads; after a fork the child opens its own."""

    def __init__(self, url: URL, engines: Engines) -> None:
        self._engines = engines
        self._address = url
        self._secrets = secrets_of(url)
        self._closed = False
        self._in_write = threading.local()
        self.url = shown(url)
        """Names the database to people; without password and options."""
        self.dialect = url.get_backend_name()
        """`sqlite` or `postgresql`."""

    @classmethod
    def open(cls, url: str, lease_s: float = LEASE_S) -> Database:
        """Open `sqlite:///PATH` or `postgresql://USER@HOST/NAME`, and create or migrate the schema if need be.

        `lease_s`, the length of leases in seconds, bounds how long a write waits for a lock of PostgreSQL.
        Raises InputError for a URL that cannot be used, SchemaTooNew, SchemaForeign, and the errors of the database.
        """
        address = parsed(url)
        database = cls(address, connected(address, lease_s))
        try:
            with database._explained():
                schema.prepare(database._engines.reading, database._engines.writing, database.url)
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction, committed at the end of the block and rolled back by an exception. Not nested, not long."""
        if getattr(self._in_write, "active", False):
            raise RuntimeError("a write inside a write of the same thread would wait for itself")
        self._in_write.active = True
        try:
            with self._transaction(self._engines.writing) as connection:
                yield connection
                _before_commit()
        finally:
            self._in_write.active = False
        _after_commit()

    @contextmanager
    def renew(self) -> Iterator[Connection]:
        """A write for signs of life, on a connection of its own: it does not wait until others here have ended."""
        with self._transaction(self._engines.renewing) as connection:
            yield connection
            _before_commit()
        _after_commit()

    def wakeup(self) -> Notifier | None:
        """Hints through the database itself, where it can carry them."""
        return Notifier(self._address) if self.dialect == "postgresql" else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One moment of the database; a write in this block is refused. Fetch what you need and leave."""
        with self._transaction(self._engines.reading) as connection:
            yield connection

    def close(self) -> None:
        """Close all connections. May be called twice."""
        self._closed = True
        self._engines.dispose()

    def __repr__(self) -> str:
        return f"Database({self.url!r})"

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        if self._closed:
            raise DatabaseUnavailable("the database is closed", place=self.url)
        with self._explained(), engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (exc.DBAPIError, exc.TimeoutError) as error:
            # Not "from error": what the driver says may quote rows and addresses.
            raise explained(error, self.url, self._secrets) from None
