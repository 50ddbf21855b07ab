"""The normal distribution, one number at a time, exact far into its tails. The standard library only."""

from __future__ import annotations

import math
from statistics import NormalDist

_STANDARD = NormalDist()


def quantile(share: float) -> float:
    """The z below which `share` of a standard normal lies; 0 and 1 give minus and plus infinity."""
    if share <= 0.0:
        return -math.inf
    if share >= 1.0:
        return math.inf
    return _STANDARD.inv_cdf(share)


def below(z: float) -> float:
    """P(Z <= z); the complementary error function keeps its digits where 1 + erf would lose them."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def above(z: float) -> float:
    """P(Z > z)."""
    return below(-z)
