"""Parts of a contract from plain data: shares, bounds, values, words of a set; each says what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from tidemill.core.durations import as_duration
from tidemill.core.errors import did_you_mean
from tidemill.lifecycle.contracts.model import Bounds, Scalar
from tidemill.lifecycle.contracts.words import duration_text, shown

E = TypeVar("E", bound=Enum)

_PERCENT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*%\s*")
_QUANTILE = re.compile(r"p([0-9]{1,3}(?:\.[0-9]+)?)")
# What RE2 does not have, and what makes other engines take exponential time.
_BACKTRACKING = re.compile(r"\(\?(?:[=!>]|<[=!]|P=|\()|[*+?}]\+")
LONGEST_PATTERN = 1000
PLACEHOLDER = "name@example.com"
"""The owner in a first contract: it stands for nobody until somebody puts a name there."""


class Wrong(ValueError):
    """What is wrong with a part, and what to do."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def share(value: Any) -> float:
    """From 0 to 1: a number, or a text such as `5%`."""
    if isinstance(value, str) and (found := _PERCENT.fullmatch(value)):
        number = float(Decimal(found[1]) / 100)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        raise Wrong(f"{shown(value)} is not a share", "write a number from 0 to 1, or such as `5%`")
    if not 0 <= number <= 1:
        raise Wrong(f"the share {shown(value)} is not between 0 and 1", "write `5%` or 0.05 for five in a hundred")
    return number


def scalar(value: Any) -> Scalar:
    """A value that a cell may have."""
    if isinstance(value, float) and not math.isfinite(value):
        raise Wrong(f"{shown(value)} is no value that a cell could be compared with")
    if isinstance(value, datetime) and value.tzinfo is not None and value.utcoffset() is None:
        raise Wrong(f"the zone of {shown(value)} is not known")
    if isinstance(value, str):
        text(value)
    if not isinstance(value, bool | int | float | str | date):
        raise Wrong(f"{shown(value)} is not a single value")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong(f"{shown(value)} is not a text", "put it in quotes")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Wrong(f"{shown(value)} is no text that can be written down") from None
    return value


def owner(value: Any) -> str:
    """Who answers; the name that a first contract is written with is nobody's."""
    written = text(value)
    return "" if written.strip() == PLACEHOLDER else written


def name(value: Any) -> str:
    if not text(value).strip():
        raise Wrong("a name is missing: it is empty")
    return str(value)


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"{shown(value)} is neither true nor false")
    return value


def member(kind: type[E], value: Any) -> E:
    """One word of a set."""
    words = [str(one.value) for one in kind]
    if isinstance(value, kind):
        return value
    if isinstance(value, str) and value in words:
        return kind(value)
    hint = did_you_mean(value, words) if isinstance(value, str) else ""
    raise Wrong(f"{shown(value)} is not one of {', '.join(words)}", hint)


def bounds(value: Any, *, whole: bool = False, least: float | None = None) -> Bounds:
    """`[low, high]`, `{min: low, max: high}`, or one number that is meant exactly."""
    match value:
        case Bounds():
            low, high = value.low, value.high
        case [low, high]:
            pass
        case Mapping() if value and set(value) <= {"min", "max"}:
            low, high = value.get("min"), value.get("max")
        case int() | float() if not isinstance(value, bool):
            low = high = value
        case Mapping():
            odd = next((key for key in value if key not in ("min", "max")), "")
            raise Wrong(f"{shown(str(odd))} is not known here" if odd else "there is no bound", "known: max, min")
        case _:
            raise Wrong(f"{shown(value)} is no range", "write [low, high], or {min: low, max: high}")
    for bound in (low, high):
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float)):
            raise Wrong(f"{shown(bound)} is not a number")
        if isinstance(bound, float) and not math.isfinite(bound):
            raise Wrong(f"{shown(bound)} is no bound", "leave a bound out where there is none")
        if whole and isinstance(bound, float):
            raise Wrong(f"{shown(bound)} is not a whole number")
        if least is not None and bound is not None and bound < least:
            raise Wrong(f"{shown(bound)} is less than {least:g}, which cannot be")
    if low is None and high is None:
        raise Wrong("there is no bound", "write [low, high], or {min: low, max: high}")
    if low is not None and high is not None and low > high:
        raise Wrong(f"the lower bound {low} is above the upper one, {high}", "the lower bound comes first")
    return Bounds(low, high)


def share_bounds(value: Any) -> Bounds:
    """Bounds of a share; a single one is the least."""
    match value:
        case Bounds():
            return bounds(value, least=0)
        case [low, high]:
            ends = [low, high]
        case Mapping() if value and set(value) <= {"min", "max"}:
            ends = [value.get("min"), value.get("max")]
        case _:
            return Bounds(share(value), None)
    return bounds([None if end is None else share(end) for end in ends])


def quantile(value: Any) -> float:
    """The share that `p50` names."""
    found = _QUANTILE.fullmatch(str(value))
    if not found or not 0 <= float(found[1]) <= 100:
        raise Wrong(f"{shown(str(value))} is not a percentile", "write p50 for the median, p99 for the 99th percentile")
    return float(Decimal(found[1]) / 100)


def duration(value: Any) -> timedelta:
    try:
        found = as_duration(value)
    except ValueError as error:
        raise Wrong(str(error)) from None
    if found <= timedelta(0):
        raise Wrong(f"the age {duration_text(found)} is not more than nothing")
    return found


def pattern(value: Any) -> str:
    """A regular expression that can be matched in linear time."""
    written = text(value)
    if not written:
        raise Wrong("the pattern is empty", "leave it out, or write `length: 0` for texts that must be empty")
    if len(written) > LONGEST_PATTERN:
        raise Wrong(f"the pattern has {len(written):,} characters, and {LONGEST_PATTERN:,} are allowed")
    bare = re.sub(r"\\[^1-9]", "", written)
    bare = re.sub(r"\[\^?\]?[^\]]*\]", "", bare)
    if _BACKTRACKING.search(bare) or re.search(r"\\[1-9]", bare):
        raise Wrong(
            f"the pattern {shown(written)} looks around, refers back or is possessive, which takes exponential time",
            "patterns are those of RE2; write a custom check for more",
        )
    try:
        re.compile(written)
    except (re.error, RecursionError, OverflowError) as error:
        raise Wrong(f"the pattern {shown(written)} cannot be read: {error}") from None
    return written


def function(value: Any) -> str:
    """`module:function` or `file.py:function`, or a function that has such a name."""
    if callable(value):
        return _name_of(value)
    written = text(value)
    where, colon, called = written.rpartition(":")
    if not colon or not where or not all(part.isidentifier() for part in called.split(".")):
        raise Wrong(f"{shown(written)} does not name a function", "write module:function, or file.py:function")
    return written


def _name_of(called: Any) -> str:
    inner = getattr(called, "function", called)
    module, qualified = getattr(inner, "__module__", ""), getattr(inner, "__qualname__", "")
    if not module or not qualified or "<" in qualified:
        raise Wrong(
            "a check is a function at the top level of a module", "define it with `def`, outside of any function"
        )
    code = getattr(inner, "__code__", None)
    file = getattr(code, "co_filename", "")
    return f"{file}:{qualified}" if file.endswith(".py") and "." not in module else f"{module}:{qualified}"
