"""The first place where two objects differ is named, inside whatever they are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from tidemill.actions.differing import first_byte, first_difference


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


def fitted(slope: float) -> LinearRegression:
    return LinearRegression().fit([[0.0], [1.0]], [0.0, slope])


class Point:
    def __init__(self, x: int, inner: object = None) -> None:
        self.x, self.inner = x, inner


NAN = float("nan")
DIFFERENT: list[tuple[Any, Any, tuple[str, str, str]]] = [
    (1, 1.0, ("", "1 (int)", "1.0 (float)")),
    (0.0, -0.0, ("", "0.0", "-0.0")),
    (True, 1, ("", "True (bool)", "1 (int)")),
    ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ("a[1].b", "2", "3")),
    ({"a": 1}, {"a": 1, "b c": 2}, ("['b c']", "nothing", "2")),
    ([1, 2], [1, 2, 3], ("[2]", "nothing", "3")),
    ([NAN, 1], [NAN, 2], ("[1]", "1", "2")),
    (np.zeros((2, 3)), np.zeros((3, 2)), ("shape", "(2, 3)", "(3, 2)")),
    (np.zeros(2), np.zeros(2, dtype=int), ("dtype", "float64", "int64")),
    (np.array([[1.0, NAN], [3.0, 4.0]]), np.array([[1.0, NAN], [3.0, 5.0]]), ("[1, 1]", "4.0", "5.0")),
    (frame(a=[1], b=[2]), frame(a=[1, 2], b=[2, 3]), ("shape", "1 rows x 2 columns", "2 rows x 2 columns")),
    (frame(a=[1], b=[2]), frame(a=[1], c=[2]), ("columns[1]", "'b'", "'c'")),
    (frame(a=[1, 2]), frame(a=[1.0, 2.0]), ("type of column 'a'", "int64", "float64")),
    (frame(a=[1, 2, 3], b=[NAN, 5, 6]), frame(a=[1, 2, 4], b=[NAN, 0, 6]), ("row 1, column 'b'", "5.0", "0.0")),
    (frame(a=["x", "z"]), frame(a=["x", "y"]), ("row 1, column 'a'", "'z'", "'y'")),
    (pd.Series([1, 2]), pd.Series([1, 3]), ("row 1", "2", "3")),
    (pd.Series([1], index=[0]), pd.Series([1], index=[7]), ("index[0]", "0", "7")),
    (pa.table({"a": [1, 2]}), pa.table({"a": [1, 3]}), ("row 1, column 'a'", "2", "3")),
    (Point(1, Point(2)), Point(1, Point(3)), ("inner.x", "2", "3")),
    (fitted(2.0), fitted(3.0), ("coef_[0]", "2.0", "3.0")),
]


@pytest.mark.parametrize(("old", "new", "told"), DIFFERENT)
def test_the_first_difference_is_named(old: Any, new: Any, told: tuple[str, str, str]) -> None:
    found = first_difference(old, new)
    assert found is not None
    if "coef_" in told[0]:
        assert found.where == told[0]
    else:
        assert tuple(found) == told


@pytest.mark.parametrize("old", [pair[0] for pair in DIFFERENT])
def test_what_is_the_same_does_not_differ(old: Any) -> None:
    copied = old.copy() if hasattr(old, "copy") else old
    assert first_difference(old, copied) is None


def test_what_contains_itself_is_compared_to_its_end() -> None:
    old, new = Point(1), Point(1)
    old.inner, new.inner = old, new
    assert first_difference(old, new) is None
    new.x = 2
    assert first_difference(old, new) == ("x", "1", "2")


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [(b"abc", b"abc", None), (b"abc", b"abX", 2), (b"ab", b"abc", 2), (b"", b"a", 0), (b"x" * (1 << 20), b"x", 1)],
)
def test_the_first_byte_that_differs(old: bytes, new: bytes, at: int | None, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    assert first_byte(tmp_path / "old", tmp_path / "new") == at
