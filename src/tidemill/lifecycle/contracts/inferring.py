"""A first contract from data: what was seen, made wider, and a line beside each demand that says what was seen.

A guess to be edited: it knows one table, not what the next one may look like.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow.compute as pc
from pyarrow import types as kinds

from tidemill.lifecycle.contracts.columns import Values, is_number, is_text
from tidemill.lifecycle.contracts.documents import flow
from tidemill.lifecycle.contracts.judging_tables import judge_unique
from tidemill.lifecycle.contracts.parts import PLACEHOLDER
from tidemill.lifecycle.contracts.tables import Rows, rows_of
from tidemill.lifecycle.contracts.words import count_text, name_text, share_text, shown

FEW_VALUES = 20
"""A text of at most so many different values is taken for a category."""

REPEATED = 5
"""And each of them must stand there so often, on average."""

_NULLS = 0.01
_KEYS = ("id", "key", "number", "code")
_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Demand:
    """A key of YAML with its value, and what was seen."""

    key: str
    value: Any
    seen: str = ""


def infer(given: Any, name: str, owner: str, sensitive: tuple[str, ...] = ()) -> str:
    """YAML of a contract that the rows fulfil. Raises NoRows, NotFound."""
    rows = rows_of(given)
    return "".join(f"{line}\n" for line in _lines(rows, name, owner, frozenset(sensitive)))


def _lines(rows: Rows, name: str, owner: str, sensitive: frozenset[str]) -> Iterator[str]:
    yield f"# A first contract, from {count_text(rows.count, 'row')} of {count_text(len(rows.names), 'column')}."
    yield "# Edit it: a demand that nobody answers for is worth little. What was seen stands beside each."
    yield _entry("name", name)
    yield _entry("owner", owner or PLACEHOLDER) + ("" if owner else "  # who answers for it? this is nobody yet")
    yield "on_fail: block  # or warn, or quarantine: the rows are set aside"
    yield f"rows: {{min: {max(rows.count // 2, min(rows.count, 1))}}}  # {rows.count:,} were seen"
    yield "extra_columns: warn"
    yield "columns:" if rows.names else "columns: {}"
    for column in dict.fromkeys(rows.names):
        yield f"  {flow(column)}:"
        if rows.names.count(column) > 1:
            yield f"    required: true  # it is there {rows.names.count(column)} times: rename one"
            continue
        hides = column in sensitive
        for demand in _demands(rows, column, hides):
            # What is seen of a hidden column may be a value.
            told = f"  # {demand.seen}" if demand.seen else ""
            yield f"    {demand.key}: {flow(demand.value)}{told}"


def _demands(rows: Rows, name: str, hides: bool) -> Iterator[Demand]:
    if hides:
        yield Demand("sensitive", True, "its values are never shown")
    values = rows.values(name)
    kind = _kind(values)
    if kind:
        yield Demand("type", kind, _instead(values))
    elif not values.filled:
        yield Demand("required", True, "every cell is empty" if values.count else "there are no rows")
    else:
        yield Demand("required", True, f"it holds {name_text(values.stored)}")
    if values.count:
        yield _nulls(values)
    if not kind or not values.filled or values.misfits is not None:
        return
    distinct = _distinct(values)
    is_key = _is_key(rows, name, values, kind, distinct)
    if kind == "category":
        yield from _category(values, hides)
    elif is_number(values.type) and kind in ("int", "float") and not is_key:
        yield from _range(values, hides)
    elif kind == "text":
        yield from _lengths(values)
    elif kind in ("date", "datetime") and not hides:
        yield from _dates(values)
    if is_key:
        yield Demand("unique", True, count_text(distinct, "different value"))


def _is_key(rows: Rows, name: str, values: Values, kind: str, distinct: int) -> bool:
    """Something that names a row: its next values lie outside of what was seen."""
    named = kind == "text" or (kind == "int" and name.lower().endswith(_KEYS))
    if not named or values.empty.any() or not distinct == values.filled > REPEATED:
        return False
    return not judge_unique((name,), rows).mask.any()


def _kind(values: Values) -> str:
    kind = values.type
    if values.misfits is not None or not values.filled:
        return ""
    if kinds.is_boolean(kind):
        return "bool"
    if is_number(kind):
        whole = kinds.is_integer(kind) or (values.empty.any() and bool(np.all(values.numbers % 1 == 0)))
        return "int" if whole else "float"
    if kinds.is_timestamp(kind):
        return "datetime"
    if kinds.is_date(kind):
        return "date"
    if is_text(kind):
        distinct = _distinct(values)
        return "category" if distinct <= FEW_VALUES and distinct * REPEATED <= values.filled else "text"
    return ""


def _instead(values: Values) -> str:
    return (
        "numbers that are whole, with empty cells" if kinds.is_floating(values.type) and _kind(values) == "int" else ""
    )


def _distinct(values: Values) -> int:
    return int(pc.count_distinct(values.array, mode="only_valid").as_py())


def _nulls(values: Values) -> Demand:
    empty = values.count - values.filled
    if not empty:
        return Demand("null", 0, "none were empty")
    share = empty / values.count
    wide = min(1.0, math.ceil(max(2 * share, share + _NULLS) * 100) / 100)
    return Demand("null", f"{wide * 100:g}%", f"{share_text(share)} were empty")


def _category(values: Values, hides: bool) -> Iterator[Demand]:
    if hides:
        return
    counted = pc.value_counts(values.array.drop_null())
    pairs = sorted(
        zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True),
        key=lambda pair: (-pair[1], pair[0]),
    )
    told = ", ".join(f"{shown(one)} {share_text(count / values.filled)}" for one, count in pairs[:4])
    yield Demand("in", [one for one, _ in pairs], told)


def _range(values: Values, hides: bool) -> Iterator[Demand]:
    numbers = values.numbers
    if not np.all(np.isfinite(numbers)):
        return
    low, high = float(numbers.min()), float(numbers.max())
    middle = float(np.median(numbers))
    whole = kinds.is_integer(values.type) or bool(np.all(numbers % 1 == 0))
    # Outliers of one day do not say how far the next may go: half of what was seen more, on either side.
    room = (high - low) / 2 or abs(high) / 2 or 1.0
    least, most = _rounded(low - room, math.floor), _rounded(high + room, math.ceil)
    if low >= 0:
        least = 0.0
    if high <= 0:
        most = 0.0
    told = "" if hides else f"{low:,.6g} to {high:,.6g} were seen"
    yield Demand("min", _number(least, whole), told)
    yield Demand("max", _number(most, whole))
    if hides or middle == 0 or low < 0 or len(numbers) < 30:
        return
    # Other units are a factor of 10 or more.
    ends = [_number(_rounded(middle / 3, math.floor), False), _number(_rounded(middle * 3, math.ceil), False)]
    yield Demand("quantile", {"p50": ends}, f"{middle:,.6g} was seen; other units would move it")


def _rounded(value: float, towards: Any) -> float:
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - _DIGITS + 1)
    return float(towards(value / step) * step)


def _number(value: float, whole: bool) -> int | float:
    return math.ceil(value - 1e-9) if whole or (value.is_integer() and abs(value) < 1e15) else float(f"{value:.6g}")


def _lengths(values: Values) -> Iterator[Demand]:
    ends = pc.min_max(pc.utf8_length(values.array))
    low, high = ends["min"].as_py(), ends["max"].as_py()
    yield Demand("length", {"max": max(2 * high, 10)} if low == 0 else [1, max(2 * high, 10)], f"{low} to {high}")


def _dates(values: Values) -> Iterator[Demand]:
    ends = pc.min_max(values.array)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    first = date(low.year, 1, 1)
    yield Demand("min", first, f"{name_text(low)} to {name_text(high)} were seen")


def _entry(key: str, value: str) -> str:
    return f"{key}: {flow(value)}"
