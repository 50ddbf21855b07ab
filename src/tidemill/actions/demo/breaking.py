"""The data as it arrives on a bad day: one column in other units, and rows whose class nobody filled in.

Made from the rows that a run read, as a CSV file; they are read as Arrow, and nothing of them is loaded as an object.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

UNITS = 1000
"""By how much the numbers of a column are too large: micrometres that were millimetres, say."""

EVERY = 50
"""One row in so many has no class."""


@dataclass(frozen=True, slots=True)
class Broken:
    """What was done to the rows: the column whose units changed, if there is one of numbers, and rows without class."""

    file: Path
    column: str
    empty: int


def break_rows(source: Path, target: str, file: Path) -> Broken:
    """Write the rows of an Arrow file to a CSV file, broken."""
    with pa.memory_map(str(source), "r") as mapped:
        table: Any = pa.ipc.open_file(mapped).read_all()
        names = [name for name in table.column_names if not name.startswith("__index_level_")]
        column = next((name for name in names if name != target and pa.types.is_floating(table[name].type)), "")
        cells = {name: table[name].to_pylist() for name in names}
    if column:
        cells[column] = [None if value is None else value * UNITS for value in cells[column]]
    empty = range(EVERY - 1, len(cells[target]), EVERY)
    for row in empty:
        cells[target][row] = None
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(names)
        writer.writerows(zip(*cells.values(), strict=True))
    return Broken(file, column, len(empty))
