"""Candidate against champion on the same rows: the gain, its interval, and how sure it is. Knows metrics, not rules.

A gain is positive where the candidate is better, whatever the direction of the metric. Intervals are two-sided at
1 - 2 alpha, so that their lower end is above a bound exactly where a one-sided test at alpha says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill.core.errors import InputError
from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.gate import BadGate, Test
from tidemill.lifecycle.evaluation.metrics import Direction, Metric
from tidemill.lifecycle.evaluation.problems import Problem
from tidemill.statistics import normal
from tidemill.statistics.bootstrap import bca, bca_mean, bca_sums
from tidemill.statistics.delong import delong
from tidemill.statistics.enough import MINIMUM_ROWS, minimum_for_margin
from tidemill.statistics.intervals import PairedCounts, tango_p_greater, tango_p_less, tango_paired
from tidemill.statistics.mcnemar import mcnemar
from tidemill.statistics.power import mean_power, required_rows_mean

FEWEST_OF_A_CLASS = MINIMUM_ROWS["delong"]
"""Below so many rows of either class an area under a curve says little about its own uncertainty."""

MOST_ROWS_TOLD = 10_000_000

FEW_CLASSES = 4
"""Up to so many classes, rows are drawn by kind (truth and two predictions), which is faster than one by one."""

P = Callable[[float], float]
Gains = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """`p_greater(b)`: one-sided, against "the gain is at most b"; `p_less(b)` against "at least b".

    `deviation` is that of the gain, times the root of the number of rows: what more rows would do follows from it.
    """

    test: Test
    candidate: float
    champion: float
    gain: float
    low: float
    high: float
    deviation: float
    n: int
    p_greater: P
    p_less: P

    def rows_needed(self, distance: float, alpha: float, power: float = 0.8) -> int | None:
        """The rows with which a true gain so far above the bound would be seen; None if no number of rows would do."""
        if not (distance > 0 and self.deviation > 0):
            return None
        needed = required_rows_mean(self.deviation, distance, alpha=alpha, power=power)
        return max(needed, self.n + 1)

    def power_for(self, distance: float, alpha: float) -> float:
        """The chance that these rows show a true gain so far above the bound."""
        return mean_power(self.n, self.deviation, distance, alpha=alpha) if self.deviation > 0 else 1.0


class NotComparable(InputError):
    """There are too few rows, or too few of a class, for this metric to be compared; `needed` would do, if known."""

    code = "not-comparable"

    def __init__(self, message: str, needed: int | None = None) -> None:
        super().__init__(message)
        self.needed = needed


def test_for(asked: Test, metric: Metric, problem: Problem, clustered: bool) -> Test:
    """The test that fits the metric. Raises BadGate for one that does not."""
    area = metric.name == "roc_auc" and problem is Problem.BINARY
    if clustered and asked in (Test.DELONG, Test.MCNEMAR):
        raise BadGate(
            f"{asked.value} takes every row for one of its own, and the rule draws rows by cluster",
            remedy="leave out 'test', or say test: bootstrap",
        )
    match asked:
        case Test.DELONG if not area:
            raise BadGate(
                f"delong compares areas under the ROC curve of binary answers, and the metric is {metric.name}",
                remedy="leave out 'test': what fits the metric is taken",
            )
        case Test.MCNEMAR if metric.name != "accuracy":
            raise BadGate(
                f"mcnemar compares accuracy, and the metric is {metric.name}",
                remedy="leave out 'test': what fits the metric is taken",
            )
        case Test.AUTO if clustered:
            return Test.BOOTSTRAP
        case Test.AUTO if area:
            return Test.DELONG
        case Test.AUTO if metric.name == "accuracy":
            return Test.MCNEMAR
        case Test.AUTO:
            return Test.BOOTSTRAP
    return asked


test_for.__test__ = False  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The answers of both for the same rows; `clusters` are the rows' entities, or None."""

    candidate: Answers
    champion: Answers
    clusters: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.candidate)

    def select(self, rows: NDArray[Any]) -> Pair:
        clusters = None if self.clusters is None else self.clusters[rows]
        return Pair(self.candidate.select(rows), self.champion.select(rows), clusters)


def compare(metric: Metric, pair: Pair, test: Test, alpha: float, resamples: int, seed: int) -> Comparison:
    """The comparison by a test that fits. Raises NotComparable for too few rows, nothing for anything else."""
    if len(pair) < 2:
        raise NotComparable(f"there {'is 1 row' if len(pair) else 'are no rows'}", 2)
    match test:
        case Test.MCNEMAR:
            return _by_counts(pair, alpha)
        case Test.DELONG:
            return _by_areas(pair, alpha)
        case _:
            return _by_resampling(metric, pair, alpha, resamples, seed)


def _by_counts(pair: Pair, alpha: float) -> Comparison:
    """McNemar's exact test against "no better"; against other bounds Tango's score test, whose interval is shown."""
    right = pair.candidate.predicted == pair.candidate.truth
    before = pair.champion.predicted == pair.champion.truth
    gained, lost = int((right & ~before).sum()), int((~right & before).sum())
    counts = PairedCounts(int((right & before).sum()), gained, lost, int((~right & ~before).sum()))
    interval = tango_paired(counts, 1 - 2 * alpha)
    exact = mcnemar(gained, lost)
    share = (gained + lost) / counts.rows
    return Comparison(
        test=Test.MCNEMAR,
        candidate=float(right.mean()),
        champion=float(before.mean()),
        gain=counts.difference,
        low=interval.low,
        high=interval.high,
        deviation=math.sqrt(max(share - counts.difference**2, 0.0)),
        n=counts.rows,
        p_greater=lambda bound: exact.p_greater if bound == 0 else tango_p_greater(counts, bound),
        p_less=lambda bound: exact.p_less if bound == 0 else tango_p_less(counts, bound),
    )


def _by_areas(pair: Pair, alpha: float) -> Comparison:
    _enough_of_each(pair)
    score, before = pair.candidate.score, pair.champion.score
    assert score is not None
    assert before is not None
    found = delong(pair.candidate.truth, score, before)
    if found.standard_error == 0 and found.difference != 0:
        raise NotComparable("one of the two puts every row in the right order, or all in one place: nothing varies")
    interval = found.interval(1 - 2 * alpha)
    return Comparison(
        test=Test.DELONG,
        candidate=found.a.value,
        champion=found.b.value,
        gain=found.difference,
        low=interval.low,
        high=interval.high,
        deviation=found.standard_error * math.sqrt(len(pair)),
        n=len(pair),
        p_greater=found.p_greater,
        p_less=found.p_less,
    )


def _enough_of_each(pair: Pair) -> None:
    truth = pair.candidate.truth
    counts = [int((truth == place).sum()) for place in range(len(pair.candidate.classes))]
    least = min(counts, default=0)
    if least < FEWEST_OF_A_CLASS:
        rare = pair.candidate.classes[counts.index(least)]
        lacking = FEWEST_OF_A_CLASS - least
        needed = math.ceil(len(pair) * FEWEST_OF_A_CLASS / least) if least else None
        raise NotComparable(
            f"{_rows(least)} of the class {rare!r}, and {FEWEST_OF_A_CLASS} of each are needed: {lacking} more", needed
        )


def _by_resampling(metric: Metric, pair: Pair, alpha: float, resamples: int, seed: int) -> Comparison:
    """The paired bootstrap; of a metric that is a mean over rows by their differences, of any other by measuring it."""
    classes = pair.candidate.problem.classifies
    values = metric.measure(pair.candidate), metric.measure(pair.champion)
    sign = 1.0 if metric.direction is Direction.HIGHER else -1.0
    strata = pair.candidate.truth if classes and metric.per_row is None and pair.clusters is None else None
    if classes and metric.undefined and (metric.needs_scores or pair.candidate.problem is Problem.BINARY):
        _enough_of_each(pair)
    try:
        if metric.per_row is not None:
            differences = sign * (metric.per_row(pair.candidate) - metric.per_row(pair.champion))
            found = bca_mean(differences, resamples=resamples, seed=seed, clusters=pair.clusters)
        elif classes and not metric.needs_scores and len(pair.candidate.classes) <= FEW_CLASSES:
            columns, gains = _by_cells(metric, pair, sign)
            found = bca_sums(columns, gains, resamples=resamples, seed=seed, strata=strata, clusters=pair.clusters)
        else:

            def gain(rows: NDArray[np.intp]) -> float:
                chosen = pair.select(rows)
                return sign * (metric.measure(chosen.candidate) - metric.measure(chosen.champion))

            found = bca(gain, len(pair), resamples=resamples, seed=seed, strata=strata, clusters=pair.clusters)
    except InputError as error:
        raise NotComparable(error.message) from None
    interval = found.interval(1 - 2 * alpha)
    spread = 0.0 if found.constant else found.standard_error
    floor = 1.0 / found.resamples

    def finer(p: float, distance: float) -> float:
        """Below what resamples can tell: the normal tail, so that many tests together can still be corrected."""
        return min(p, normal.above(distance / spread)) if p <= floor and spread > 0 else p

    return Comparison(
        test=Test.BOOTSTRAP,
        candidate=values[0],
        champion=values[1],
        gain=found.estimate,
        low=interval.low,
        high=interval.high,
        deviation=spread * math.sqrt(len(pair)),
        n=len(pair),
        p_greater=lambda bound: finer(found.p_greater(bound), found.estimate - bound),
        p_less=lambda bound: finer(found.p_less(bound), bound - found.estimate),
    )


def _by_cells(metric: Metric, pair: Pair, sign: float) -> tuple[NDArray[np.float64], Gains]:
    """Rows with the same truth and the same two predictions are one kind: drawn is how many there are of each."""
    one, other = pair.candidate, pair.champion
    kinds, kind_of = np.unique(
        np.stack([one.truth, one.predicted, other.truth, other.predicted]), axis=1, return_inverse=True
    )
    columns = np.zeros((len(pair), kinds.shape[1]))
    columns[np.arange(len(pair)), kind_of.reshape(-1)] = 1.0

    def gains(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.empty(counts.shape[0])
        for place, times in enumerate(np.rint(counts).astype(np.intp)):
            true, said, true_too, said_too = np.repeat(kinds, times, axis=1)
            mine = Answers(one.problem, true, said, None, one.classes)
            theirs = Answers(other.problem, true_too, said_too, None, other.classes)
            found[place] = sign * (metric.measure(mine) - metric.measure(theirs))
        return found

    return columns, gains


def caution(metric: Metric, pair: Pair, test: Test, bound: float) -> str:
    """From how many rows on the test errs no more than it says, if there are fewer; else nothing.

    Measured by `python -m bench.error_rates`: with fewer it errs a little more often, which is told and not forbidden.
    """
    match test:
        case Test.MCNEMAR:
            return ""
        case Test.DELONG:
            truth = pair.candidate.truth
            found = min(int((truth == 0).sum()), int((truth == 1).sum()))
            area = min(max(metric.measure(pair.champion), 0.01), 0.999)
            wanted, what = MINIMUM_ROWS["delong"], "rows of the rarer class"
            if bound < 0:
                wanted = minimum_for_margin(area)
        case _ if pair.clusters is not None:
            found, wanted, what = len(set(pair.clusters.tolist())), MINIMUM_ROWS["bootstrap-clusters"], "clusters"
        case _:
            kind = "bootstrap-bounded" if math.isfinite(metric.most - metric.least) else "bootstrap"
            found, wanted, what = len(pair), MINIMUM_ROWS[kind], "rows"
    return f"alpha is kept exactly from {wanted} {what} on, here are {found}" if found < wanted else ""


def _rows(count: int) -> str:
    return "there is 1 row" if count == 1 else f"there are {count} rows"
