"""What the rows must look like before anything is trained on them: rules, and what breaks each of them.

A rule never stops anything by itself. It counts the rows that offend it and shows a few, so that one look at the result
tells everything that is wrong, not only what came first.
"""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

FEWEST_ROWS = 50
FEWEST_PER_CLASS = 5  # fewer cannot be split into rows to train on and rows to judge by
MOST_NUMERIC_CLASSES = 20  # a number with more distinct values than this is measured, not a name of a class
MOSTLY = 0.9
EXAMPLES = 3

# What is physically plausible for a cell nucleus. Each is given as mean, standard error and worst of one image.
_PLAUSIBLE = {
    "radius": 60,
    "texture": 100,
    "perimeter": 400,
    "area": 10_000,
    "smoothness": 1,
    "compactness": 3,
    "concavity": 3,
    "concave points": 1,
    "symmetry": 1,
    "fractal dimension": 1,
}
LIMITS = {
    column: (0.0, float(most))
    for name, most in _PLAUSIBLE.items()
    for column in (f"mean {name}", f"{name} error", f"worst {name}")
}
"""Column: lowest and highest value. Columns of other names need only be finite."""


class Finding(TypedDict):
    """What one rule found: how many rows (or columns) offend it, and some of them in words."""

    rule: str
    demands: str
    offending: int
    examples: list[str]


def usable(rows: pd.DataFrame, target: str) -> tuple[list[str], list[str]]:
    """The columns that can be learned from: those of numbers, and those of categories.

    A text that is different in nearly every row (a name, an id) is neither: it would only be learned by heart.
    """
    features = rows.drop(columns=target, errors="ignore")
    numbers = [name for name in features.columns if is_numeric_dtype(features[name])]
    texts = [name for name in features.columns if name not in numbers]
    return numbers, [name for name in texts if features[name].nunique() <= len(features) / 2]


def findings(rows: pd.DataFrame, target: str) -> list[Finding]:
    """Every rule applied to all rows; the data is fit for use if none of them has offenders."""
    return [_row_count(rows), _schema(rows, target), _nulls(rows, target), _ranges(rows), _classes(rows, target)]


def _finding(rule: str, demands: str, offenders: list[str], count: int | None = None) -> Finding:
    return {
        "rule": rule,
        "demands": demands,
        "offending": len(offenders) if count is None else count,
        "examples": offenders[:EXAMPLES],
    }


def _row_count(rows: pd.DataFrame) -> Finding:
    missing = max(0, FEWEST_ROWS - len(rows))
    told = [f"there are {len(rows)}"] if missing else []
    return _finding("row count", f"at least {FEWEST_ROWS} rows", told, missing)


def _schema(rows: pd.DataFrame, target: str) -> Finding:
    """The target is there, something can be learned from, and no column mixes numbers and text."""
    wrong = []
    if target not in rows.columns:
        wrong.append(f"there is no column {target!r}")
    if not any(usable(rows, target)):
        wrong.append("there is no column to learn from")
    count = len(wrong)
    for name, column in rows.items():
        numbers = _numbers(column)
        if name == target or numbers is None:
            continue
        odd = column[numbers.isna() & column.notna()]
        count += len(odd)
        wrong += [f"row {_number(row)}: {name} = {text!r:.40}" for row, text in odd.head(EXAMPLES).items()]
    return _finding("schema", "the target and a feature; each column all numbers or all text", wrong, count)


def _nulls(rows: pd.DataFrame, target: str) -> Finding:
    """Features may have gaps, which the candidates fill; a row without a target teaches nothing."""
    wrong = []
    count = 0
    if target in rows.columns:
        empty = rows.index[rows[target].isna()]
        count += len(empty)
        wrong += [f"row {_number(row)}: {target} is empty" for row in empty[:EXAMPLES]]
    for name in rows.columns:
        gaps = int(rows[name].isna().sum())
        if name != target and gaps > len(rows) / 2:
            count += gaps
            wrong.append(f"{name} is empty in {gaps} of {len(rows)} rows")
    return _finding("nulls", "no row without a target, no column more than half empty", wrong, count)


def _ranges(rows: pd.DataFrame) -> Finding:
    wrong: list[str] = []
    count = 0
    for name, column in rows.items():
        numbers = _numbers(column)
        if numbers is None:
            continue
        low, high = LIMITS.get(str(name), (-np.inf, np.inf))
        values = numbers.dropna().astype(float)
        odd = values[~np.isfinite(values) | (values < low) | (values > high)]
        count += len(odd)
        wrong += [f"row {_number(row)}: {name} = {value:g}" for row, value in odd.head(EXAMPLES).items()]
    return _finding("ranges", "every number finite, and plausible where limits are known", wrong, count)


def _classes(rows: pd.DataFrame, target: str) -> Finding:
    demands = f"two classes or more, each with at least {FEWEST_PER_CLASS} rows"
    if target not in rows.columns:
        return _finding("classes", demands, [])
    sizes = rows[target].value_counts()
    if is_numeric_dtype(rows[target]) and len(sizes) > MOST_NUMERIC_CLASSES:
        told = [f"{target} is a number with {len(sizes)} distinct values"]
        return _finding("classes", demands, told, len(rows))
    if len(sizes) < 2:
        return _finding("classes", demands, [f"there is only {name}" for name in sizes.index] or ["there is none"], 1)
    small = sizes[sizes < FEWEST_PER_CLASS]
    told = [f"{name} has {size} row{'s' if size > 1 else ''}" for name, size in small.items()]
    return _finding("classes", demands, told, int(small.sum()))


def _numbers(column: pd.Series) -> pd.Series | None:
    """The numbers of a column that is meant to hold numbers, with gaps for what are none; None for any other column."""
    if is_numeric_dtype(column):
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if 0 < numbers.notna().sum() >= MOSTLY * column.notna().sum() else None


def _number(row: Any) -> int:
    """Rows are counted from 1, as people count them; the header line of a file is not a row."""
    return int(row) + 1
