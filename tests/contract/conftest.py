"""The database, once on SQLite and once on PostgreSQL: the same tests say the same of both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from tidemill.storage.metadata import tables
from tidemill.storage.metadata.database import Database
from tidemill.testing import InlineApp, inline_app

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that does not exist yet, or is empty."""
    if request.param == "sqlite":
        return _sqlite(tmp_path)
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with empty tables."""
    url = _sqlite(tmp_path) if request.param == "sqlite" else request.getfixturevalue("emptied_postgres")
    database = Database.open(url)
    yield database
    database.close()


@pytest.fixture(params=BOTH)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InlineApp]:
    """An open home whose tasks run in this process, on a calendar that leaps to whatever is due."""
    url = _sqlite(tmp_path) if request.param == "sqlite" else request.getfixturevalue("emptied_postgres")
    with inline_app(tmp_path / "home", database_url=url) as app:
        yield app


@pytest.fixture
def emptied_postgres(shared_postgres: str) -> Iterator[str]:
    """Emptying tables takes a tenth of the time of making them."""
    yield shared_postgres
    engine = create_engine(shared_postgres)
    with engine.begin() as connection:
        connection.exec_driver_sql("; ".join(f"DELETE FROM {name}" for name in tables.metadata.tables))
    engine.dispose()


@pytest.fixture(scope="session")
def shared_postgres(postgres_url: str) -> str:
    """A PostgreSQL database that all tests share; it goes with the server."""
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE contract")
    engine.dispose()
    return make_url(postgres_url).set(database="contract").render_as_string(hide_password=False)


def _sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'home' / 'tidemill.db'}"
