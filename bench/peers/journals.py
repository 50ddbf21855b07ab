"""Which journals the SQLite files below a folder have: what a tool says of its durability, checked from outside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

_MAGIC = b"SQLite format 3\0"


def journals(folder: Path) -> str:
    """Such as "delete, wal"; "" if there is no such file."""
    return ", ".join(sorted({_journal(file) for file in _databases(folder)}))


def _databases(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink() and file.stat().st_size > len(_MAGIC):
            with file.open("rb") as reading:
                if reading.read(len(_MAGIC)) == _MAGIC:
                    yield file


def _journal(file: Path) -> str:
    try:
        database = sqlite3.connect(file)
        try:
            return str(database.execute("PRAGMA journal_mode").fetchone()[0])
        finally:
            database.close()
    except sqlite3.Error:
        return "unreadable"
