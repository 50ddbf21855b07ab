"""McNemar's exact test: is one of two classifiers right more often on the same rows? Knows the discordant rows only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tidemill.statistics.beta import binomial_at_least, binomial_exactly
from tidemill.statistics.checked import count

_EXACT = 1000
"""Up to so many discordant rows the tails are added up in whole numbers; 2 to that power is still a float."""


@dataclass(frozen=True, slots=True)
class McNemar:
    """`gained` rows that only the candidate got right, `lost` rows that only the champion got right, and the p-values.

    `p` is exact and two-sided, `p_greater` exact against "the candidate is no better", `p_less` against "no worse".
    `p_mid` and `p_greater_mid` count half of the observed outcome: nearer to alpha, not guaranteed to stay below it.
    Without a discordant row every p is 1 (mid-p of one side: 0.5).
    """

    gained: int
    lost: int
    p: float
    p_greater: float
    p_less: float
    p_mid: float
    p_greater_mid: float


def mcnemar(gained: int, lost: int) -> McNemar:
    """McNemar (1947), the binomial of `gained` among the discordant; mid-p: Fagerland, Lydersen, Laake (2013).

    Raises `InputError` for a negative count.
    """
    b, c = count("gained", gained), count("lost", lost)
    n = b + c
    greater, less = _at_least(b, n), _at_least(c, n)
    half = 0.5 * _exactly(b, n)
    both = 1.0 if b == c else min(1.0, 2.0 * min(greater, less))
    mid = 1.0 - half if b == c else min(1.0, 2.0 * (min(greater, less) - half))
    return McNemar(b, c, both, greater, less, 1.0 if n == 0 else mid, greater - half)


def _at_least(k: int, n: int) -> float:
    if n > _EXACT:
        return binomial_at_least(k, n, 0.5)
    return sum(math.comb(n, i) for i in range(k, n + 1)) / (1 << n)


def _exactly(k: int, n: int) -> float:
    return math.comb(n, k) / (1 << n) if n <= _EXACT else binomial_exactly(k, n, 0.5)
