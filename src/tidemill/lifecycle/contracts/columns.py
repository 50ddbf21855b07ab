"""One column as rules look at it: an Arrow array, what in it does not fit its kind, and each distinct text once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC as _UTC
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as kinds

from tidemill.lifecycle.contracts.model import ColumnType

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

REPETITIVE = 4
"""A rule looks at each distinct text once, if the rows are at least so many times as many."""


class Incomparable(Exception):
    """A demand does not go with what the column holds; the text says both."""


@dataclass(frozen=True)
class Values:
    """`array` has no cells that do not fit each other: those are `misfits`, and empty in it. `raw` has all of them."""

    raw: Any
    array: Any
    misfits: Mask | None = None
    kinds: str = ""

    @cached_property
    def empty(self) -> Mask:
        """Cells without a value; NaN is none."""
        found = mask_of(pc.is_null(self.array, nan_is_null=True))
        return found if self.misfits is None else found & ~self.misfits

    @property
    def count(self) -> int:
        return len(self.array)

    @cached_property
    def filled(self) -> int:
        return self.count - int(np.count_nonzero(self.empty))

    @property
    def type(self) -> Any:
        return self.array.type

    @property
    def stored(self) -> str:
        """What it holds, in words."""
        return self.kinds or type_words(self.type)

    @cached_property
    def _encoded(self) -> tuple[Any, np.ndarray[Any, Any]] | None:
        """The distinct texts and the place of each cell's among them, if that is worth while."""
        head = self.array.slice(0, 10_000)
        if self.count > len(head) and pc.count_distinct(head).as_py() * REPETITIVE > len(head):
            return None
        whole = self.array.chunk(0) if self.array.num_chunks == 1 else self.array.combine_chunks()
        if isinstance(whole, pa.ChunkedArray):
            return None  # more than fits in one
        array = whole.dictionary_encode()
        return array.dictionary, array.indices.fill_null(0).to_numpy(zero_copy_only=False)

    def where(self, judge: Callable[[Any], Any]) -> Mask:
        """The rows with a value for which `judge`, of an array, is not true; misfits are among them."""
        found: Mask
        if is_text(self.type) and self.count and (encoded := self._encoded) is not None:
            distinct, places = encoded
            holds = mask_of(judge(distinct)) if len(distinct) else np.zeros(1, bool)
            found = ~holds[places]
        else:
            found = ~mask_of(judge(self.array))
        found &= ~self.empty
        return found

    def of(self, rows: np.ndarray[Any, Any]) -> list[Any]:
        """The values of some rows, as Python has them."""
        if isinstance(self.raw, pa.ChunkedArray):
            return list(self.raw.take(pa.array(rows)).to_pylist())
        return list(self.raw.iloc[rows])

    @cached_property
    def numbers(self) -> np.ndarray[Any, Any]:
        """The numbers that are there, as floats. Raises Incomparable."""
        if not is_number(self.type):
            raise Incomparable(f"it holds {self.stored}, not numbers")
        there = self.array.drop_null() if self.array.null_count else self.array
        found: np.ndarray[Any, Any] = pc.cast(there, pa.float64(), safe=False).to_numpy()
        return found[~np.isnan(found)] if kinds.is_floating(self.type) else found


def mask_of(array: Any) -> Mask:
    """An Arrow array of true and false as numpy; what is neither is false."""
    if array.null_count:
        array = array.fill_null(False)
    found = array.to_numpy() if isinstance(array, pa.ChunkedArray) else array.to_numpy(zero_copy_only=False)
    return np.array(found, dtype=bool, copy=False) if found.flags.writeable else found.astype(bool)


def values_of(column: Any, wanted: ColumnType | None) -> Values:
    """Of a column of pandas or Arrow. `wanted` decides which cells fit where they are of several kinds."""
    if isinstance(column, pa.ChunkedArray):
        return Values(column, _plain(column))
    try:
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            # Of moments with a zone pandas makes objects first, one by one.
            moments = pa.array(column.dt.tz_convert("UTC").dt.tz_localize(None), from_pandas=True)
            return Values(column, _chunked(pc.assume_timezone(moments, "UTC")))
        return Values(column, _plain(_chunked(pa.array(column, from_pandas=True))))
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return _mixed(column, wanted)


def _chunked(array: Any) -> Any:
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _plain(array: Any) -> Any:
    """Categories and extension types as what they stand for."""
    if isinstance(array.type, pa.BaseExtensionType):
        array = pa.chunked_array([chunk.storage for chunk in array.chunks], array.type.storage_type)
    if kinds.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    return array


# --- cells of several kinds -------------------------------------------------------------------------------------------

_FITS: dict[ColumnType, Callable[[Any], bool]] = {
    ColumnType.INT: lambda value: _is_number(value),
    ColumnType.FLOAT: lambda value: _is_number(value),
    ColumnType.BOOL: lambda value: isinstance(value, bool | np.bool_),
    ColumnType.TEXT: lambda value: isinstance(value, str),
    ColumnType.CATEGORY: lambda value: isinstance(value, str),
    ColumnType.DATE: lambda value: isinstance(value, date) and not isinstance(value, datetime),
    ColumnType.DATETIME: lambda value: isinstance(value, datetime),
}
_GUESSED = (ColumnType.FLOAT, ColumnType.TEXT, ColumnType.BOOL, ColumnType.DATETIME, ColumnType.DATE)
_ARROW: dict[ColumnType, Any] = {
    ColumnType.INT: pa.float64(),
    ColumnType.FLOAT: pa.float64(),
    ColumnType.BOOL: pa.bool_(),
    ColumnType.TEXT: pa.string(),
    ColumnType.CATEGORY: pa.string(),
    ColumnType.DATE: pa.date32(),
    ColumnType.DATETIME: pa.timestamp("us"),
}


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return not isinstance(value, int) or value.bit_length() < 1000


def _mixed(column: Any, wanted: ColumnType | None) -> Values:
    cells = list(column)
    empty = [_is_empty(cell) for cell in cells]
    if wanted is None:
        counts = {
            kind: sum(not none and _FITS[kind](cell) for cell, none in zip(cells, empty, strict=True))
            for kind in _GUESSED
        }
        wanted = max(counts, key=lambda kind: counts[kind])
    fits = _FITS[wanted]
    good = [not none and fits(cell) for cell, none in zip(cells, empty, strict=True)]
    plain = [_cell(cell, wanted) if fine else None for cell, fine in zip(cells, good, strict=True)]
    misfits = np.array([not none and cell is None for cell, none in zip(plain, empty, strict=True)], bool)
    names = sorted({type(cell).__name__ for cell, none in zip(cells, empty, strict=True) if not none})
    told = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return Values(column, pa.chunked_array([pa.array(plain, _ARROW[wanted])]), misfits, f"several kinds ({told})")


def _cell(value: Any, kind: ColumnType) -> Any:
    match kind:
        case ColumnType.INT | ColumnType.FLOAT:
            return float(value)
        case ColumnType.DATETIME:
            plain = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
            return plain.astimezone(_UTC).replace(tzinfo=None) if plain.tzinfo is not None else plain
        case ColumnType.TEXT | ColumnType.CATEGORY:
            return value if value.isascii() or _is_unicode(value) else None
        case ColumnType.BOOL:
            return bool(value)
    return value


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_empty(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    # NaT and NA of pandas are of classes that it does not show.
    return type(value).__name__ in ("NaTType", "NAType")


# --- kinds of Arrow ---------------------------------------------------------------------------------------------------


def is_text(kind: Any) -> bool:
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def is_number(kind: Any) -> bool:
    return bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind))


def type_words(kind: Any) -> str:
    """What people call it."""
    if is_text(kind):
        return "text"
    for test, words in (
        (kinds.is_integer, "whole numbers"),
        (kinds.is_floating, "numbers"),
        (kinds.is_decimal, "decimal numbers"),
        (kinds.is_boolean, "true and false"),
        (kinds.is_date, "dates"),
        (kinds.is_timestamp, "dates with times"),
        (kinds.is_null, "nothing"),
    ):
        if test(kind):
            return words
    return f"{kind}"[:60]
