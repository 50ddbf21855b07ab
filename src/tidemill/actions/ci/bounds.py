"""Bounds of metrics, as people write them, held against numbers: what is missing or no number is never a pass. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from tidemill.core.errors import InputError, did_you_mean
from tidemill.lifecycle.verdicts import Verdict, combine

# By the names that `evaluate` gives them; written here once more, as a gate on numbers needs no numpy.
_SHARES = "accuracy balanced_accuracy ece f1 macro_f1 pr_auc precision recall roc_auc specificity weighted_f1"
_ERRORS = "log_loss mae mape max_error median_ae mse rmse"
SCALES: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(_SHARES.split(), (0.0, 1.0)),
    **dict.fromkeys(_ERRORS.split(), (0.0, math.inf)),
    "brier": (0.0, 2.0),
    "mcc": (-1.0, 1.0),
    "r2": (-math.inf, 1.0),
}
"""The ends of the scales of known metrics."""


class Side(Enum):
    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Bound:
    metric: str
    side: Side
    limit: float

    @property
    def option(self) -> str:
        return f"--{self.side.value}"

    @property
    def sign(self) -> str:
        return ">=" if self.side is Side.MIN else "<="


@dataclass(frozen=True, slots=True)
class Number:
    """A metric as it was found. `value` is None where it is there and is no number; `kind` then says what it is."""

    name: str
    value: float | None
    kind: str = ""
    meant: tuple[str, ...] = ()
    """Further names under which it is asked for, when only one metric has them."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One demand and what came of it. `value` is None if there is none to compare with."""

    metric: str
    verdict: Verdict
    demanded: str
    value: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class GateReport:
    """All demands on one source. `notes` are sentences that do not change the verdict."""

    source: str
    checks: tuple[Checked, ...]
    numbers: tuple[Number, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return combine(check.verdict for check in self.checks)


def bounds_from(minima: Sequence[str], maxima: Sequence[str]) -> tuple[Bound, ...]:
    """From `accuracy=0.85`. Raises InputError."""
    return tuple(_bound(text, side) for side, texts in ((Side.MIN, minima), (Side.MAX, maxima)) for text in texts)


def _bound(text: str, side: Side) -> Bound:
    name, equals, number = text.rpartition("=")
    remedy = f"--{side.value} NAME=NUMBER, such as --{side.value} accuracy=0.85"
    if not equals or not name.strip():
        raise InputError(f"{text!r} is no bound of a metric", remedy=remedy)
    try:
        limit = float(number)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise InputError(f"{number!r} is no number to compare {name.strip()!r} with", remedy=remedy)
    return Bound(name.strip(), side, limit)


def demand_possible(bound: Bound, found: float | None = None) -> None:
    """Raise InputError for a bound off the scale of a metric that is known: it would never hold, or always.

    A number `found` under that name that is off the scale itself is another metric, such as a percentage.
    """
    name = bound.metric.rpartition(".")[2].partition("@")[0]
    least, most = SCALES.get(name, (-math.inf, math.inf))
    if least <= bound.limit <= most or (found is not None and not least <= found <= most):
        return
    ends = [f"not below {least:g}" if math.isinf(most) else "", f"not above {most:g}" if math.isinf(least) else ""]
    scale = "".join(ends) or f"between {least:g} and {most:g}"
    share = (least, most) == (0.0, 1.0) and 1 < bound.limit <= 100
    example = f"{bound.option} {bound.metric}={bound.limit / 100:.10g}"
    remedy = (
        f"{bound.limit:g} % is {example}" if share else f"give a bound on that scale, as {bound.option} NAME=NUMBER"
    )
    raise InputError(f"{name} is {scale}, and so {number_shown(bound.limit)} is no bound of it", remedy=remedy)


def check_bounds(bounds: Sequence[Bound], numbers: Sequence[Number], source: str) -> tuple[Checked, ...]:
    """Each bound with its verdict, in order. Raises InputError if a name may mean several metrics, or for a bound that
    cannot be meant."""
    return tuple(_checked(bound, numbers, source) for bound in bounds)


def _checked(bound: Bound, numbers: Sequence[Number], source: str) -> Checked:
    demanded = f"{bound.sign} {number_shown(bound.limit)}"
    found = find_number(bound.metric, numbers)
    demand_possible(bound, found.value if found is not None else None)
    if found is None:
        near = did_you_mean(bound.metric, {name for one in numbers for name in (one.name, *one.meant)})
        told = f"{source} has no metric {bound.metric!r}" + (f"; {near}" if near else "")
        return Checked(bound.metric, Verdict.NODATA, demanded, None, told)
    if found.value is None:
        return Checked(bound.metric, Verdict.NODATA, demanded, None, f"{bound.metric} is {found.kind}, not a number")
    value = found.value
    if not math.isfinite(value):
        return Checked(bound.metric, Verdict.NODATA, demanded, value, f"{bound.metric} is {value}, not a number")
    holds = value >= bound.limit if bound.side is Side.MIN else value <= bound.limit
    shown, limit = number_shown(value), number_shown(bound.limit)
    if holds:
        word = "at least" if bound.side is Side.MIN else "at most"
        told = f"{bound.metric} is {shown}, {word} {limit}"
    else:
        word = "below" if bound.side is Side.MIN else "above"
        told = f"{bound.metric} is {shown}, {word} {limit} by {number_shown(abs(value - bound.limit))}"
    return Checked(bound.metric, Verdict.PASS if holds else Verdict.FAIL, demanded, value, told)


def find_number(name: str, numbers: Sequence[Number]) -> Number | None:
    """The metric of this name, or the only one that it may mean. Raises InputError, which lists them."""
    exact = [one for one in numbers if one.name == name]
    found = exact or [one for one in numbers if name in one.meant]
    if len(found) > 1:
        listed = ", ".join(sorted(one.name for one in found)[:10]) + (", ..." if len(found) > 10 else "")
        raise InputError(f"{name!r} may mean {len(found)} metrics", remedy=f"name one of them: {listed}")
    return found[0] if found else None


def flattened(document: object) -> tuple[Number, ...]:
    """The numbers of a JSON document by dotted names, `folds[0].accuracy`; the last part is enough if it is unique."""
    found: list[Number] = []

    def visit(value: object, name: str, depth: int) -> None:
        if depth > 50:
            raise InputError("the metrics are nested too deeply")
        match value:
            case dict():
                for key, inner in value.items():
                    visit(inner, f"{name}.{key}" if name else str(key), depth + 1)
            case list():
                for n, inner in enumerate(value):
                    visit(inner, f"{name}[{n}]", depth + 1)
            case _ if name:
                last = name.rpartition(".")[2]
                found.append(_number(name, value, (last,) if last != name else ()))

    visit(document, "", 0)
    return tuple(found)


def _number(name: str, value: object, meant: tuple[str, ...]) -> Number:
    match value:
        case bool():
            return Number(name, None, "true" if value else "false", meant)
        case int() | float():
            try:
                return Number(name, float(value), "", meant)
            except OverflowError:
                return Number(name, math.inf, "", meant)
        case None:
            return Number(name, None, "null", meant)
    return Number(name, None, "a text", meant)


def number_shown(value: float) -> str:
    """As people read it, and exact enough to tell two numbers apart."""
    return f"{value:.6g}" if float(f"{value:.6g}") == value else f"{value:.10g}"


def by_name(numbers: Sequence[Number]) -> Mapping[str, float | None]:
    """For JSON: finite numbers as they are, others null."""
    return {one.name: one.value if one.value is not None and math.isfinite(one.value) else None for one in numbers}
