"""A rule counts what a loop over the rows counts, for pandas, Arrow and lists of dicts alike."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.lifecycle.contracts.checking import check
from tidemill.lifecycle.contracts.documents import from_value
from tidemill.lifecycle.contracts.findings import Finding
from tidemill.lifecycle.verdicts import Verdict

NOW = datetime(2026, 3, 10, tzinfo=UTC)
numbers = st.none() | st.integers(-5, 5) | st.sampled_from([0.5, -0.5, 1e300, math.nan, math.inf])
texts = st.none() | st.sampled_from(["", "a", "b", "ab", "abc", "å", "A\n", "=1+1"])
mixed = numbers | texts


def empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def looked_at(cells: list[Any], rule: dict[str, Any], sort: str) -> Finding:
    contract = from_value({"name": "c", "max_share": 1, "columns": {"a": {**rule, "on_fail": "quarantine"}}})
    rows: Any
    match sort:
        case "frame":
            rows = pd.DataFrame({"a": pd.Series(cells, dtype=object)})
        case "natural":
            rows = pd.DataFrame({"a": cells})
        case "arrow":
            rows = pa.table({"a": pa.array([None if empty(cell) else cell for cell in cells])})
        case _:
            rows = [{"a": cell} for cell in cells]
    result = check(contract, rows, NOW)
    found = next(found for found in result.findings if found.rule != "required")
    if found.verdict is Verdict.FAIL and not found.blocks:
        assert found.count == np.count_nonzero(result.mask)
    return found


def agree(cells: list[Any], rule: dict[str, Any], sort: str, offending: list[bool]) -> None:
    found = looked_at(cells, rule, sort)
    if not cells:
        assert found.verdict is Verdict.NODATA
        return
    assert found.count == sum(offending), found
    assert found.verdict is (Verdict.FAIL if any(offending) else Verdict.PASS), found
    first = [n for n, odd in enumerate(offending) if odd]
    assert {example.row for example in found.examples} <= set(first)
    assert bool(found.examples) is bool(first)


SORTS = ["frame", "natural", "records"]
some = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("sort", SORTS)
@some
@given(cells=st.lists(numbers, max_size=12), bound=st.integers(-5, 5) | st.sampled_from([0.25, -1.5]))
def test_bounds(sort: str, cells: list[Any], bound: float) -> None:
    for rule, holds in (
        ("min", lambda cell: cell >= bound),
        ("max", lambda cell: cell <= bound),
        ("above", lambda cell: cell > bound),
        ("below", lambda cell: cell < bound),
    ):
        agree(cells, {rule: bound}, sort, [not empty(cell) and not holds(cell) for cell in cells])


@pytest.mark.parametrize("sort", [*SORTS, "arrow"])
@some
@given(cells=st.lists(texts, max_size=12))
def test_texts(sort: str, cells: list[Any]) -> None:
    there = [not empty(cell) for cell in cells]
    pattern = re.compile("[a-z]+")
    agree(cells, {"null": 0}, sort, [not is_there for is_there in there])
    if not any(there):
        return
    for rule, holds in (
        ({"in": ["a", "ab"]}, lambda cell: cell in ("a", "ab")),
        ({"pattern": "[a-z]+"}, lambda cell: pattern.fullmatch(cell) is not None),
        ({"length": [1, 2]}, lambda cell: 1 <= len(cell) <= 2),
    ):
        agree(cells, rule, sort, [is_there and not holds(cell) for cell, is_there in zip(cells, there, strict=True)])


@pytest.mark.parametrize("sort", SORTS)
@some
@given(cells=st.lists(mixed, max_size=12))
def test_types_nulls_and_keys(sort: str, cells: list[Any]) -> None:
    agree(cells, {"null": 0}, sort, [empty(cell) for cell in cells])
    there = [cell for cell in cells if not empty(cell)]
    counted = Counter(there)
    assert looked_at(cells, {"unique": True}, sort).count == sum(number - 1 for number in counted.values())
    if there:
        fits = [isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells]
        offending = [not empty(cell) and not fine for cell, fine in zip(cells, fits, strict=True)]
        agree(cells, {"type": "float"}, sort, offending)
        text = [not empty(cell) and not isinstance(cell, str) for cell in cells]
        agree(cells, {"type": "text"}, sort, text)


@some
@given(cells=st.lists(st.none() | st.integers(-3, 3), max_size=12))
def test_neighbours(cells: list[Any]) -> None:
    offending, last = [], None
    for cell in cells:
        offending.append(cell is not None and last is not None and cell < last)
        last = cell if cell is not None else last
    if any(cell is not None for cell in cells) or not cells:
        agree(cells, {"monotone": "increasing"}, "arrow", offending)


@some
@given(cells=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_measures(cells: list[float]) -> None:
    mean, middle = float(np.mean(cells)), float(pd.Series(cells).quantile(0.5))
    for rule, value in (("mean", mean), ("p50", middle)):
        for low, high, verdict in (
            (value - 1, value + 1, Verdict.PASS),
            (value + 1, value + 2, Verdict.FAIL),
            (value - 2, value - 1, Verdict.FAIL),
        ):
            demand = {"mean": [low, high]} if rule == "mean" else {"quantile": {rule: [low, high]}}
            contract = from_value({"name": "c", "columns": {"a": demand}})
            assert check(contract, pd.DataFrame({"a": cells}), NOW).verdict is verdict


def test_many_rows_are_counted_as_few_are() -> None:
    """Above some size texts are looked at once each: the count must not change."""
    draw = np.random.default_rng(7)
    few = draw.choice(["se", "no", "xx", None], 50_000, p=[0.5, 0.3, 0.1, 0.1])
    many = [f"k{n}" if n % 1000 else "odd" for n in range(50_000)]
    rows = pd.DataFrame({"few": few, "many": many})
    text = {
        "name": "c",
        "columns": {"few": {"in": ["se", "no"], "length": 2}, "many": {"pattern": "k[0-9]+", "unique": True}},
    }
    for given_rows in (rows, pa.Table.from_pandas(rows)):
        by = {(one.rule, one.column): one.count for one in check(from_value(text), given_rows, NOW).findings}
        assert by["in", "few"] == sum(one == "xx" for one in few)
        assert by["length", "few"] == 0
        assert by["pattern", "many"] == 50
        assert by["unique", "many"] == 49
