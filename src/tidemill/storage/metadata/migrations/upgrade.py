"""Runs the missing steps inside the caller's transaction, so that a crash between two of them leaves the old schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from tidemill.core.crash import point

_step = point("metadata.migration-step")
_FOLDER = Path(__file__).parent


def upgrade(connection: Connection, target: str = "head", versions: Path | None = None) -> None:
    """Migrate up to `target`; `versions` is another folder of steps, for tests. The caller commits."""
    config = Config()
    config.set_main_option("script_location", _escaped(_FOLDER))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", _escaped(versions or _FOLDER / "versions"))
    config.attributes["connection"] = connection
    config.attributes["after_step"] = lambda **_: _step()
    command.upgrade(config, target)


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
