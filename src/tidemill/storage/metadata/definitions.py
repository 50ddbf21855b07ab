"""Definitions: the text of each compiled graph, stored once by its digest."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from tidemill.core.errors import NotFound
from tidemill.storage.metadata.encoding import name_out, required_moment_out
from tidemill.storage.metadata.statements import inserting_new
from tidemill.storage.metadata.tables import definitions

_insert = inserting_new(definitions)


def put(connection: Connection, team: str, digest: str, name: str, text: str, now: datetime) -> None:
    """Store the text of a definition; storing it again changes nothing."""
    _insert.run(connection, [(team, digest, name_out(name, "the pipeline's name"), text, required_moment_out(now))])


def get(connection: Connection, team: str, digest: str) -> str:
    """The text stored under `digest`. Raises NotFound."""
    found: str | None = connection.execute(
        select(definitions.c.text).where(definitions.c.team == team, definitions.c.digest == digest)
    ).scalar()
    if found is None:
        raise NotFound(
            f"there is no definition {digest}", remedy="run the pipeline's file again, which stores its definition"
        )
    return found
