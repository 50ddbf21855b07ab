"""What is told of a column, whatever library it comes from: nulls, distinct values, extremes and the mean.

Bounded: so many cells are looked at in all, and so many columns, whatever there is.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from datetime import date, time
from typing import Any

from tidemill.worker.previews.texts import CELL, short

COLUMNS = 50
"""Columns that are described."""

HEAD = 20
"""Rows that are shown."""

CELLS = 200_000
"""Cells that statistics are of, at most."""

ROWS = 20_000
"""Rows that statistics are of, at most."""

PATIENCE_S = 0.5
"""Seconds after which further columns get no statistics."""


def step_for(rows: int, columns: int) -> int:
    """Every how many rows one is looked at."""
    most = max(1, min(ROWS, CELLS // max(1, min(columns, COLUMNS))))
    return max(1, -(-rows // most))


def sampled(rows: int, step: int) -> dict[str, Any]:
    return {"sampled": -(-rows // step)} if step > 1 else {}


def of_list(values: Sequence[Any]) -> dict[str, Any]:
    """Statistics of a column as a list of Python values."""
    there = [value for value in values if value is not None and value == value]
    found: dict[str, Any] = {"nulls": len(values) - len(there)}
    with contextlib.suppress(TypeError):
        found["distinct"] = len(set(there))
    kinds = {type(value) for value in there}
    if kinds and kinds <= {int, float}:
        found |= extremes(min(there), max(there)) | {"mean": number(sum(there) / len(there))}
    elif len(kinds) == 1 and issubclass(next(iter(kinds)), date | time):
        found |= {"least": moment(min(there)), "most": moment(max(there))}
    return found


def extremes(least: Any, most: Any) -> dict[str, Any]:
    return {"least": number(least), "most": number(most)}


def moment(found: Any) -> str:
    """A date or time as text; of midnight the day alone."""
    return short(str(found).removesuffix(" 00:00:00"), CELL)


def number(found: Any) -> Any:
    """A number of Python, or None if it is not one that says something."""
    found = found.item() if hasattr(found, "item") else found
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    if isinstance(found, int):
        return found if found.bit_length() < 512 else None
    return None if math.isnan(found) else float(found)
