"""Conditions on runs, such as `metrics.accuracy > 0.9 and params.depth = 10`: the tree of one, and its truth for a run.

Unlike the conditions of a pipeline they are asked of runs of any kind, so nothing is an error: a comparison with what a
run has not, or with what cannot be compared, is false.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

from tidemill.core.durations import as_duration
from tidemill.core.moments import Span, parse_span
from tidemill.core.values import MISSING, Value

Literal: TypeAlias = str | int | float | bool | None


class Space(Enum):
    """Where a name belongs; FIELD is what every run has."""

    FIELD = ""
    PARAMS = "params"
    METRICS = "metrics"
    TAGS = "tags"


TEXTS = ("id", "pipeline", "state", "actor")
MOMENTS = ("created", "started")
DURATION = "duration"
FIELDS = (*TEXTS, *MOMENTS, DURATION)


@dataclass(frozen=True, slots=True)
class Name:
    """What is asked of a run: `metrics.accuracy`, or a field such as `state`."""

    space: Space
    key: str


class Op(Enum):
    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


class Being(Enum):
    MISSING = "missing"
    NAN = "nan"


@dataclass(frozen=True, slots=True)
class Compare:
    name: Name
    op: Op
    literal: Literal


@dataclass(frozen=True, slots=True)
class In:
    name: Name
    literals: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Like:
    """`%` stands for any text and `_` for one character; upper and lower case are the same."""

    name: Name
    pattern: str


@dataclass(frozen=True, slots=True)
class Contains:
    """A text that contains another, upper and lower case being the same, or a list that has an item."""

    name: Name
    literal: Literal


@dataclass(frozen=True, slots=True)
class Is:
    name: Name
    being: Being


@dataclass(frozen=True, slots=True)
class Not:
    of: Filter


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Some:
    parts: tuple[Filter, ...]


Filter: TypeAlias = Compare | In | Like | Contains | Is | Not | All | Some


class Ambiguous(Enum):
    """The marker for a short name that means several metrics of a run; to a filter that is as if there were none."""

    AMBIGUOUS = "ambiguous"


AMBIGUOUS = Ambiguous.AMBIGUOUS

Read: TypeAlias = Callable[[Name], Value]
"""The value of a name for one run: MISSING if it has none, AMBIGUOUS if the name may mean several."""


def names(condition: Filter) -> Iterator[Name]:
    """The names that are asked for, in order, each as often as it stands there."""
    match condition:
        case Not(of):
            yield from names(of)
        case All(parts) | Some(parts):
            for part in parts:
                yield from names(part)
        case _:
            yield condition.name


def holds(condition: Filter, read: Read, now: datetime) -> bool:
    """Whether the condition is true for a run."""
    return bool(_truth(condition, read, now, False))


def hangs_on_ambiguous(condition: Filter, read: Read, now: datetime) -> bool:
    """Whether it depends on what an ambiguous name is to mean."""
    return _truth(condition, read, now, None) is None


def _truth(condition: Filter, read: Read, now: datetime, ambiguous: bool | None) -> bool | None:
    match condition:
        case Not(of):
            inner = _truth(of, read, now, ambiguous)
            return None if inner is None else not inner
        case All(parts):
            return _all([_truth(part, read, now, ambiguous) for part in parts])
        case Some(parts):
            none = _all([_not(_truth(part, read, now, ambiguous)) for part in parts])
            return _not(none)
        case Is(name, Being.MISSING):
            value = read(name)
            return value is MISSING or (_not(ambiguous) if value is AMBIGUOUS else False)
    value = read(condition.name)
    if value is AMBIGUOUS:
        return ambiguous
    if value is MISSING:
        return False
    match condition:
        case Compare(name, op, literal):
            return compare(name, value, op, literal, now)
        case In(name, literals):
            return any(compare(name, value, Op.EQ, literal, now) for literal in literals)
        case Like(_, pattern):
            return isinstance(value, str) and _like(pattern).fullmatch(value) is not None
        case Contains(name, literal):
            if isinstance(value, list | tuple):
                return any(compare(name, item, Op.EQ, literal, now) for item in value)
            return isinstance(value, str) and text_of(literal).casefold() in value.casefold()
        case Is():
            return isinstance(value, float) and math.isnan(value)
    raise AssertionError(condition)


def _not(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def _all(truths: list[bool | None]) -> bool | None:
    return False if False in truths else None if None in truths else True


@lru_cache(maxsize=64)
def _like(pattern: str) -> re.Pattern[str]:
    parts = (".*" if part == "%" else "." if part == "_" else re.escape(part) for part in re.split("([%_])", pattern))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


# --- comparing --------------------------------------------------------------------------------------------------------

_ORDER: Mapping[Op, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        Op.EQ: operator.eq,
        Op.NE: operator.ne,
        Op.LT: operator.lt,
        Op.LE: operator.le,
        Op.GT: operator.gt,
        Op.GE: operator.ge,
    }
)


def compare(name: Name, value: Value, op: Op, literal: Literal, now: datetime) -> bool:
    """Whether `value op literal` holds; of two that cannot be compared it is only true that they differ."""
    if name.space is Space.FIELD and name.key == DURATION and not isinstance(value, timedelta):
        value = timedelta(seconds=value)
    match value, literal:
        case None, _:
            return _equal_only(literal is None, op)
        case _, None:
            return op is Op.NE
        case bool(), _:
            return _equal_only(text_of(value) == text_of(literal).lower(), op)
        case ((datetime() | date()), str()):
            return _in_time(value, op, literal, now)
        case timedelta(), _ if not isinstance(literal, bool):
            return _in_length(value, op, literal)
        case ((int() | float()), str()):
            number = _number(literal)
            return op is Op.NE if number is None else _ORDER[op](value, number)
        case ((int() | float()), (int() | float())) if not isinstance(literal, bool):
            return _ORDER[op](value, literal)
        case str(), bool():
            return _equal_only(value.lower() == text_of(literal), op)
        case str(), (int() | float()):
            number = _number(value)
            return op is Op.NE if number is None else _ORDER[op](number, literal)
        case str(), str():
            return _ORDER[op](value, literal)
    return op is Op.NE


def _equal_only(equal: bool, op: Op) -> bool:
    return equal if op is Op.EQ else not equal if op is Op.NE else False


def in_span(op: Op, span: Span) -> tuple[tuple[Op, datetime], ...]:
    """What a moment must fulfil, all of it, to be before, in or after a span; not for NE."""
    match op:
        case Op.LT:
            return ((Op.LT, span.start),)
        case Op.GE:
            return ((Op.GE, span.start),)
        case Op.EQ if span.start == span.end:
            return ((Op.EQ, span.start),)
        case Op.EQ:
            return (Op.GE, span.start), (Op.LT, span.end)
        case Op.LE if span.start == span.end:
            return ((Op.LE, span.start),)
        case Op.LE:
            return ((Op.LT, span.end),)
        case Op.GT if span.start == span.end:
            return ((Op.GT, span.start),)
        case Op.GT:
            return ((Op.GE, span.end),)
    raise ValueError(op)


def _in_time(value: datetime | date, op: Op, literal: str, now: datetime) -> bool:
    try:
        span = parse_span(literal, now)
    except ValueError:
        return op is Op.NE
    if op is Op.NE:
        return not _in_time(value, Op.EQ, literal, now)
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if value.tzinfo is None:
        value = value.astimezone()
    return all(_ORDER[each](value, moment) for each, moment in in_span(op, span))


def _in_length(value: timedelta, op: Op, literal: str | int | float) -> bool:
    try:
        return _ORDER[op](value, as_duration(literal))
    except ValueError:
        return op is Op.NE


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def text_of(literal: Literal) -> str:
    """A literal as a filter writes it, without quotes."""
    match literal:
        case None:
            return "null"
        case bool():
            return "true" if literal else "false"
    return str(literal)
