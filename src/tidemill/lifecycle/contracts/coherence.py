"""Bounds of a column that no value can keep: beyond each other, or of another kind than the column.

Knows neither files nor tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from tidemill.lifecycle.contracts.model import Column, ColumnType, Scalar
from tidemill.lifecycle.contracts.words import shown

_NUMBERS, _TEXTS, _DATES, _FLAGS = "numbers", "texts", "dates", "true and false"
_OF_TYPE = {
    ColumnType.INT: _NUMBERS,
    ColumnType.FLOAT: _NUMBERS,
    ColumnType.BOOL: _FLAGS,
    ColumnType.TEXT: _TEXTS,
    ColumnType.CATEGORY: _TEXTS,
    ColumnType.DATE: _DATES,
    ColumnType.DATETIME: _DATES,
}
_LIKE = {
    _NUMBERS: "write a number, without quotes",
    _DATES: "write a date without quotes, such as 2026-03-01",
    _TEXTS: "put the bound in quotes, or change the type",
    _FLAGS: "leave the bound out: `in: [true]` demands a value",
}


class Clash(NamedTuple):
    """What is wrong with the bound under `key`, and what to do."""

    key: str
    message: str
    remedy: str


def clashes(column: Column) -> Iterator[Clash]:
    """The bounds that do not go with the type of the column; without such, those that leave no value."""
    lows = [(key, bound) for key, bound in (("min", column.min), ("above", column.above)) if bound is not None]
    highs = [(key, bound) for key, bound in (("max", column.max), ("below", column.below)) if bound is not None]
    odd = list(_of_other_kinds(column.type, [*lows, *highs]))
    if odd:
        yield from odd
        return
    for low_key, low in lows:
        for high_key, high in highs:
            if _kind(low) != _kind(high):
                yield Clash(
                    high_key,
                    f"`{low_key}: {shown(low)}` and `{high_key}: {shown(high)}` are values of different kinds",
                    "write both as numbers, as dates or as texts",
                )
            elif not _leaves_something(low_key, low, high_key, high):
                yield Clash(
                    high_key,
                    f"no value is {_WORDS[low_key]} {shown(low)} and {_WORDS[high_key]} {shown(high)}",
                    "the lower bound stands in `min` or `above`, the upper one in `max` or `below`",
                )


_WORDS = {"min": "at least", "above": "more than", "max": "at most", "below": "less than"}


def _of_other_kinds(wanted: ColumnType | None, bounds: list[tuple[str, Scalar]]) -> Iterator[Clash]:
    if wanted is None:
        return
    kind = _OF_TYPE[wanted]
    for key, bound in bounds:
        if _kind(bound) != kind:
            yield Clash(
                key,
                f"`{key}: {shown(bound)}` cannot be compared with a column of type {wanted.value}",
                _LIKE[kind],
            )


def _kind(value: Scalar) -> str:
    match value:
        case bool():
            return _FLAGS
        case int() | float():
            return _NUMBERS
        case str():
            return _TEXTS
        case date():
            return _DATES


def _leaves_something(low_key: str, low: Scalar, high_key: str, high: Scalar) -> bool:
    first, last = _ordered(low), _ordered(high)
    if first == last:
        return low_key == "min" and high_key == "max"
    return bool(first < last)  # type: ignore[operator]


def _ordered(value: Scalar) -> Scalar:
    """Days as their first moment, and moments without a zone in UTC, as columns are compared."""
    if not isinstance(value, date):
        return value
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
