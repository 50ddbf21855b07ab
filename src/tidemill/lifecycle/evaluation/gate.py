"""What a gate demands of a model, as plain frozen data: `Gate(primary=Primary("roc_auc", better_by=0.002))`.

`gate_yaml` reads and writes the same as YAML; `judging` applies it. Knows neither models nor rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tidemill.core.errors import InputError
from tidemill.lifecycle.evaluation.metrics import BadMetric, Metric, metric
from tidemill.lifecycle.evaluation.problems import Problem


class Test(Enum):
    """How the difference to the champion is judged; AUTO: by what fits the metric."""

    __test__ = False

    AUTO = "auto"
    BOOTSTRAP = "bootstrap"  # paired BCa interval: any metric
    DELONG = "delong"  # the area under the ROC curve
    MCNEMAR = "mcnemar"  # accuracy


class Correction(Enum):
    HOLM = "holm"
    NONE = "none"


class First(Enum):
    """What the comparison says while there is no champion: nothing (thresholds decide), or this verdict."""

    THRESHOLDS = "thresholds"
    PASS = "pass"
    FAIL = "fail"


class Trend(Enum):
    UP = "up"
    DOWN = "down"


class BadGate(InputError):
    """A rule that says something impossible; `part` is where in the part that was read."""

    code = "bad-gate"
    part: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Threshold:
    """The metric of the candidate alone must be at least `min` and at most `max`."""

    metric: str
    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        _demand(self.min is not None or self.max is not None, f"the threshold of {self.metric!r} has no min and no max")
        _numbers(f"the threshold of {self.metric!r}", min=self.min, max=self.max)
        if self.min is not None and self.max is not None:
            _demand(
                self.min <= self.max, f"the threshold of {self.metric!r}: min {self.min:g} is above max {self.max:g}"
            )
        _on_scale(f"the threshold of {self.metric!r}", self.metric, min=self.min, max=self.max)


@dataclass(frozen=True, slots=True)
class Primary:
    """The comparison with the champion on the same rows; "better" follows the direction of the metric.

    It passes if the gain seen is at least `better_by`, and above `margin` beyond doubt: one-sided, at level `alpha`.
    `no_worse_than=x` asks for non-inferiority and means `margin=-x`. What cannot be told on so few rows is NODATA:
    that it is no worse, and a gain of `effect` (the smallest that should not be missed) seen with less than `power`.
    """

    metric: str
    test: Test = Test.AUTO
    better_by: float = 0.0
    no_worse_than: float | None = None
    margin: float = 0.0
    alpha: float = 0.05
    resamples: int = 2000
    effect: float | None = None
    power: float = 0.8

    def __post_init__(self) -> None:
        who = f"primary {self.metric!r}"
        _numbers(who, better_by=self.better_by, no_worse_than=self.no_worse_than, margin=self.margin)
        _numbers(who, effect=self.effect)
        _demand(self.better_by >= 0, f"{who}: better_by is {self.better_by:g}, and a minimum gain is not negative")
        _demand(0 < self.alpha <= 0.5, f"{who}: alpha is {self.alpha:g}, and must lie in (0, 0.5]")
        _demand(0 < self.power < 1, f"{who}: power is {self.power:g}, and must lie in (0, 1)")
        _demand(200 <= self.resamples <= 1_000_000, f"{who}: resamples is {self.resamples}, and must be 200 to 1000000")
        _demand(self.effect is None or self.effect > self.bound, f"{who}: effect must be above {self.bound:g}")
        _as_difference(who, self.metric, better_by=self.better_by, no_worse_than=self.no_worse_than)
        if self.no_worse_than is not None:
            _demand(self.no_worse_than >= 0, f"{who}: no_worse_than is negative; it is the loss that is allowed")
            _demand(self.margin == 0, f"{who} has both no_worse_than and margin; no_worse_than=x means margin=-x")
            _demand(
                self.better_by == 0, f"{who} has both better_by and no_worse_than; they are two demands: choose one"
            )

    @property
    def bound(self) -> float:
        """What the true gain must exceed beyond doubt."""
        return self.margin if self.no_worse_than is None else -self.no_worse_than


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A further metric: not worse than the champion's by more than `no_worse_than` beyond doubt, or within bounds."""

    metric: str
    no_worse_than: float | None = None
    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        who = f"the guardrail {self.metric!r}"
        given = (self.no_worse_than, self.min, self.max)
        _demand(any(value is not None for value in given), f"{who} has neither no_worse_than nor min nor max")
        _numbers(who, no_worse_than=self.no_worse_than, min=self.min, max=self.max)
        _demand(self.no_worse_than is None or self.no_worse_than >= 0, f"{who}: no_worse_than is negative")
        _on_scale(who, self.metric, min=self.min, max=self.max)
        _as_difference(who, self.metric, no_worse_than=self.no_worse_than)


@dataclass(frozen=True, slots=True)
class Latency:
    """The percentile of the time for one row, after warming up, is at most `max_ms` milliseconds."""

    percentile: float
    max_ms: float

    def __post_init__(self) -> None:
        _demand(1 <= self.percentile < 100, f"latency: the percentile {self.percentile:g} is not from 1 to below 100")
        _demand(math.isfinite(self.max_ms) and self.max_ms > 0, "latency: the time allowed is not above zero")

    @property
    def name(self) -> str:
        return f"latency_p{self.percentile!r}".removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Slices:
    """Parts of the rows on which the candidate is nowhere worse than the champion by more than `no_worse_than`.

    `by`: one slice for each value of each column. `auto_weak`: all columns are searched, and so many slices are told in
    which the candidate lags most. A slice fails if it is worse beyond doubt, all slices together erring with `alpha`.
    Without a `metric` it is that of the primary comparison. Slices of fewer rows than `min_rows` are NODATA, which
    counts if `require` is set or if no slice has enough of them; otherwise it is told only.
    """

    by: tuple[str, ...] = ()
    no_worse_than: float = 0.0
    auto_weak: int = 0
    min_rows: int = 30
    metric: str = ""
    correction: Correction = Correction.HOLM
    alpha: float = 0.05
    require: bool = False

    def __post_init__(self) -> None:
        _numbers("slices", no_worse_than=self.no_worse_than)
        _demand(bool(self.by) or self.auto_weak > 0, "slices has neither columns in 'by' nor a number in 'auto_weak'")
        _demand(len(set(self.by)) == len(self.by), "slices: a column is named twice in 'by'")
        _demand(self.no_worse_than >= 0, "slices: no_worse_than is negative; it is the loss that is allowed")
        _demand(0 <= self.auto_weak <= 100, "slices: auto_weak is a number from 0 to 100")
        _demand(self.min_rows >= 2, "slices: min_rows is at least 2")
        _demand(0 < self.alpha <= 0.5, f"slices: alpha is {self.alpha:g}, and must lie in (0, 0.5]")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Of the candidate's answers: none is null; each class is at least the share `minority` of them; shuffling one of
    the columns `invariant` changes nothing; raising a column of `monotone` moves its score in that direction only.
    """

    no_null: bool = False
    minority: float | None = None
    invariant: tuple[str, ...] = ()
    monotone: tuple[tuple[str, Trend], ...] = ()

    def __post_init__(self) -> None:
        if self.minority is not None:
            _demand(0 < self.minority <= 0.5, f"behaviour: the minority share is {self.minority:g}, not in (0, 0.5]")

    @property
    def empty(self) -> bool:
        return not (self.no_null or self.minority is not None or self.invariant or self.monotone)


@dataclass(frozen=True, slots=True)
class Gate:
    """All that is demanded. `rows`: fewest labelled rows to judge by; `problem`: "auto" or a name of `Problem`;
    `positive`: the class that a binary problem looks for, by its text (the last one unless said).

    `cluster`: the column of the entity (a patient, a customer) when several rows belong to one: they are then drawn
    together. `first`: what holds while there is no champion. Raises BadGate for demands that contradict each other.
    """

    primary: Primary | None = None
    thresholds: tuple[Threshold, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    latency: tuple[Latency, ...] = ()
    slices: Slices | None = None
    behaviour: Behaviour = Behaviour()
    problem: str = "auto"
    first: First = First.THRESHOLDS
    rows: int = 30
    cluster: str = ""
    positive: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        demands = (self.primary, self.thresholds, self.guardrails, self.latency, self.slices)
        _demand(any(demands) or not self.behaviour.empty, "the gate demands nothing, and so would tell nothing")
        _demand(self.rows >= 1, "the gate needs at least one row")
        # What is recorded as JSON keeps whole numbers to there.
        _demand(0 <= self.seed < 1 << 53, "seed is a whole number from 0 to below 2^53")
        if self.slices is not None:
            _demand(
                bool(self.primary or self.slices.metric),
                "slices needs a metric, as there is no primary comparison",
                remedy="add one to it, such as metric: accuracy",
                part=("slices",),
            )
        _one_problem(self)

    def metrics(self) -> tuple[tuple[str, str], ...]:
        """(the key that names it, the metric), for every metric that the rule speaks of."""
        primary = [("primary", self.primary.metric)] if self.primary else []
        slices = [("slices", self.slices.metric)] if self.slices and self.slices.metric else []
        return (
            *(("thresholds", item.metric) for item in self.thresholds),
            *(("guardrails", item.metric) for item in self.guardrails),
            *primary,
            *slices,
        )

    def to_value(self) -> dict[str, Any]:
        """The rule as plain data, the same that YAML holds; what has its default is left out."""
        found = _plain(self)
        found.pop("latency", None)  # it is written among the guardrails
        rails = [
            *found.pop("guardrails", []),
            *({item.name: f"{item.max_ms!r}ms".replace(".0ms", "ms")} for item in self.latency),
        ]
        return {**found, "guardrails": rails} if rails else found


def _plain(rule: Any) -> dict[str, Any]:
    """The fields of a part that differ from their defaults; those without default always."""
    found: dict[str, Any] = {}
    for name, field in type(rule).__dataclass_fields__.items():
        value = getattr(rule, name)
        if value != field.default:
            found[name] = _plain_value(value)
    return found


def _plain_value(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case tuple() if value and all(isinstance(item, tuple) for item in value):
            return {key: _plain_value(item) for key, item in value}
        case tuple():
            return [_plain_value(item) for item in value]
        case _ if hasattr(type(value), "__dataclass_fields__"):
            return _plain(value)
        case _:
            return value


def _demand(holds: bool, otherwise: str, remedy: str = "", part: tuple[str, ...] = ()) -> None:
    if not holds:
        error = BadGate(otherwise, remedy=remedy)
        error.part = part
        raise error


def _numbers(who: str, **values: float | None) -> None:
    for name, value in values.items():
        _demand(value is None or math.isfinite(value), f"{who}: {name} is {value}, which is no number to compare with")


def _metric(name: str) -> Metric | None:
    """The metric of that name; None for one that there is not, which is refused when the rule is read or judged."""
    try:
        return metric(name)
    except BadMetric:
        return None


def _on_scale(who: str, name: str, **bounds: float | None) -> None:
    """Refuse a bound that the metric can never be at: most of them are percentages."""
    one = _metric(name)
    for word, value in bounds.items():
        if one is not None and value is not None and not one.least <= value <= one.most:
            reach = f"from {one.least:g} to {one.most:g}" if one.most < math.inf else f"{one.least:g} or more"
            if one.least == -math.inf:
                reach = f"{one.most:g} or less"
            _demand(False, f"{who}: {word} is {value:g}, and {one.name} is {reach}", _as_share(one, value))


def _as_difference(who: str, name: str, **values: float | None) -> None:
    """Refuse a difference that is larger than the whole scale of the metric."""
    one = _metric(name)
    for word, value in values.items():
        if one is not None and value is not None and value > one.most - one.least:
            said = (
                f"{who}: {word} is {value:g}, and two values of {one.name} differ by {one.most - one.least:g} at most"
            )
            _demand(False, said, _as_share(one, value))


def _as_share(one: Metric, value: float) -> str:
    share = value / 100
    return f"did you mean {share:g}?" if one.least <= share <= one.most and 2 <= value <= 100 else ""


def _one_problem(rule: Gate) -> None:
    """Refuse metrics that no problem has all of, naming the first that fits none of those before it."""
    left = {one for one in Problem if rule.problem in ("auto", one.value)} or set(Problem)
    before = f"problem: {rule.problem}" if rule.problem != "auto" else ""
    for place, name in sorted(rule.metrics(), key=lambda one: one[0] == "primary"):
        one = _metric(name)
        if one is None:
            continue
        fits = left & one.problems
        kinds = "numbers" if one.problems == {Problem.REGRESSION} else "classes"
        _demand(
            bool(fits),
            f"{place}: {name} is a metric of {kinds}, which does not go with {before}",
            "choose metrics of one kind of problem",
            (place,),
        )
        left, before = fits, f"{place}: {name}"
