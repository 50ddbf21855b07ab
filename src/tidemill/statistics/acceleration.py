"""The acceleration of the BCa interval: how the standard error changes with the estimate, from the jackknife."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Influences:
    """Of one stratum: the statistic without each unit (or group of units), and how many such units there are."""

    values: NDArray[np.float64]
    times: NDArray[np.float64]


def acceleration(strata: Sequence[Influences]) -> float:
    """Efron (1987), (6.6), with strata as in Davison and Hinkley (1997), (5.22); 0 if leaving out changes nothing."""
    cubes = squares = 0.0
    for stratum in strata:
        n = float(stratum.times.sum())
        if n < 2.0:
            continue
        centre = float((stratum.values * stratum.times).sum()) / n
        influence = (n - 1.0) / n * (centre - stratum.values)
        # Rounding alone is no influence.
        influence[np.abs(influence) <= 1e-12 * max(abs(centre), 1e-300)] = 0.0
        squares += float((influence**2 * stratum.times).sum())
        cubes += float((influence**3 * stratum.times).sum())
    return cubes / (6.0 * squares**1.5) if squares > 0.0 else 0.0
