"""A sweep: from `depth=5,10,20 x rate=0.1..0.5 step 0.1` to the combinations of parameters that are to be run.

Reads nothing and stores nothing; every value is checked against the pipeline before anything runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from tidemill.core.errors import InputError, did_you_mean
from tidemill.core.graph import Pipeline
from tidemill.core.parsing import parse
from tidemill.core.types import Parameter
from tidemill.core.values import Value, canonical, digest, encode
from tidemill.engine.submit import complete

AT_MOST = 10_000
"""Combinations of one sweep."""

EXAMPLE = '--sweep "depth=5,10,20 x rate=0.1,0.01"'
_FORM = "not of the form NAME=VALUE,VALUE"
_PRODUCT = re.compile("\\s+[xX]\\s+|\\s*\u00d7\\s*")
_ZIP = re.compile(r"zip\s*\((.*)\)", re.IGNORECASE | re.DOTALL)
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})(?:\s+step\s+({_NUMBER}))?\s*", re.IGNORECASE)
_FARTHEST = Decimal(10**15)
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Combination:
    """One run of a sweep. `number` counts from 1; `swept` are the values that differ, `params` all that are given."""

    number: int
    swept: Mapping[str, Value]
    params: Mapping[str, Value]

    def key(self, experiment: str) -> str:
        """The request key: the same experiment and parameters give the same run."""
        return f"experiment:{experiment}:{digest(encode(dict(self.params))).removeprefix('blake2b:')[:32]}"


@dataclass(frozen=True, slots=True)
class Sweep:
    """`names` are the parameters that are swept."""

    names: tuple[str, ...]
    combinations: tuple[Combination, ...]


class _Wrong(Exception):
    """Something in the text cannot be meant."""


def read_sweep(pipeline: Pipeline, text: str, given: Mapping[str, Value]) -> Sweep:
    """The combinations that `text` says, each with the parameters `given` besides.

    Raises InputError with all that is wrong, of the text and of the parameters.
    """
    known = {parameter.name: parameter for parameter in pipeline.params}
    problems: list[str] = []
    factors: list[list[dict[str, Value]]] = []
    names: list[str] = []
    for part in split(text, _PRODUCT):
        try:
            factor_names, factor = _factor(part, known, problems)
        except _Wrong as wrong:
            problems.append(str(wrong))
            continue
        for name in factor_names:
            if name in names:
                problems.append(f"parameter {name!r} stands twice in the sweep")
            if name in given:
                problems.append(f"parameter {name!r} is swept and given with -p besides")
        names += factor_names
        factors.append(factor)
    number = 1
    for factor in factors:
        number *= len(factor)
    if number > AT_MOST:
        problems.append(f"the sweep has {number} combinations, and {AT_MOST} are the most: leave out values")
    if not problems:
        problems += _incomplete(pipeline, given, factors)
    if problems:
        raise InputError(
            "; ".join(dict.fromkeys(problems)),
            place=f"sweep of pipeline {pipeline.name}",
            remedy=_remedy(pipeline, problems),
        )
    swept = [dict(pair for one in chosen for pair in one.items()) for chosen in product(*factors)]
    return Sweep(
        tuple(names), tuple(Combination(n, one, complete(pipeline, {**given, **one})) for n, one in enumerate(swept, 1))
    )


def _incomplete(
    pipeline: Pipeline, given: Mapping[str, Value], factors: Sequence[Sequence[Mapping[str, Value]]]
) -> Iterator[str]:
    first = {name: value for factor in factors for name, value in factor[0].items()}
    try:
        complete(pipeline, {**given, **first})
    except InputError as error:
        yield error.message


def _remedy(pipeline: Pipeline, problems: Sequence[str]) -> str:
    takes = ", ".join(f"{parameter.name} ({parameter.type})" for parameter in pipeline.params)
    # A problem with a value says itself how that is written.
    example = f"write such as {EXAMPLE}; " if any(_FORM in problem for problem in problems) else ""
    return f"{example}the pipeline takes {takes or 'no parameters'}"


# --- factors ----------------------------------------------------------------------------------------------------------


def _factor(text: str, known: Mapping[str, Parameter], problems: list[str]) -> tuple[list[str], list[dict[str, Value]]]:
    if zipped := _ZIP.fullmatch(text.strip()):
        columns = [_values(part, known, problems) for part in split(zipped[1], re.compile(r"\s*;\s*"))]
        lengths = {len(values) for _, values in columns}
        if len(lengths) > 1:
            told = ", ".join(f"{name} has {len(values)}" for name, values in columns)
            raise _Wrong(f"zip takes as many values of each parameter: {told}")
        names = [name for name, _ in columns]
        if len(set(names)) < len(names):
            raise _Wrong(f"a parameter stands twice in {text.strip()!r}")
        rows = zip(*[values for _, values in columns], strict=True)
        return names, [dict(zip(names, row, strict=True)) for row in rows]
    name, values = _values(text, known, problems)
    return [name], [{name: value} for value in values]


def _values(text: str, known: Mapping[str, Parameter], problems: list[str]) -> tuple[str, list[Value]]:
    """A parameter and its values; those that do not fit are told and left out."""
    name, equals, rest = text.partition("=")
    name = name.strip()
    if not equals or not name:
        said = f"{text.strip()!r} is" if text.strip() else "a part between two x is"
        raise _Wrong(f"{said} {_FORM}")
    if name not in known:
        hint = did_you_mean(name, known)
        raise _Wrong(f"there is no parameter {name!r}" + (f"; {hint}" if hint else ""))
    found: list[Value] = []
    seen: set[str] = set()
    before = len(problems)
    for item in split(rest, re.compile(",")):
        for one in _spread(name, item):
            try:
                value = parse(one, known[name].type)
            except InputError as error:
                hints = [error.remedy, "a range of numbers is written 1..5, or 0.1..0.5 step 0.1" * (".." in one)]
                said = "; ".join(filter(None, hints))
                remedy = f" ({said})" if said else ""
                problems.append(f"parameter {name!r}: {error.message}{remedy}")
                continue
            text_of = canonical(encode(value))
            if text_of in seen:
                problems.append(f"parameter {name!r}: {one!r} stands there twice")
            seen.add(text_of)
            found.append(value)
    if not found and len(problems) == before:
        raise _Wrong(f"parameter {name!r} has no values")
    return name, found


def _spread(name: str, item: str) -> Iterator[str]:
    """The texts of the values that one item stands for: itself, or all of a range."""
    item = item.strip()
    if not item:
        raise _Wrong(f"parameter {name!r}: a value between two commas is missing")
    found = _RANGE.fullmatch(item)
    if found is None:
        if item[0] in "\"'" and item[-1] == item[0] and len(item) > 1:
            item = item[1:-1]
        yield item
        return
    first, last = Decimal(found[1]), Decimal(found[2])
    if any(Decimal(end).copy_abs() > _FARTHEST for end in found.groups() if end):
        raise _Wrong(f"parameter {name!r}: the ends of {item!r} are too far from 0 for a range")
    step = Decimal(found[3]) if found[3] else Decimal(1 if last >= first else -1)
    if not found[3] and (first != first.to_integral_value() or last != last.to_integral_value()):
        raise _Wrong(f"parameter {name!r}: {item!r} needs a step, such as {item} step 0.1")
    if step == 0 or (last - first) * step < 0:
        raise _Wrong(f"parameter {name!r}: {item!r} never gets to its end")
    if (last - first) / step >= AT_MOST:
        raise _Wrong(f"parameter {name!r}: {item!r} has more than {AT_MOST} values, which are the most")
    for n in range(int((last - first) / step) + 1):
        yield _plain(first + n * step)


def _plain(number: Decimal) -> str:
    return str(int(number)) if number == int(number) else format(number, "f").rstrip("0")


# --- splitting --------------------------------------------------------------------------------------------------------


def split(text: str, separator: re.Pattern[str]) -> list[str]:
    """The parts between separators that stand neither in quotes nor in brackets."""
    parts: list[str] = []
    start = at = 0
    quote, depth = "", 0
    while at < len(text):
        character = text[at]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth = max(depth - 1, 0)
        elif depth == 0 and (found := separator.match(text, at)) is not None and found.end() > at:
            parts.append(text[start:at])
            start = at = found.end()
            continue
        at += 1
    return [*parts, text[start:]]


def swept_text(values: Mapping[str, Value]) -> str:
    """`depth=5 rate=0.1`."""
    return " ".join(f"{name}={_shown(value)}" for name, value in values.items())


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else canonical(encode(value))
