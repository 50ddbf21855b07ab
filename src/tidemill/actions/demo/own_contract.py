"""A contract for a user's own table: numbers stay about where they are today, and every row names its class.

Read as text, one row at a time, as `table` does; written beside the other files of the demo, for people to look at.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from tidemill.actions.demo.table import FEWEST_ROWS, GAPS, Table
from tidemill.actions.runs import actor
from tidemill.app import App
from tidemill.lifecycle.contracts.contract import Contract
from tidemill.lifecycle.contracts.documents import to_yaml
from tidemill.lifecycle.contracts.model import Bounds, Column, ColumnType, RowCount

MOSTLY = 0.9
"""Of the values of a column, how many must be numbers for it to be one of numbers."""

MOST_GAPS = 0.5
DIGITS = 6


@dataclass(slots=True)
class _Seen:
    """What a column holds."""

    values: int = 0
    numbers: int = 0
    low: float = math.inf
    high: float = -math.inf

    def add(self, text: str) -> None:
        if text in GAPS:
            return
        self.values += 1
        try:
            number = float(text)
        except ValueError:
            return
        if math.isfinite(number):
            self.numbers += 1
            self.low, self.high = min(self.low, number), max(self.high, number)

    @property
    def of_numbers(self) -> bool:
        return self.numbers > 0 and self.numbers >= MOSTLY * self.values


def contract_for(app: App, table: Table) -> Path:
    """Write the contract of a table, and say where."""
    seen = {name: _Seen() for name in table.columns}
    with table.path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.reader(lines, delimiter=table.separator, skipinitialspace=True)
        next(rows, None)
        for row in rows:
            for one, text in zip(seen.values(), row, strict=False):
                one.add(text.strip())
    contract = Contract(
        name=table.path.stem,
        owner=f"{actor()}, who brought {table.path.name}",
        description="Made by the demo from the rows as they were; `tidemill contract init` makes a better one.",
        rows=RowCount(Bounds(low=FEWEST_ROWS)),
        columns=tuple(_column(name, one, name == table.target) for name, one in seen.items()),
    )
    folder = app.settings.home / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "contract.yaml"
    file.write_text(to_yaml(contract), encoding="utf-8")
    return file


def _column(name: str, seen: _Seen, is_target: bool) -> Column:
    if is_target:
        return Column(name, null=0.0)
    if not seen.of_numbers:
        return Column(name, null=MOST_GAPS)
    room = max(seen.high - seen.low, abs(seen.high), abs(seen.low))
    return Column(
        name, type=ColumnType.FLOAT, null=MOST_GAPS, min=_rounded(seen.low - room), max=_rounded(seen.high + room)
    )


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
