"""Intervals for proportions and for the difference of two proportions seen on the same rows.

Knows counts only: whoever has rows counts them first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from tidemill.statistics import normal
from tidemill.statistics.beta import beta_quantile
from tidemill.statistics.checked import count, number, share

_HALVINGS = 80
_LARGEST_Z = 38.0


class Side(Enum):
    """Which bounds an interval has. GREATER bounds from below only: it supports the claim "greater than"."""

    BOTH = "both"
    GREATER = "greater"
    LESS = "less"

    def tail(self, level: float) -> float:
        """How much lies beyond each bound that there is."""
        return (1.0 - share("level", level)) / (2.0 if self is Side.BOTH else 1.0)


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high` with confidence `level`, which is that of one bound if the other is infinite."""

    low: float
    high: float
    level: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def width(self) -> float:
        return self.high - self.low


def one_sided(low: float, high: float, level: float, side: Side) -> Interval:
    """The interval with the bounds that `side` keeps; the others go to infinity."""
    return Interval(
        -math.inf if side is Side.LESS else low,
        math.inf if side is Side.GREATER else high,
        level,
    )


def wilson(successes: int, rows: int, level: float = 0.95, side: Side = Side.BOTH) -> Interval:
    """Score interval of a proportion (Wilson 1927; Brown, Cai, DasGupta 2001). A missing bound is 0 or 1.

    Raises `InputError` if `rows` is 0 or `successes` is not between 0 and `rows`.
    """
    k, n = _counts(successes, rows)
    low, high = _wilson(k, n, normal.quantile(1.0 - side.tail(level)))
    return Interval(0.0 if side is Side.LESS else low, 1.0 if side is Side.GREATER else high, level)


def clopper_pearson(successes: int, rows: int, level: float = 0.95, side: Side = Side.BOTH) -> Interval:
    """Exact interval of a proportion: never below its level (Clopper, Pearson 1934). A missing bound is 0 or 1.

    Raises `InputError` as `wilson`.
    """
    k, n = _counts(successes, rows)
    tail = side.tail(level)
    low = 0.0 if side is Side.LESS or k == 0 else beta_quantile(tail, k, n - k + 1)
    high = 1.0 if side is Side.GREATER or k == n else beta_quantile(1.0 - tail, k + 1, n - k)
    return Interval(low, high, level)


@dataclass(frozen=True, slots=True)
class PairedCounts:
    """Rows by who was right: both, only the candidate (gained), only the champion (lost), neither.

    Raises `InputError` for a negative count or no rows at all.
    """

    both: int
    gained: int
    lost: int
    neither: int

    def __post_init__(self) -> None:
        for name in ("both", "gained", "lost", "neither"):
            object.__setattr__(self, name, count(name, getattr(self, name)))
        count("rows", self.rows, 1)

    @property
    def rows(self) -> int:
        return self.both + self.gained + self.lost + self.neither

    @property
    def difference(self) -> float:
        """The candidate's proportion less the champion's."""
        return (self.gained - self.lost) / self.rows


def newcombe_paired(counts: PairedCounts, level: float = 0.95, side: Side = Side.BOTH) -> Interval:
    """Interval of the candidate's proportion less the champion's, both on the same rows.

    Hybrid score interval, the correlation corrected for continuity: Newcombe (1998), Statistics in Medicine 17:2635,
    method 10. With `side` a missing bound is -1 or 1.
    """
    low, high = _newcombe(counts, normal.quantile(1.0 - side.tail(level)))
    return Interval(-1.0 if side is Side.LESS else low, 1.0 if side is Side.GREATER else high, level)


def newcombe_p_greater(counts: PairedCounts, threshold: float = 0.0) -> float:
    """One-sided p against "the difference is at most `threshold`": the smallest alpha whose lower bound is above it.

    For non-inferiority by a margin give `threshold=-margin`.
    """
    number("threshold", threshold)
    low, high = -_LARGEST_Z, _LARGEST_Z
    for _ in range(_HALVINGS):
        z = 0.5 * (low + high)
        if _lower(counts, z) > threshold:
            low = z
        else:
            high = z
    return normal.above(0.5 * (low + high))


def tango_paired(counts: PairedCounts, level: float = 0.95, side: Side = Side.BOTH) -> Interval:
    """Interval of the candidate's proportion less the champion's, both on the same rows; a missing bound is -1 or 1.

    All differences that the score test does not reject: Tango (1998), Statistics in Medicine 17:891. It asks nothing of
    the rows on which both are alike, and keeps its level where hardly any row differs; `newcombe_paired` does not.
    """
    z = normal.quantile(1.0 - side.tail(level))
    low = -1.0 if side is Side.LESS else _crossing(counts, z, -1.0, counts.difference)
    high = 1.0 if side is Side.GREATER else _crossing(counts, -z, counts.difference, 1.0)
    return Interval(low, high, level)


def tango_p_greater(counts: PairedCounts, threshold: float = 0.0) -> float:
    """One-sided p against "the difference is at most `threshold`"; for non-inferiority give minus the margin."""
    return normal.above(_score(counts, number("threshold", threshold)))


def tango_p_less(counts: PairedCounts, threshold: float = 0.0) -> float:
    """One-sided p against "the difference is at least `threshold`"."""
    return normal.below(_score(counts, number("threshold", threshold)))


def _score(counts: PairedCounts, difference: float) -> float:
    """How many standard errors the counts lie above this difference, if it were true."""
    n, b, c = counts.rows, counts.gained, counts.lost
    distance = b - c - n * difference
    if not -1.0 < difference < 1.0:
        return 0.0 if distance == 0.0 else math.copysign(math.inf, distance)
    # The likeliest share of lost rows under that difference is the larger root of a quadratic.
    linear = (2 * n - b + c) * difference - b - c
    root = math.sqrt(max(linear * linear + 8 * n * c * difference * (1.0 - difference), 0.0))
    lost = max((root - linear) / (4 * n), -difference, 0.0)
    variance = n * (2.0 * lost + difference * (1.0 - difference))
    if variance <= 0.0:
        return 0.0 if distance == 0.0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _crossing(counts: PairedCounts, z: float, low: float, high: float) -> float:
    """Where the score, which falls as the difference grows, is `z`."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if _score(counts, middle) > z:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _counts(successes: int, rows: int) -> tuple[int, int]:
    n = count("rows", rows, 1)
    k = count("successes", successes)
    count("rows - successes", n - k)
    return k, n


def _wilson(k: int, n: int, z: float) -> tuple[float, float]:
    p, z2 = k / n, z * z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # Exact at the ends, where rounding would leave a speck.
    return (0.0 if k == 0 else middle - half), (1.0 if k == n else middle + half)


def _lower(counts: PairedCounts, z: float) -> float:
    return _newcombe(counts, z)[0] if z >= 0.0 else _newcombe(counts, -z)[1]


def _newcombe(counts: PairedCounts, z: float) -> tuple[float, float]:
    both, gained, lost, neither, n = counts.both, counts.gained, counts.lost, counts.neither, counts.rows
    candidate, champion = both + gained, both + lost
    low_a, high_a = _wilson(candidate, n, z)
    low_b, high_b = _wilson(champion, n, z)
    p_a, p_b = candidate / n, champion / n
    phi = _correlation(both, gained, lost, neither)
    below_a, above_a, below_b, above_b = p_a - low_a, high_a - p_a, p_b - low_b, high_b - p_b
    down = below_a * below_a - 2 * phi * below_a * above_b + above_b * above_b
    up = above_a * above_a - 2 * phi * above_a * below_b + below_b * below_b
    difference = counts.difference
    return difference - math.sqrt(max(down, 0.0)), difference + math.sqrt(max(up, 0.0))


def _correlation(a: int, b: int, c: int, d: int) -> float:
    size = (a + b) * (c + d) * (a + c) * (b + d)
    if size == 0:
        return 0.0
    product = a * d - b * c
    corrected = max(product - (a + b + c + d) / 2, 0.0) if product > 0 else float(product)
    return corrected / math.sqrt(size)
