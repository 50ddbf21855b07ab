"""The rules that say of each row whether it breaks them. Empty cells are judged by the rule for empty cells alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as kinds

from tidemill.lifecycle.contracts.columns import Incomparable, Mask, Values, is_number, is_text, mask_of
from tidemill.lifecycle.contracts.model import Bounds, ColumnType, Kind, Monotone, Scalar
from tidemill.lifecycle.contracts.words import count_text, share_text, shown

_NUMBER_TEXT = r"\A\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*\z"
_DATE_TEXT = r"\A\s*[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?\z"
_BOOL_TEXT = r"(?i)\A\s*(?:true|false)\s*\z"


@dataclass(frozen=True, slots=True)
class Offenders:
    """The rows that break a rule, of `checked` that were judged. `telling`: those of them that explain it best.

    `spoils`: the column holds something else altogether, so that no other rule can look at it.
    """

    mask: Mask
    checked: int
    note: str = ""
    telling: Mask | None = None
    spoils: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


def judge_rows(kind: Kind, demand: Any, values: Values) -> Offenders:
    """Raises Incomparable."""
    if kinds.is_null(values.type) and kind is not Kind.NULL:
        return Offenders(np.zeros(values.count, bool), 0)
    match kind:
        case Kind.NULL:
            return Offenders(values.empty, values.count)
        case Kind.TYPE:
            return _type(values, demand)
        case Kind.UNIQUE:
            raise AssertionError("what is unique is judged by the table")
        case Kind.MONOTONE:
            mask = _monotone(values, demand)
        case Kind.MIN | Kind.MAX | Kind.ABOVE | Kind.BELOW:
            mask = _bound(values, kind, demand)
        case Kind.IN:
            mask = _in(values, demand)
        case Kind.PATTERN:
            _need_text(values, "a pattern")
            expression = rf"\A(?:{demand})\z"
            mask = values.where(lambda array: pc.match_substring_regex(array, expression))
        case Kind.LENGTH:
            _need_text(values, "a length")
            bounds: Bounds = demand
            mask = values.where(lambda array: _within(pc.utf8_length(array), bounds))
        case _:
            raise AssertionError(f"{kind} is no rule of rows")
    if values.misfits is not None:
        mask = mask | values.misfits
    return Offenders(mask, values.filled)


def _need_text(values: Values, what: str) -> None:
    if not is_text(values.type):
        raise Incomparable(f"{what} is for text, and it holds {values.stored}")


def _within(lengths: Any, bounds: Bounds) -> Any:
    found = pc.is_valid(lengths)
    if bounds.low is not None:
        found = pc.and_(found, pc.greater_equal(lengths, bounds.low))
    if bounds.high is not None:
        found = pc.and_(found, pc.less_equal(lengths, bounds.high))
    return found


# --- types ------------------------------------------------------------------------------------------------------------


def _type(values: Values, wanted: ColumnType) -> Offenders:
    if values.misfits is not None:
        mask = values.misfits
        if wanted is ColumnType.INT:
            mask = mask | _fractions(values)
        return Offenders(mask, values.filled, f"it holds {values.stored}")
    kind = values.type
    match wanted:
        case ColumnType.INT if is_number(kind):
            mask = np.zeros(values.count, bool) if kinds.is_integer(kind) else _fractions(values)
            return Offenders(mask, values.filled, "some have fractions" if mask.any() else "")
        case ColumnType.DATE if kinds.is_timestamp(kind):
            days = pc.floor_temporal(values.array, unit="day")
            mask = values.where(lambda array: pc.equal(array, days))
            return Offenders(mask, values.filled, "some have a time of day" if mask.any() else "")
        case ColumnType.FLOAT if is_number(kind):
            fine = True
        case ColumnType.BOOL:
            fine = kinds.is_boolean(kind)
        case ColumnType.TEXT | ColumnType.CATEGORY:
            fine = is_text(kind)
        case ColumnType.DATE:
            fine = kinds.is_date(kind)
        case ColumnType.DATETIME:
            fine = kinds.is_timestamp(kind)
        case _:
            fine = False
    if fine:
        return Offenders(np.zeros(values.count, bool), values.filled)
    note, telling = _instead(values, wanted)
    return Offenders(~values.empty, values.filled, note, telling, spoils=True)


def _fractions(values: Values) -> Mask:
    if kinds.is_integer(values.type):
        return np.zeros(values.count, bool)
    if kinds.is_decimal(values.type):
        return values.where(lambda array: pc.equal(pc.floor(array), array))
    return values.where(lambda array: pc.and_(pc.equal(pc.floor(array), array), pc.is_finite(array)))


def _instead(values: Values, wanted: ColumnType) -> tuple[str, Mask | None]:
    """What a column of another type holds: above all whether it only was not read as what it is."""
    if not is_text(values.type):
        return f"it holds {values.stored}", None
    patterns = {
        ColumnType.INT: (_NUMBER_TEXT, "numbers"),
        ColumnType.FLOAT: (_NUMBER_TEXT, "numbers"),
        ColumnType.DATE: (_DATE_TEXT, "dates"),
        ColumnType.DATETIME: (_DATE_TEXT, "dates"),
        ColumnType.BOOL: (_BOOL_TEXT, "true and false"),
    }
    pattern, words = patterns[wanted]
    odd = values.where(lambda array: pc.match_substring_regex(array, pattern))
    number = values.filled - int(np.count_nonzero(odd))
    if not number:
        return "it holds text", None
    if number == values.filled:
        return f"all of them are {words} written as text: read the column as {wanted.value}", None
    of = f"{number:,} of {count_text(values.filled, 'value')} ({share_text(number / values.filled)})"
    return f"{of} are {words} written as text", odd


# --- bounds and sets --------------------------------------------------------------------------------------------------

_COMPARE: dict[Kind, Callable[[Any, Any], Any]] = {
    Kind.MIN: pc.greater_equal,
    Kind.MAX: pc.less_equal,
    Kind.ABOVE: pc.greater,
    Kind.BELOW: pc.less,
}


def _bound(values: Values, kind: Kind, demand: Scalar) -> Mask:
    bound = comparable(demand, values.type)
    if bound is None:
        raise Incomparable(f"it holds {values.stored}, which cannot be compared with {shown(demand)}")
    if isinstance(bound, bool):
        # A bound beyond all numbers of the type: it holds for every value, or for none.
        return ~values.empty if bound != (kind in (Kind.MIN, Kind.ABOVE)) else np.zeros(values.count, bool)
    compare = _COMPARE[kind]
    return values.where(lambda array: compare(array, bound))


def comparable(demand: Scalar, kind: Any) -> Any:
    """The demand as Arrow compares it with such a column; None if it cannot be.

    True stands for a number that is below every value of the column, False for one that is above.
    """
    match demand:
        case bool():
            return pa.scalar(demand) if kinds.is_boolean(kind) else None
        case int() | float() if kinds.is_floating(kind):
            return pa.scalar(float(demand))
        case int() if is_number(kind):
            if kinds.is_decimal(kind):
                return pa.scalar(Decimal(demand)) if demand.bit_length() < 120 else demand < 0
            low, high = (0, 1 << 64) if kinds.is_unsigned_integer(kind) else (-(1 << 63), 1 << 63)
            if not low <= demand < high:
                return demand < 0
            return pa.scalar(demand, pa.uint64() if low == 0 else pa.int64())
        case float() if is_number(kind):
            return pa.scalar(demand)
        case str() if is_text(kind):
            return pa.scalar(demand)
        case date() if kinds.is_timestamp(kind) and kind.unit == "ns" and not 1678 <= demand.year <= 2261:
            return demand.year < 1678  # nanoseconds reach no further
        case date() if kinds.is_timestamp(kind):
            return pa.scalar(_moment(demand, kind.tz is not None), pa.timestamp("us", kind.tz))
        case date() if kinds.is_date(kind):
            if isinstance(demand, datetime):
                return None
            return pa.scalar(demand, pa.date32())
    return None


def _moment(demand: date, zoned: bool) -> datetime:
    """A day is its beginning; without a zone both sides are meant in UTC."""
    found = demand if isinstance(demand, datetime) else datetime.combine(demand, time())
    if zoned:
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo is not None else found


def _in(values: Values, demand: Iterable[Scalar]) -> Mask:
    known = list(demand)
    fitting = [found for found in (same_kind(one, values.type) for one in known) if found is not None]
    if known and not fitting:
        raise Incomparable(f"it holds {values.stored}, and {shown(known[0])} is none of that")
    allowed = pa.array(fitting, _array_type(values.type))
    return values.where(lambda array: pc.is_in(array.cast(allowed.type), allowed))


def _array_type(kind: Any) -> Any:
    if is_text(kind):
        return pa.large_string() if kinds.is_large_string(kind) else pa.string()
    if kinds.is_floating(kind) or kinds.is_decimal(kind):
        return pa.float64()
    return kind


def same_kind(value: Scalar, kind: Any, lenient: bool = False) -> Any:
    """A value as one of the column's kind, or None if it is none. `lenient`: numbers may be written as text."""
    if lenient and isinstance(value, str) and not is_text(kind):
        return _parsed(value, kind)
    match value:
        case bool():
            return value if kinds.is_boolean(kind) else None
        case int() | float() if kinds.is_integer(kind):
            whole = int(value)
            low, high = _range(kind)
            return whole if whole == value and low <= whole <= high else None
        case int() | float() if is_number(kind):
            return float(value)
        case str():
            return value if is_text(kind) else None
        case date():
            found = comparable(value, kind)
            return found.as_py() if found is not None and not isinstance(found, bool) else None
    return None


def _parsed(text: str, kind: Any) -> Any:
    if kinds.is_boolean(kind):
        return {"true": True, "false": False}.get(text.lower())
    try:
        if kinds.is_integer(kind):
            return same_kind(int(text), kind)
        if is_number(kind):
            return float(text)
        return (
            same_kind(datetime.fromisoformat(text), kind)
            if kinds.is_timestamp(kind)
            else (date.fromisoformat(text) if kinds.is_date(kind) else None)
        )
    except ValueError:
        return None


def _range(kind: Any) -> tuple[int, int]:
    bits = kind.bit_width
    return (0, (1 << bits) - 1) if kinds.is_unsigned_integer(kind) else (-(1 << bits - 1), (1 << bits - 1) - 1)


# --- neighbours -------------------------------------------------------------------------------------------------------


def _monotone(values: Values, demand: Monotone) -> Mask:
    """A row breaks it that goes the wrong way from the last one before it that has a value."""
    there = np.flatnonzero(~values.empty if values.misfits is None else ~values.empty & ~values.misfits)
    found = np.zeros(values.count, bool)
    if len(there) < 2:
        return found
    if kinds.is_boolean(values.type):
        raise Incomparable("it holds true and false, which have no order")
    array = values.array if len(there) == values.count else values.array.take(pa.array(there))
    before, after = array.slice(0, len(there) - 1), array.slice(1)
    wrong = pc.less(after, before) if demand is Monotone.INCREASING else pc.greater(after, before)
    found[there[1:]] = mask_of(wrong)
    return found
