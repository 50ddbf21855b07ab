"""One column of values as numpy, from whatever holds it: a series, an Arrow array, a list. Knows nothing of models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.intp]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """`values` are numbers, booleans, or Python objects (dtype object); `nulls` says where there is none."""

    values: NDArray[Any]
    nulls: Mask


def column_of(given: Any) -> Column:
    """Anything with one dimension (or one column) as values and nulls: None, NaN, NaT and NA are nulls.

    Raises ValueError for more than one dimension.
    """
    missing = getattr(given, "isna", None)
    nulls = np.asarray(missing(), dtype=bool) if missing is not None else None
    # Only pandas has isna, and its to_numpy keeps categories apart; that of Arrow refuses to copy.
    values = given.to_numpy() if missing is not None else np.asarray(_listed(given))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
        nulls = nulls[:, 0] if nulls is not None else None
    if values.ndim != 1:
        raise ValueError(f"one column is wanted, and this has the shape {values.shape}")
    if values.dtype.kind in "US":
        values = values.astype(object)
    if nulls is None:
        nulls = _nulls(values)
    if values.dtype.kind == "O":
        values = _narrowed(values, nulls)
    return Column(values, nulls)


def _listed(given: Any) -> Any:
    """A list of mixed values keeps them as they are: numpy would turn 1 and "a" into texts."""
    if isinstance(given, list | tuple):
        kinds = {type(value) for value in given if value is not None}
        if len(kinds) > 1 and not all(issubclass(kind, int | float | np.number) for kind in kinds):
            mixed = np.empty(len(given), dtype=object)
            mixed[:] = given
            return mixed
    return given


def _nulls(values: NDArray[Any]) -> Mask:
    match values.dtype.kind:
        case "f" | "c":
            return np.asarray(np.isnan(values))
        case "M" | "m":
            return np.asarray(np.isnat(values))
        case "O":
            return np.fromiter((_is_null(value) for value in values), dtype=bool, count=len(values))
        case _:
            return np.zeros(len(values), dtype=bool)


def _is_null(value: Any) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas.NA has no truth value
        return True


def _narrowed(values: NDArray[Any], nulls: Mask) -> NDArray[Any]:
    """Objects that are all numbers (nullable integers, Decimal, None among floats) as numbers; NaN for nulls."""
    kinds = {type(value) for value in values[~nulls]}
    if not kinds or not all(issubclass(kind, int | float | np.number) and kind is not bool for kind in kinds):
        if kinds == {bool} and not nulls.any():
            return values.astype(bool)
        return values
    numbers = np.full(len(values), np.nan)
    numbers[~nulls] = values[~nulls].astype(float)
    return numbers


def distinct(values: NDArray[Any]) -> tuple[Any, ...]:
    """The different values, in order (by their text if they cannot be compared), as plain Python values."""
    if values.dtype.kind != "O":
        return tuple(_plain(value) for value in np.unique(values))
    found = set(values.tolist())
    try:
        return tuple(sorted(found))
    except TypeError:
        return tuple(sorted(found, key=lambda value: (type(value).__name__, str(value))))


def _plain(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain


def plain_classes(classes: Any) -> tuple[Any, ...]:
    """A model's classes as plain Python values, in the model's order; whole floats become integers."""
    return tuple(_plain(value) for value in classes)


def _is_exact(one: Any) -> bool:
    """Whether it is a number that a float tells apart from its neighbours."""
    return isinstance(one, bool | int | float) and abs(one) < 1 << 53


def codes_of(values: NDArray[Any], classes: tuple[Any, ...]) -> Codes:
    """For each value its place in `classes`; -1 for what is none of them (nulls too). 1, 1.0 and True are one class."""
    if values.dtype.kind != "O" and classes and all(_is_exact(one) for one in classes):
        known = np.asarray(classes, dtype=float)
        order = np.argsort(known)
        numbers = values.astype(float)
        at = np.clip(np.searchsorted(known[order], numbers), 0, len(known) - 1)
        places = order[at]
        return np.where(known[places] == numbers, places, -1).astype(np.intp)
    place = {one: index for index, one in enumerate(classes)}
    return np.fromiter((place.get(value, -1) for value in values.tolist()), dtype=np.intp, count=len(values))
