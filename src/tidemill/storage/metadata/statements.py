"""Statements of the hot path: compiled once for each dialect, then run with plain tuples.

A task costs a handful of statements; passed to the driver like this, each takes a quarter of the time. Knows no table.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Delete, Insert, Select, Table, Update
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

# Both databases take some 30,000 parameters in one statement; this many in one IN list is far below that.
_CHUNK = 500
_COUNTED = {"preserve_rowcount": True}


class Statement:
    """An insert, update, delete or select. `names` are its parameters in the order in which they stand in the SQL."""

    def __init__(self, names: Sequence[str], build: Callable[[str], Insert | Update | Delete | Select[Any]]) -> None:
        self._names = list(names)
        self._build = build
        self._texts: dict[str, str] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run once for each tuple of parameters; the number of rows that changed."""
        if not rows:
            return 0
        text = self._texts.get(connection.dialect.name) or self._compile(connection)
        return connection.exec_driver_sql(
            text, rows[0] if len(rows) == 1 else list(rows), execution_options=_COUNTED
        ).rowcount

    def found(self, connection: Connection, row: tuple[Any, ...]) -> Sequence[tuple[Any, ...]]:
        """What a select finds for these parameters."""
        text = self._texts.get(connection.dialect.name) or self._compile(connection)
        return connection.exec_driver_sql(text, row).all()

    def _compile(self, connection: Connection) -> str:
        dialect = connection.dialect
        compiled = self._build(dialect.name).compile(dialect=dialect, column_keys=self._names)
        order = getattr(compiled, "positiontup", None)
        if order != self._names:
            raise AssertionError(f"the parameters stand as {order}, not as {self._names}")
        text = self._texts[dialect.name] = str(compiled)
        return text


def insert_into(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that knows ON CONFLICT in the words of `dialect`."""
    # The engine has loaded its own dialect; that of PostgreSQL costs 50 ms, which nobody else is to pay.
    found: sqlite.Insert | postgresql.Insert = importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
    return found


def inserting(table: Table) -> Statement:
    """Insert whole rows, in the order of the table's columns."""
    return Statement(table.columns.keys(), lambda dialect: insert_into(dialect, table))


def inserting_new(table: Table) -> Statement:
    """Insert whole rows and pass over those that are there."""
    return Statement(table.columns.keys(), lambda dialect: insert_into(dialect, table).on_conflict_do_nothing())


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """`items` in portions that fit into one IN list."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
