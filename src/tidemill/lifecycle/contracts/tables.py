"""Rows of any origin as columns that rules can look at: pandas, pyarrow, a list of dicts, a CSV or Parquet file.

Columns are looked at one at a time and where they are, if their memory can be shared.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from tidemill.core.errors import InputError, NotFound
from tidemill.lifecycle.contracts.columns import Values, values_of
from tidemill.lifecycle.contracts.model import ColumnType

_WRITTEN_AS_TEXT = frozenset({ColumnType.TEXT, ColumnType.CATEGORY})
_CONTENT = re.compile(r"(got \d+|invalid value).*")
_CSV = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
_ARROW = (".arrow", ".feather")
_WIDE = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
_FLOATS_TELL = 1 << 53


class NoRows(InputError):
    """These are no rows that a contract can judge."""

    code = "no-rows"


@dataclass(slots=True)
class Rows:
    """A table; `given` is what it was made from. Only the column that was asked for last is kept in its other form."""

    given: Any
    table: Any
    names: tuple[str, ...]
    count: int
    _kept: tuple[str, Values] | None = None

    def has(self, name: str) -> bool:
        return name in self.names

    def values(self, name: str, wanted: ColumnType | None = None) -> Values:
        """A column by its name, of which there must be one."""
        if self._kept is None or self._kept[0] != name:
            self._kept = (name, values_of(self._column(name), wanted))
        return self._kept[1]

    def _column(self, name: str) -> Any:
        at = self.names.index(name)
        return self.table.column(at) if isinstance(self.table, pa.Table) else self.table.iloc[:, at]

    def frame(self, names: Iterable[str] | None = None) -> pd.DataFrame:
        """All, or some columns, as pandas; what is done to it does not reach the rows."""
        at = None if names is None else [self.names.index(name) for name in names]
        if isinstance(self.table, pa.Table):
            return _exact(self.table if at is None else self.table.select(at))
        found = self.table if at is None else self.table.iloc[:, at]
        return found.copy(deep=False)

    def kept(self, aside: np.ndarray | None) -> tuple[Any, Any]:
        """What goes on and what is set aside, both of the kind that was given; a file gives frames."""
        given = self.given
        if isinstance(given, str | Path):
            given = self.frame()
        if aside is None or not aside.any():
            return given, given[:0] if isinstance(given, list) else _rows(given, np.zeros(self.count, bool))
        if isinstance(given, list):
            return [row for row, out in zip(given, aside, strict=True) if not out], [
                row for row, out in zip(given, aside, strict=True) if out
            ]
        return _rows(given, ~aside), _rows(given, aside)


def _exact(table: Any) -> pd.DataFrame:
    """As pandas has it; whole numbers beside empty cells stay whole where a float would not tell them apart."""
    frame: pd.DataFrame = table.to_pandas()
    for at, column in enumerate(table.columns):
        if column.null_count < len(column) and column.null_count and column.type in _WIDE:
            ends = pc.min_max(column).as_py()
            if ends["min"] < -_FLOATS_TELL or ends["max"] > _FLOATS_TELL:
                frame.isetitem(at, column.to_pandas(types_mapper=_WIDE.get))
    return frame


def _rows(given: Any, mask: np.ndarray) -> Any:
    return given.filter(pa.array(mask)) if isinstance(given, pa.Table) else given.loc[mask]


def rows_of(given: Any, types: Mapping[str, ColumnType] | None = None) -> Rows:
    """The rows. `types`: what columns are declared as, by which a CSV file is read. Raises NoRows, NotFound."""
    match given:
        case Rows():
            return given
        case pd.DataFrame():
            return Rows(given, given, tuple(map(str, given.columns)), len(given))
        case pa.Table():
            return Rows(given, given, tuple(given.column_names), given.num_rows)
        case pa.RecordBatch():
            return rows_of(pa.Table.from_batches([given]))
        case str() | Path():
            table = _read(Path(given), types or {})
            return Rows(given, table, tuple(table.column_names), table.num_rows)
        case list() | tuple():
            return _of_records(list(given))
    if hasattr(given, "to_arrow"):
        table = given.to_arrow()
        if isinstance(table, pa.Table):
            return Rows(table, table, tuple(table.column_names), table.num_rows)
    raise NoRows(
        f"a {type(given).__name__} holds no rows that a contract can judge",
        remedy="give a DataFrame, a pyarrow Table, a list of dicts, or the path of a CSV or Parquet file",
    )


def _of_records(given: list[Any]) -> Rows:
    odd = next((n for n, row in enumerate(given) if not isinstance(row, Mapping)), None)
    if odd is not None:
        raise NoRows(f"row {odd} of the list is a {type(given[odd]).__name__}, not a dict")
    names = dict.fromkeys(str(name) for row in given for name in row)
    # Column by column, so that a whole number beside an empty cell stays one.
    columns = {name: pd.Series([row.get(name) for row in given], dtype=object) for name in names}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(given)))
    return Rows(given, frame, tuple(names), len(given))


def _read(path: Path, types: Mapping[str, ColumnType]) -> Any:
    suffix = path.suffix.lower()
    if not path.exists():
        raise NotFound(f"there is no file {path}")
    try:
        if suffix in _PARQUET:
            return parquet.read_table(path)
        if suffix in _ARROW:
            with pa.memory_map(str(path)) as source:
                return pa.ipc.open_file(source).read_all()
        if suffix in _CSV:
            return _read_csv(path, {name for name, kind in types.items() if kind in _WRITTEN_AS_TEXT})
    except (pa.ArrowException, OSError, ValueError) as error:
        raise NoRows(f"the file cannot be read: {_first_line(error)}", place=str(path)) from None
    raise NoRows(
        f"files that end in {suffix or 'nothing'} are not read here",
        place=str(path),
        remedy=f"known: {', '.join((*_CSV, *_PARQUET, *_ARROW))}",
    )


def _read_csv(path: Path, texts: Collection[str]) -> Any:
    reading = csv.ReadOptions(block_size=max(1 << 20, min(path.stat().st_size + 1, 1 << 30)))
    parsing = csv.ParseOptions(delimiter="\t" if path.suffix.lower() == ".tsv" else ",", newlines_in_values=True)
    with csv.open_csv(path, csv.ReadOptions(block_size=1 << 16), parsing) as head:
        names = head.schema.names
    converting = csv.ConvertOptions(
        column_types={name: pa.string() for name in texts if name in names}, strings_can_be_null=True
    )
    return csv.read_csv(path, reading, parsing, converting)


def _first_line(error: Exception) -> str:
    """Without what the file holds, which is not for every log."""
    lines = str(error).strip().splitlines()
    return _CONTENT.sub(r"\1", lines[0])[:200] if lines else type(error).__name__
