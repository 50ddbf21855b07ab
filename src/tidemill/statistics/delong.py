"""The area under the ROC curve, its standard error, and the difference of two of them on the same rows.

DeLong, DeLong, Clarke-Pearson (1988), in O(n log n) as Sun and Xu (2014) show. Knows labels and scores only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tidemill.core.errors import InputError
from tidemill.statistics import normal
from tidemill.statistics.checked import number, numbers
from tidemill.statistics.intervals import Interval, Side, one_sided

_Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Auc:
    """One area with its standard error (0 for a perfect ranking, which then says nothing about its own uncertainty)."""

    value: float
    standard_error: float
    positives: int
    negatives: int

    def interval(self, level: float = 0.95, side: Side = Side.BOTH) -> Interval:
        """On the logit scale, so that it stays within 0 and 1 (Pepe 2003, section 5.2)."""
        z = normal.quantile(1.0 - side.tail(level))
        if 0.0 < self.value < 1.0:
            middle = math.log(self.value / (1.0 - self.value))
            half = z * self.standard_error / (self.value * (1.0 - self.value))
            low, high = _logistic(middle - half), _logistic(middle + half)
        else:
            low = high = self.value
        return Interval(0.0 if side is Side.LESS else low, 1.0 if side is Side.GREATER else high, level)


@dataclass(frozen=True, slots=True)
class DeLong:
    """`a` against `b`: `difference` is a's area less b's. A `standard_error` of 0 means that the rows cannot tell."""

    a: Auc
    b: Auc
    difference: float
    standard_error: float

    @property
    def positives(self) -> int:
        return self.a.positives

    @property
    def negatives(self) -> int:
        return self.a.negatives

    @property
    def p(self) -> float:
        """Two-sided, against "both areas are the same"."""
        return min(1.0, 2.0 * min(self.p_greater(), self.p_less()))

    def p_greater(self, threshold: float = 0.0) -> float:
        """One-sided, against "the difference is at most `threshold`"; for non-inferiority give minus the margin."""
        return normal.above(self._z(threshold))

    def p_less(self, threshold: float = 0.0) -> float:
        """One-sided, against "the difference is at least `threshold`"."""
        return normal.below(self._z(threshold))

    def interval(self, level: float = 0.95, side: Side = Side.BOTH) -> Interval:
        """Of the difference; the bound of one side is above a threshold exactly if `p_greater` is below 1 - level."""
        half = normal.quantile(1.0 - side.tail(level)) * self.standard_error
        return one_sided(self.difference - half, self.difference + half, level, side)

    def _z(self, threshold: float) -> float:
        distance = self.difference - number("threshold", threshold)
        if self.standard_error > 0.0:
            return distance / self.standard_error
        return math.copysign(math.inf, distance) if distance else 0.0


def auc(truth: ArrayLike, score: ArrayLike) -> Auc:
    """The area for labels (True or 1: positive) and scores; ties count half.

    Raises `InputError` for nan, other labels, or fewer than two rows of a class.
    """
    positive, negative = _classes(truth, {"score": score})
    ((area, of_positives, of_negatives),) = _components(positive, negative)
    error = math.sqrt(_variance(of_positives) + _variance(of_negatives))
    return Auc(area, error, of_positives.size, of_negatives.size)


def delong(truth: ArrayLike, score_a: ArrayLike, score_b: ArrayLike) -> DeLong:
    """Two scores of the same rows compared. Raises `InputError` as `auc`."""
    positive, negative = _classes(truth, {"score_a": score_a, "score_b": score_b})
    (area_a, p_a, n_a), (area_b, p_b, n_b) = _components(positive, negative)
    a, b = (
        Auc(area, math.sqrt(_variance(p) + _variance(n)), p.size, n.size)
        for area, p, n in ((area_a, p_a, n_a), (area_b, p_b, n_b))
    )
    # The variance of the differences, not the sum of three terms: nothing cancels when the scores are alike.
    error = math.sqrt(_variance(p_a - p_b) + _variance(n_a - n_b))
    return DeLong(a, b, a.value - b.value, error)


def _classes(truth: ArrayLike, scores: dict[str, ArrayLike]) -> tuple[list[_Array], list[_Array]]:
    labels = numbers("truth", truth)
    positive = labels == 1.0
    if not (positive | (labels == 0.0)).all():
        raise InputError("truth: labels other than 0 and 1", remedy="compare with the positive class first")
    found = int(positive.sum())
    if min(found, labels.size - found) < 2:
        raise InputError(
            f"{found} positive and {labels.size - found} negative rows: an area needs two of each",
            remedy="judge on more rows",
        )
    arrays = {name: numbers(name, values) for name, values in scores.items()}
    for name, array in arrays.items():
        if array.size != labels.size:
            raise InputError(f"{name}: {array.size} scores for {labels.size} rows")
    return [array[positive] for array in arrays.values()], [array[~positive] for array in arrays.values()]


def _components(positive: list[_Array], negative: list[_Array]) -> list[tuple[float, _Array, _Array]]:
    found = []
    for of_positive, of_negative in zip(positive, negative, strict=True):
        order_p, order_n = np.argsort(of_positive), np.argsort(of_negative)
        sorted_p, sorted_n = of_positive[order_p], of_negative[order_n]
        v_p = _share_below(sorted_p, order_p, sorted_n)
        v_n = 1.0 - _share_below(sorted_n, order_n, sorted_p)
        found.append((float(v_p.mean()), v_p, v_n))
    return found


def _share_below(values: _Array, order: NDArray[np.intp], others: _Array) -> _Array:
    """For each value, in the order it was given, the share of `others` below it, ties half; both are sorted."""
    below = np.searchsorted(others, values, side="left") + np.searchsorted(others, values, side="right")
    placed = np.empty(values.size)
    placed[order] = below / (2.0 * others.size)
    return placed


def _variance(components: _Array) -> float:
    return float(components.var(ddof=1)) / components.size


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0.0 else math.exp(x) / (1.0 + math.exp(x))
