"""The beta distribution and what follows from it: binomial tails and Student's t, without scipy.

Continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method; quantiles by bisection.
"""

from __future__ import annotations

import math

_TINY = 1e-300
_PRECISION = 1e-15
_MOST_STEPS = 100_000
_HALVINGS = 200


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b): the share of Beta(a, b) below `x`; a, b > 0."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x),
    )
    # The fraction converges fast on this side of the mean; on the other one the complement does.
    if x < (a + 1.0) / (a + b + 2.0):
        return min(1.0, front * _fraction(x, a, b) / a)
    return max(0.0, 1.0 - front * _fraction(1.0 - x, b, a) / b)


def beta_quantile(share: float, a: float, b: float) -> float:
    """The x below which `share` of Beta(a, b) lies."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if incomplete_beta(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def binomial_at_least(k: int, n: int, p: float) -> float:
    """P(X >= k) for X ~ Binomial(n, p)."""
    if k <= 0:
        return 1.0
    if k > n:
        return 0.0
    return incomplete_beta(p, k, n - k + 1)


def binomial_exactly(k: int, n: int, p: float) -> float:
    """P(X = k) for X ~ Binomial(n, p), 0 < p < 1."""
    if not 0 <= k <= n:
        return 0.0
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p))


def student_quantile(share: float, freedom: float) -> float:
    """The t below which `share` of Student's distribution with `freedom` degrees lies."""
    if share == 0.5:
        return 0.0
    if share < 0.5:
        return -student_quantile(1.0 - share, freedom)
    x = beta_quantile(2.0 * (1.0 - share), 0.5 * freedom, 0.5)
    return math.inf if x <= 0.0 else math.sqrt(freedom * (1.0 - x) / x)


def _fraction(x: float, a: float, b: float) -> float:
    c = 1.0
    d = 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _MOST_STEPS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0)),
        ):
            d = 1.0 / _away(1.0 + term * d)
            c = _away(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < _PRECISION:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
