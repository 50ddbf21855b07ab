"""What every test demands of its arguments: numbers that are numbers, counts, levels. Knows no test."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tidemill.core.errors import InputError


def finite(name: str, values: ArrayLike, dimensions: int = 1) -> NDArray[np.float64]:
    """`values` as floats. Raises `InputError` for nan, infinity, another shape, or what is no number."""
    array = numbers(name, values, dimensions)
    if not np.isfinite(array).all():
        raise InputError(
            f"{name}: {int(np.isinf(array).sum())} of {array.size} values are infinite",
            remedy="bound them before they are averaged, as by clipping probabilities",
        )
    return array


def numbers(name: str, values: ArrayLike, dimensions: int = 1) -> NDArray[np.float64]:
    """`values` as floats, infinity allowed. Raises `InputError` for nan, another shape, or what is no number."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{name}: not numbers ({problem})") from problem
    if array.ndim != dimensions:
        raise InputError(f"{name}: {array.ndim} dimensions where {dimensions} are needed")
    absent = int(np.isnan(array).sum())
    if absent:
        raise InputError(
            f"{name}: {absent} of {array.size} values are nan",
            remedy="look at the rows without a value first: leaving them out in silence would favour one side",
        )
    return array


def labels(name: str, values: ArrayLike, rows: int) -> NDArray[np.intp]:
    """Each row's group as a number from 0, groups in sorted order. Raises `InputError` for another length or nulls."""
    array = np.asarray(values)
    if array.shape != (rows,):
        raise InputError(f"{name}: shape {array.shape} where ({rows},) is needed")
    if _any_null(array):
        raise InputError(f"{name}: some rows have no value", remedy="give them a value of their own")
    try:
        return np.unique(array, return_inverse=True)[1].reshape(rows)
    except TypeError as problem:
        raise InputError(f"{name}: its values cannot be sorted ({problem})", remedy="give text or numbers") from problem


def count(name: str, value: int, least: int = 0) -> int:
    """A whole number of at least `least`; numpy's integers are welcome. Raises `InputError` for anything else."""
    if isinstance(value, bool) or not float(value).is_integer() or value < least:
        raise InputError(f"{name} is {value!r}: a whole number of at least {least} is needed")
    return int(value)


def share(name: str, value: float) -> float:
    """A number between 0 and 1, both excluded. Raises `InputError`."""
    if not 0.0 < value < 1.0:
        raise InputError(f"{name} is {value!r}: it must lie between 0 and 1", remedy=f"for 5 % write {name}=0.05")
    return float(value)


def number(name: str, value: float) -> float:
    """A finite number. Raises `InputError`."""
    if not math.isfinite(value):
        raise InputError(f"{name} is {value!r}: a number is needed")
    return float(value)


def _any_null(array: NDArray[Any]) -> bool:
    if array.dtype.kind in "fcmM":
        return bool((array != array).any())
    if array.dtype.kind == "O":
        return any(value is None or value != value for value in array)
    return False
