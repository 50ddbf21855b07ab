"""How durable a side was, asked of what it wrote with, and which file system that is on."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from bench.row import SQLITE_FULL, Durability
from tidemill.app import App

_SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


def of_app(app: App, file: Path) -> Durability:
    """Of an open home: the journal as its file says, the rest as the connection says that writes it.

    `file` lies where the database does: for PostgreSQL its data folder.
    """
    with app.database.write() as connection:
        if app.database.dialect == "postgresql":
            fsync = connection.exec_driver_sql("SHOW fsync").scalar()
            commit = connection.exec_driver_sql("SHOW synchronous_commit").scalar()
            return Durability(f"fsync={fsync} synchronous_commit={commit}", file_system_of(file))
        synchronous = int(connection.exec_driver_sql("PRAGMA synchronous").scalar() or 0)
    return of_sqlite(file, synchronous)


def of_sqlite(file: Path, synchronous: int) -> Durability:
    """Of an SQLite file and the `PRAGMA synchronous` that its writer read back: that one is not kept in the file."""
    reading = sqlite3.connect(file)
    try:
        journal = str(reading.execute("PRAGMA journal_mode").fetchone()[0])
    finally:
        reading.close()
    mode = f"{journal.upper()} synchronous={_SYNCHRONOUS.get(synchronous, synchronous)}"
    return Durability(SQLITE_FULL if mode == SQLITE_FULL else mode, file_system_of(file))


def file_system_of(path: Path) -> str:
    """Type and device, such as "ext4 254:0"."""
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return number
    for mount in mounts:
        fields = mount.split()
        if fields[2] == number and "-" in fields:
            return f"{fields[fields.index('-') + 1]} {number}"
    return number
