"""From a contract to the list of its rules, each with its severity, its owner and what it demands in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tidemill.lifecycle.contracts.contract import Contract
from tidemill.lifecycle.contracts.model import Column, Extra, How, Kind, Severity
from tidemill.lifecycle.contracts.words import count_text, duration_text, quantile_text, share_text, shown

LISTED = 6


@dataclass(frozen=True, slots=True)
class Rule:
    """One demand. `demand` is what its kind needs; `max_share` of all rows may be set aside for it.

    `title` names what it is about: a column, several, or a check.
    """

    kind: Kind
    columns: tuple[str, ...]
    title: str
    demand: Any
    words: str
    severity: Severity
    owner: str
    tolerate: float
    max_share: float


def rules(contract: Contract) -> tuple[Rule, ...]:
    """Every rule, column by column, then those of the table."""
    return tuple(_all(contract))


def _all(contract: Contract) -> Iterator[Rule]:
    if contract.rows is not None:
        bounds = contract.rows.bounds
        yield _of_table(contract, Kind.ROWS, bounds, f"{bounds} rows", contract.rows.how)
    for column in contract.columns:
        yield from _of_column(contract, column)
    if contract.extra_columns is not Extra.ALLOW:
        how = contract.extra_how
        if contract.extra_columns is Extra.WARN:
            how = How(Severity.WARN, how.owner)
        known = tuple(column.name for column in contract.columns)
        yield _of_table(contract, Kind.EXTRA_COLUMNS, known, "no other columns", how)
    for unique in contract.unique:
        words = "no two rows alike" if len(unique.columns) > 1 else "no value twice"
        yield _of_table(contract, Kind.UNIQUE, None, words, unique.how, unique.columns)
    if contract.freshness is not None:
        fresh = contract.freshness
        words = f"no older than {duration_text(fresh.max_age)}"
        columns = (fresh.column,) if fresh.column else ()
        yield _of_table(contract, Kind.FRESHNESS, fresh, words, fresh.how, columns)
    for check in contract.checks:
        yield _of_table(contract, Kind.CUSTOM, check, check.title, check.how)


def _of_table(contract: Contract, kind: Kind, demand: Any, words: str, how: How, columns: tuple[str, ...] = ()) -> Rule:
    return Rule(
        kind,
        columns,
        ", ".join(columns),
        demand,
        words,
        _severity(kind, how.on_fail or contract.on_fail),
        how.owner or contract.owner,
        how.tolerate,
        contract.max_share if how.max_share is None else how.max_share,
    )


def _of_column(contract: Contract, column: Column) -> Iterator[Rule]:
    for kind, demand, words in _demands(column):
        how = column.how.get(kind.value, How())
        tolerate = {Kind.NULL: column.null or 0.0, Kind.IN: column.max_unknown}.get(kind, how.tolerate)
        limits = (how.max_share, column.max_share, contract.max_share)
        yield Rule(
            kind,
            (column.name,),
            column.name,
            demand,
            words + (f", tolerated: {share_text(tolerate)}" if tolerate and kind is not Kind.NULL else ""),
            _severity(kind, how.on_fail or column.on_fail or contract.on_fail),
            how.owner or column.owner or contract.owner,
            tolerate,
            next(limit for limit in limits if limit is not None),
        )


def _severity(kind: Kind, wanted: Severity) -> Severity:
    """A rule that names no rows has none to set aside: it blocks instead."""
    return Severity.BLOCK if wanted is Severity.QUARANTINE and not kind.of_rows else wanted


def _demands(column: Column) -> Iterator[tuple[Kind, Any, str]]:
    if column.required:
        yield Kind.REQUIRED, True, "must be there"
    if column.type is not None:
        yield Kind.TYPE, column.type, f"type {column.type.value}"
    if column.null is not None:
        yield Kind.NULL, column.null, f"at most {share_text(column.null)} empty" if column.null else "none empty"
    for kind, bound, words in (
        (Kind.MIN, column.min, "at least"),
        (Kind.MAX, column.max, "at most"),
        (Kind.ABOVE, column.above, "more than"),
        (Kind.BELOW, column.below, "less than"),
    ):
        if bound is not None:
            yield kind, bound, f"{words} {shown(bound)}"
    if column.values is not None:
        yield Kind.IN, column.values, f"one of {_listed(column)}"
    if column.pattern:
        yield Kind.PATTERN, column.pattern, f"matches {shown(column.pattern)}"
    if column.length is not None:
        yield Kind.LENGTH, column.length, f"length {column.length}"
    if column.unique:
        yield Kind.UNIQUE, None, "no value twice"
    if column.monotone is not None:
        yield Kind.MONOTONE, column.monotone, f"{column.monotone.value} from row to row"
    if column.shares:
        words = ", ".join(f"{shown(value)} {_share_bounds(bounds.low, bounds.high)}" for value, bounds in column.shares)
        yield Kind.SHARES, column.shares, f"shares: {words}"
    if column.min_share is not None:
        yield Kind.MIN_SHARE, column.min_share, f"each value in at least {share_text(column.min_share)}"
    if column.mean is not None:
        yield Kind.MEAN, column.mean, f"mean {column.mean}"
    if column.quantile:
        words = ", ".join(f"{quantile_text(share)} {bounds}" for share, bounds in column.quantile)
        yield Kind.QUANTILE, column.quantile, words


def _share_bounds(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{share_text(low)} to {share_text(high)}"
    return f"at least {share_text(low)}" if low is not None else f"at most {share_text(high or 0.0)}"


def _listed(column: Column) -> str:
    values = column.values or ()
    if column.values_file:
        return f"the {count_text(len(values), 'value')} of {shown(column.values_file)}"
    more = f" and {len(values) - LISTED} more" if len(values) > LISTED else ""
    return ", ".join(map(shown, values[:LISTED])) + more
