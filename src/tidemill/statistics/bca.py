"""From the replicates of a bootstrap to intervals and p-values by the BCa method. Knows neither rows nor statistics."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tidemill.statistics import normal
from tidemill.statistics.checked import number
from tidemill.statistics.intervals import Interval, Side, one_sided

_SAME = 1e-12
"""Relative distance below which two values of a statistic are the same but for rounding."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """`estimate` on all rows, the sorted `replicates`, bias correction z0 and acceleration a, both without unit.

    A p-value is never below 1 / (resamples + 1), and a bound never beyond the outermost replicate: for a small alpha
    make at least 20 / alpha resamples.
    """

    estimate: float
    replicates: NDArray[np.float64] = field(repr=False, compare=False)
    bias: float
    acceleration: float

    @classmethod
    def of(cls, estimate: float, replicates: NDArray[np.float64], acceleration: float) -> Bootstrap:
        """z0 from the share of replicates below the estimate, those equal to it counted half."""
        values = np.sort(replicates)
        reach = _SAME * max(abs(estimate), float(np.abs(values).max()))
        below = int(np.searchsorted(values, estimate - reach, side="left"))
        up_to = int(np.searchsorted(values, estimate + reach, side="right"))
        return cls(
            estimate, values, normal.quantile(_inside((below + up_to) / (2.0 * values.size), values.size)), acceleration
        )

    @property
    def resamples(self) -> int:
        return int(self.replicates.size)

    @property
    def standard_error(self) -> float:
        """The standard deviation of the replicates."""
        return float(self.replicates.std(ddof=1))

    @property
    def constant(self) -> bool:
        """Whether all replicates are the same: the rows show no variation, and the interval has no width."""
        first, last = float(self.replicates[0]), float(self.replicates[-1])
        return last - first <= 2.0 * _SAME * max(abs(first), abs(last))

    def interval(self, level: float = 0.95, side: Side = Side.BOTH) -> Interval:
        """BCa, with the quantiles of the replicates interpolated linearly."""
        tail = side.tail(level)
        low, high = (float(np.quantile(self.replicates, self._moved(share))) for share in (tail, 1.0 - tail))
        return one_sided(low, high, level, side)

    def p_greater(self, threshold: float = 0.0) -> float:
        """One-sided, against "it is at most `threshold`": the smallest alpha whose lower bound lies above it."""
        return self._alpha(self._share_up_to(number("threshold", threshold), upper=True))

    def p_less(self, threshold: float = 0.0) -> float:
        """One-sided, against "it is at least `threshold`": the smallest alpha whose upper bound lies below it."""
        alpha = self._alpha(self._share_up_to(number("threshold", threshold), upper=False))
        return max(1.0 - alpha, 1.0 / (self.resamples + 1))

    def _moved(self, share: float) -> float:
        """The share of replicates below the bound that has `share` beyond it: the two corrections of BCa."""
        z = self.bias + normal.quantile(share)
        scale = 1.0 - self.acceleration * z
        if scale <= 0.0:
            return 0.0 if z < 0.0 else 1.0
        return normal.below(self.bias + z / scale)

    def _alpha(self, share: float) -> float:
        """`_moved` the other way round."""
        w = normal.quantile(_inside(share, self.resamples)) - self.bias
        scale = 1.0 + self.acceleration * w
        if scale <= 0.0:
            alpha = 0.0 if w < 0.0 else 1.0
        else:
            alpha = normal.below(w / scale - self.bias)
        return max(alpha, 1.0 / (self.resamples + 1))

    def _share_up_to(self, threshold: float, *, upper: bool) -> float:
        """The place of `threshold` among the replicates, from 0 to 1; of several equal ones the last, or the first."""
        values = self.replicates
        at = int(np.searchsorted(values, threshold, side="right" if upper else "left"))
        if at in (0, values.size):
            return at / values.size
        low, high = float(values[at - 1]), float(values[at])
        return (at - 1 + (threshold - low) / (high - low)) / (values.size - 1)


def _inside(share: float, resamples: int) -> float:
    """Away from 0 and 1 by half of a resample, where quantiles would be infinite."""
    edge = 0.5 / resamples
    return min(max(share, edge), 1.0 - edge)
