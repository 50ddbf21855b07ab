"""The parts of a contract as plain data, which `plain.read_contract` reads back as the very same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.lifecycle.contracts.model import (
    Bounds,
    Check,
    Column,
    Freshness,
    How,
    Kind,
    RowCount,
    Unique,
)
from tidemill.lifecycle.contracts.words import duration_text, quantile_text


def add(found: dict[str, Any], key: str, value: Any, default: Any = "") -> None:
    if value != default:
        found[key] = value


def column_part(column: Column, files: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    add(found, "description", column.description)
    for kind, short in _rules(column, files):
        how = how_part(column.how.get(kind.value, How()))
        found[kind.value] = {"value": short, **how} if how else short
    add(found, "max_unknown", column.max_unknown, 0.0)
    if column.sensitive:
        found["sensitive"] = True
    if column.on_fail is not None:
        found["on_fail"] = column.on_fail.value
    add(found, "owner", column.owner)
    if column.max_share is not None:
        found["max_share"] = column.max_share
    return found


def _rules(column: Column, files: bool) -> list[tuple[Kind, Any]]:
    """What the column demands, in the order in which people read it; and what only has a `how`."""
    values = column.values_file if files and column.values_file else list(column.values or ())
    demands: list[tuple[Kind, Any, bool]] = [
        (Kind.REQUIRED, column.required, not column.required),
        (Kind.TYPE, column.type.value if column.type else None, column.type is not None),
        (Kind.NULL, column.null, column.null is not None),
        (Kind.MIN, column.min, column.min is not None),
        (Kind.MAX, column.max, column.max is not None),
        (Kind.ABOVE, column.above, column.above is not None),
        (Kind.BELOW, column.below, column.below is not None),
        (Kind.IN, values, column.values is not None),
        (Kind.PATTERN, column.pattern, bool(column.pattern)),
        (Kind.LENGTH, _bounds(column.length), column.length is not None),
        (Kind.UNIQUE, column.unique, column.unique),
        (Kind.MONOTONE, column.monotone.value if column.monotone else None, column.monotone is not None),
        (Kind.SHARES, _pairs(column.shares), bool(column.shares)),
        (Kind.MIN_SHARE, column.min_share, column.min_share is not None),
        (Kind.MEAN, _bounds(column.mean), column.mean is not None),
        (Kind.QUANTILE, {quantile_text(at): _bounds(bounds) for at, bounds in column.quantile}, bool(column.quantile)),
    ]
    return [
        (kind, short) for kind, short, given in demands if given or (kind.value in column.how and short is not None)
    ]


def _pairs(shares: tuple[tuple[Any, Bounds], ...]) -> Any:
    # The keys of a mapping are text here.
    pairs = [[value, _bounds(bounds)] for value, bounds in shares]
    return dict(map(tuple, pairs)) if all(isinstance(value, str) for value, _ in shares) else pairs


def _bounds(bounds: Bounds | None) -> Any:
    if bounds is None:
        return None
    return [bounds.low, bounds.high] if bounds.low is not None and bounds.high is not None else _ends(bounds)


def _ends(bounds: Bounds) -> dict[str, Any]:
    return {key: end for key, end in (("min", bounds.low), ("max", bounds.high)) if end is not None}


def how_part(how: How) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    if how.on_fail is not None:
        found["on_fail"] = how.on_fail.value
    add(found, "owner", how.owner)
    add(found, "tolerate", how.tolerate, 0.0)
    if how.max_share is not None:
        found["max_share"] = how.max_share
    return found


def rows_part(rows: RowCount) -> dict[str, Any]:
    return {**_ends(rows.bounds), **how_part(rows.how)}


def unique_part(unique: Unique) -> Any:
    how = how_part(unique.how)
    if how:
        return {"columns": list(unique.columns), **how}
    return list(unique.columns) if len(unique.columns) > 1 else unique.columns[0]


def freshness_part(fresh: Freshness) -> Any:
    how = how_part(fresh.how)
    age = duration_text(fresh.max_age)
    if not fresh.column and not how:
        return age
    return {**({"column": fresh.column} if fresh.column else {}), "max_age": age, **how}


def check_part(check: Check) -> dict[str, Any]:
    return {"custom": check.function, **({"name": check.name} if check.name else {}), **how_part(check.how)}
