"""From a URL to connections: what SQLite and PostgreSQL must be told so that both behave as `database` promises.

Knows no table and no schema.
"""

from __future__ import annotations

import os
import select
import sqlite3
import time
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url

from tidemill.core.errors import InputError
from tidemill.storage.metadata.errors import DatabaseUnavailable

BUSY_S = 30.0
"""How long a write waits for another one, in seconds, before it gives up as DatabaseBusy."""

_FORMS = "write it as sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
_POSTGRES_DRIVER = "postgresql+psycopg"
# A peer that went away silently is noticed in a minute rather than in two hours.
_POSTGRES_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "application_name": "tidemill",
}


CONNECTIONS = 32
"""How many connections to PostgreSQL a process may have out at once, besides those that are kept for one purpose."""

LEASE_S = 15.0
"""The length of leases, in seconds, if nothing else is said."""


class Engines(NamedTuple):
    """Connections that write, connections that cannot, and one for signs of life, which wait for nobody else here."""

    writing: Engine
    reading: Engine
    renewing: Engine

    def dispose(self) -> None:
        for engine in self:
            engine.dispose()


def parsed(text: str) -> URL:
    """The URL of a database of a kind we know. Raises InputError, which never repeats it: it may hold a password."""
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):
        raise InputError("the URL of the database cannot be read", remedy=_FORMS) from None
    match url.drivername:
        case "sqlite" | "sqlite+pysqlite":
            if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
                raise InputError("the URL of the database names no file", remedy=_FORMS)
            if url.query:
                raise InputError("a SQLite URL takes no options here", remedy="leave out the `?` and what follows it")
            return url.set(drivername="sqlite")
        case "postgresql" | "postgres" | "postgresql+psycopg":
            if not url.database:
                raise InputError("the URL names no database", remedy=_FORMS)
            return url.set(drivername=_POSTGRES_DRIVER)
        case other:
            raise InputError(f"databases of the kind {other!r} are not supported", remedy=_FORMS)


def shown(url: URL) -> str:
    """The URL for people: the password as `***`, and no options, where a password may stand too."""
    return url.set(query={}).render_as_string(hide_password=True)


def secrets_of(url: URL) -> tuple[str, ...]:
    """Texts of the URL that no message may repeat."""
    values = [url.password, url.query.get("password"), url.query.get("sslpassword")]
    return tuple(value for value in values if isinstance(value, str) and value)


def connected(url: URL, lease_s: float = LEASE_S) -> Engines:
    """Engines for the URL; a missing SQLite file is created. Raises InputError or DatabaseUnavailable.

    `lease_s` is the length of a lease: a write that waits for a lock, or that was begun and left, ends before it.
    """
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgres(url, lease_s)


# --- SQLite -----------------------------------------------------------------------------------------------------------


def _sqlite(url: URL) -> Engines:
    path = Path(url.database or "")
    _create(path, shown(url))
    address = url.set(database=str(path.absolute()))
    options: dict[str, Any] = {
        "hide_parameters": True,
        "connect_args": {"timeout": BUSY_S, "isolation_level": None},
        "pool_timeout": BUSY_S + 5,
    }
    # There is one writer at a time anyway, and threads that queue for its connection are served in order.
    writing = create_engine(address, pool_size=1, max_overflow=0, **options)
    reading = create_engine(address, pool_size=4, max_overflow=28, **options)
    # Listeners are called in this order: nothing is begun in a file that is not there.
    _watch(path.absolute(), shown(url), [writing, reading])
    event.listen(writing, "connect", _set_up_writer)
    event.listen(writing, "begin", _begin_immediate)
    event.listen(reading, "connect", _set_up_reader)
    event.listen(reading, "begin", _begin_deferred)
    return Engines(writing, reading, writing)


def _watch(path: Path, name: str, engines: list[Engine]) -> None:
    """Refuse every transaction while the file that was opened is not at its place.

    SQLite itself goes on with a file that was removed, or makes an empty one, and what is written is seen by nobody.
    """
    opened = _identity(path)

    def look(*_: Any) -> None:
        if _identity(path) != opened:
            raise DatabaseUnavailable(
                "the database file was removed or replaced while it was in use",
                remedy="put the file back, with those beside it, and what waits for it goes on",
                place=name,
            )

    for engine in engines:
        event.listen(engine, "do_connect", look)
        event.listen(engine, "begin", look)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _create(path: Path, name: str) -> None:
    """Make the file if it is not there. One that is there is not even opened.

    Closing any descriptor of a file drops all locks that this process has on it, SQLite's too; another process would
    then take away the journal under our hands.
    """
    path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Others on the machine have no business in it; the journal takes its mode from the file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise _no_file(name, "something that is no file is there") from None
    except OSError as error:
        # If it is there, it may still be readable; whoever writes is told then.
        if not path.is_file():
            raise _no_file(name, error.strerror or "") from None


def _no_file(name: str, reason: str) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"the database file cannot be created: {reason}",
        remedy="let TIDEMILL_HOME or TIDEMILL_DATABASE_URL name a place that you may write to",
        place=name,
    )


def _set_up_writer(connection: sqlite3.Connection, _: object) -> None:
    _use_write_ahead_log(connection)
    for setting in ("synchronous=FULL", "journal_size_limit=67108864", "temp_store=MEMORY", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {setting}")


def _set_up_reader(connection: sqlite3.Connection, _: object) -> None:
    for setting in ("query_only=ON", "temp_store=MEMORY", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {setting}")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Two processes that switch a fresh file at once get "locked" without the usual wait, so the wait is here."""
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.005)
            continue
        if mode != "wal":
            raise sqlite3.OperationalError(
                f"no write-ahead log is possible here (journal mode {mode}); use a local disk"
            )
        return


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def _postgres(url: URL, lease_s: float) -> Engines:
    url = with_defaults(url)
    options: dict[str, Any] = {
        "hide_parameters": True,
        "isolation_level": "READ COMMITTED",
        # Positional parameters, which is what `statements` passes on.
        "paramstyle": "format",
    }
    kept = min(5, CONNECTIONS)
    try:
        writing = create_engine(
            url, pool_size=kept, max_overflow=CONNECTIONS - kept, pool_timeout=_patience(lease_s), **options
        )
        renewing = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=BUSY_S, **options)
    except ModuleNotFoundError:
        raise InputError(
            "PostgreSQL needs the library psycopg", remedy="run `pip install 'tidemill[postgres]'`"
        ) from None

    def set_up(connection: Any, _: object) -> None:
        # A write that waits holds rows itself, those of the lease too: it lets go before the lease is lost.
        connection.execute(f"SET lock_timeout = {int(_patience(lease_s) * 1000)}")
        # A process that is stopped in the middle of a write must not stop everybody else for good.
        connection.execute(f"SET idle_in_transaction_session_timeout = {int(lease_s * 1000)}")
        connection.commit()

    for engine in (writing, renewing):
        event.listen(engine, "connect", set_up)
        event.listen(engine, "checkout", _refuse_dead)
    # Both are settings of the session that psycopg sends along with BEGIN: no round trip.
    reading = writing.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines(writing, reading, renewing)


def _refuse_dead(connection: Any, *_: object) -> None:
    """A server that has gone has hung up, which is seen without asking it: all connections are made anew."""
    there = not connection.closed
    if there:
        line = select.poll()
        line.register(connection.fileno(), select.POLLIN)
        there = not line.poll(0)  # it says nothing unless it is asked
    if not there:
        raise exc.InvalidatePoolError


def with_defaults(url: URL) -> URL:
    """The URL of a PostgreSQL database with what we say of its connections, unless it says otherwise itself."""
    return url.set(query={**_POSTGRES_DEFAULTS, **url.query})


def _patience(lease_s: float) -> float:
    return min(BUSY_S, lease_s / 3)
