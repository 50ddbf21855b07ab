"""What can go wrong with the database, and how an error of a driver becomes one of these, without SQL and values.

StorageError
├── DatabaseBusy           somebody else holds it; trying again helps
├── DatabaseUnavailable    it cannot be reached or opened
├── DatabaseFull           there is no room left
├── DatabaseReadOnly       it can be read but not changed
├── DatabaseConflict       a row that should be new is there already
├── DatabaseRefused        it does not take what is written, and never will
├── RowDamaged             a row does not hold what was written
├── SchemaTooNew           a newer Tidemill made it
└── SchemaForeign          somebody else's tables are in it
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from sqlalchemy import exc

from tidemill.core.errors import StorageError


class DatabaseBusy(StorageError):
    """Another process holds the database, or too many connections are out. Nothing was changed; try again."""

    code = "database-busy"


class DatabaseUnavailable(StorageError):
    """The database cannot be reached. If this ends a write, look again before you repeat it: it may have been kept."""

    code = "database-unavailable"


class DatabaseFull(StorageError):
    """The disk or the quota of the database is used up. Nothing was changed."""

    code = "database-full"


class DatabaseReadOnly(StorageError):
    """The database may be read only, by its file mode or by the rights of its user."""

    code = "database-read-only"


class DatabaseConflict(StorageError):
    """A row with this identity exists already and says something else."""

    code = "database-conflict"


class DatabaseRefused(StorageError):
    """A statement or a value is of a kind that the database does not take. Trying again does not help."""

    code = "database-refused"


class RowDamaged(StorageError):
    """A stored row does not have the shape that was written."""

    code = "row-damaged"


class SchemaTooNew(StorageError):
    """The database was made or migrated by a newer version."""

    code = "schema-too-new"


class SchemaForeign(StorageError):
    """The database holds tables of these names that are not ours."""

    code = "schema-foreign"


_BUSY = (
    DatabaseBusy,
    "the database is busy",
    "try again; if it stays so, find the process that holds a transaction open",
)
_GONE = (
    DatabaseUnavailable,
    "the database cannot be reached",
    "check that it is running and that TIDEMILL_DATABASE_URL names it, then try again",
)
_FULL = (
    DatabaseFull,
    "the database has no room left",
    "free some disk space, then try again; nothing was half written",
)
_READ_ONLY = (
    DatabaseReadOnly,
    "the database cannot be changed",
    "check the mode of the file and its folder, or the rights of the database user",
)
_CONFLICT = (DatabaseConflict, "the row exists already", "read the stored one; it was not changed")
_REFUSED = (
    DatabaseRefused,
    "the database does not take what was to be written",
    "this is a defect of Tidemill if the database is healthy",
)
_OTHER = (StorageError, "the database refused a statement", "this is a defect of Tidemill if the database is healthy")

_Kind = tuple[type[StorageError], str, str]

_SQLITE: dict[int, _Kind] = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CONSTRAINT: _CONFLICT,
    # A statement that is wrong for this database, such as one that names what an older schema has not.
    sqlite3.SQLITE_ERROR: (DatabaseRefused, *_OTHER[1:]),
    sqlite3.SQLITE_TOOBIG: _REFUSED,
    sqlite3.SQLITE_MISMATCH: _REFUSED,
    sqlite3.SQLITE_RANGE: _REFUSED,
    sqlite3.SQLITE_CANTOPEN: _GONE,
    sqlite3.SQLITE_IOERR: (
        DatabaseUnavailable,
        "the database file cannot be read or written",
        "check its disk: free space, quota, mount; nothing was half written",
    ),
    sqlite3.SQLITE_CORRUPT: (
        DatabaseUnavailable,
        "the database file is damaged",
        "restore it from a backup, or move it away to begin with an empty one",
    ),
    sqlite3.SQLITE_NOTADB: (
        DatabaseUnavailable,
        "the file is not a SQLite database",
        "let TIDEMILL_HOME or TIDEMILL_DATABASE_URL name another place",
    ),
}

# By SQLSTATE, or by its class (the first two characters).
_POSTGRES: dict[str, _Kind] = {
    "25006": _READ_ONLY,
    "25P03": _GONE,  # the server ended a transaction that did nothing
    "25P04": _GONE,
    "42501": _READ_ONLY,
    "53100": _FULL,
    "53200": _BUSY,
    "53300": _BUSY,
    "55P03": _BUSY,
    "57014": _BUSY,
    "40": _BUSY,
    "08": _GONE,
    "57": _GONE,
    "28": (DatabaseUnavailable, "the database refused the login", "check user and password in TIDEMILL_DATABASE_URL"),
    "3D": (
        DatabaseUnavailable,
        "there is no such database",
        "create it (`createdb NAME`), or mend its name in the URL",
    ),
    "23": _CONFLICT,
    "0A": _REFUSED,
    "22": _REFUSED,
    "42": _REFUSED,
    "54": _REFUSED,
}


def explained(error: exc.DBAPIError | exc.TimeoutError, shown: str, secrets: Iterable[str]) -> StorageError:
    """Our error for one of SQLAlchemy's; `shown` names the database, `secrets` are blotted out of what it says."""
    kind: _Kind
    if isinstance(error, exc.TimeoutError):
        kind, detail = _BUSY, "all connections of this process are in use"
    else:
        # The lines after the first may quote values of the row.
        kind, detail = _kind_of(error), next(iter(str(error.orig).strip().splitlines()), "")
    for secret in secrets:
        detail = detail.replace(secret, "***")
    family, message, remedy = kind
    return family(f"{message}: {detail}" if detail else message, remedy=remedy, place=shown)


def _kind_of(error: exc.DBAPIError) -> _Kind:
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF, _OTHER)
    state = getattr(error.orig, "sqlstate", None)
    if state:
        return _POSTGRES.get(state) or _POSTGRES.get(state[:2], _OTHER)
    if error.connection_invalidated or isinstance(error, exc.OperationalError):
        return _GONE
    return _OTHER
