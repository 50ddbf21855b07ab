"""Plots fit their width, say every number, and need neither colours nor more than ASCII."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.cli.plots import FINE, PLAIN, Marks, bars, marks_for, scatter
from tidemill.cli.values import number

NUMBERS = st.lists(st.one_of(st.floats(-1e9, 1e9), st.just(math.nan), st.just(math.inf)), min_size=1, max_size=12)


def test_bars() -> None:
    assert bars(["a=1", "a=20"], [1.0, 4.0], frozenset({1}), 40, PLAIN) == [
        f"a=1  {'#' * 7}{' ' * 23} 1",
        f"a=20 {'#' * 30} 4 *",
    ]


def test_bars_that_do_not_begin_at_zero_say_so() -> None:
    lines = bars(["a", "b"], [0.91, 0.93], frozenset(), 40)
    assert lines[-1].strip() == "bars begin at 0.905, not at 0"
    assert lines[0].count("█") < lines[1].count("█")
    assert all("not at 0" not in line for line in bars(["a", "b"], [0.1, 0.9], frozenset(), 40))


def test_what_is_not_there_is_not_a_number_that_is_none() -> None:
    lines = bars(["a", "b", "c"], [1.0, math.nan, math.nan], frozenset(), 40, PLAIN, (True, True, False))
    assert [line.split()[-1] for line in lines] == ["1", "nan", "none"]


def test_bars_below_zero_hang_from_it() -> None:
    lines = bars(["a", "b"], [-1.0, 1.0], frozenset(), 40, PLAIN)
    middle = [line.index("#") for line in lines]
    assert middle[0] < middle[1]


@pytest.mark.parametrize("marks", [FINE, PLAIN])
@given(values=NUMBERS, width=st.integers(40, 100))
def test_bars_fit_and_say_every_number(marks: Marks, values: list[float], width: int) -> None:
    lines = bars([f"run {n}" for n in range(len(values))], values, frozenset({0}), width, marks)
    assert all(len(line) <= width for line in lines)
    for line, value in zip(lines, values, strict=False):
        assert number(value) in line


def test_scatter() -> None:
    lines = scatter([1, 2, 3, 3], [0.0, 0.5, 1.0, 1.0], 20, "depth", "acc", PLAIN, height=3)
    assert lines == [
        "  acc",
        "1 |               2",
        "  |        o",
        "0 |o",
        "  +----------------",
        "   1    depth     3",
    ]


@given(values=NUMBERS, width=st.integers(40, 100))
def test_scatter_fits(values: list[float], width: int) -> None:
    lines = scatter(list(range(len(values))), values, width, "x", "y")
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        assert lines == ["there is no point to draw"]
        return
    drawn = "".join(line.partition("│")[2] for line in lines)
    assert sum(1 if mark == FINE.point else int(mark) for mark in drawn if mark != " ") >= min(len(finite), 9)


def test_a_terminal_without_unicode_gets_ascii() -> None:
    assert (marks_for("utf-8"), marks_for("ascii"), marks_for(None), marks_for("nonsense")) == (
        FINE,
        PLAIN,
        PLAIN,
        PLAIN,
    )
    "".join([*PLAIN.parts, PLAIN.point, PLAIN.corner, PLAIN.side, PLAIN.floor, PLAIN.best]).encode("ascii")
