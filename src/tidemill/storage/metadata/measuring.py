"""What a doctor asks of a database: how large it is, and which schema it has."""

from __future__ import annotations

from sqlalchemy import Connection, text

from tidemill.storage.metadata import schema


def size(connection: Connection) -> int:
    """Bytes of the database, its free pages included."""
    if connection.dialect.name == "postgresql":
        query = "SELECT pg_database_size(current_database())"
    else:
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    return int(connection.execute(text(query)).scalar_one())


def schema_version(connection: Connection) -> str:
    """The newest migration that was applied."""
    return schema.version(connection) or ""
