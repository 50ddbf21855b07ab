"""DeLong's test: superiority of equal models, non-inferiority at the margin, and power. Pure.

Scores are binormal: a positive row is shifted, and noise is part shared by both models, part their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bench.error_rates.trial import ALPHA, Promise, Trial
from tidemill.statistics.delong import delong
from tidemill.statistics.power import auc_deviation, mean_power

_Array = NDArray[np.float64]
# Rows, share of positives.
SHAPES = (
    (50, 0.5),
    (100, 0.1),
    (100, 0.5),
    (200, 0.1),
    (200, 0.5),
    (500, 0.1),
    (500, 0.5),
    (1000, 0.1),
    (1000, 0.5),
    (2000, 0.02),
    (2000, 0.5),
    (5000, 0.1),
)


def trials() -> Iterator[Trial]:
    for area in (0.75, 0.9, 0.98):
        for rows, positives in SHAPES:
            setting = f"both {area}, {_positives(rows, positives)} positive"
            yield Trial("DeLong, superiority", setting, rows, _passes(rows, positives, area, area, 0.5, 0.0), share=0.5)
    for rows in (200, 1000):
        yield Trial(
            "DeLong, superiority",
            f"both 0.9, scores differ on 5 % of rows, {rows // 2} positive",
            rows,
            _passes(rows, 0.5, 0.9, 0.9, None, 0.0),
            share=0.5,
        )
    for area, margin in ((0.75, 0.02), (0.9, 0.02), (0.98, 0.01)):
        for rows, positives in SHAPES:
            yield Trial(
                "DeLong, non-inferiority",
                f"{area - margin:.2f} against {area}, margin {margin}, {_positives(rows, positives)} positive",
                rows,
                _passes(rows, positives, area - margin, area, 0.5, -margin),
                share=0.5,
            )
    for rows, gain in ((500, 0.05), (1000, 0.05), (2000, 0.03)):
        foretold = mean_power(rows, auc_deviation(0.8 + gain / 2, 0.5), gain, alpha=ALPHA)
        yield Trial(
            "DeLong, power",
            f"0.8 to {0.8 + gain:.2f}, own noise only",
            rows,
            _passes(rows, 0.5, 0.8 + gain, 0.8, 0.0, 0.0),
            Promise.ABOUT,
            foretold,
            share=0.5,
        )


def _positives(rows: int, share: float) -> int:
    return round(rows * share)


def _passes(
    rows: int, positives: float, of_a: float, of_b: float, shared: float | None, threshold: float
) -> Callable[[np.random.Generator, int], int]:
    """`shared` is the correlation of the noise; None gives b the scores of a except on one row in twenty."""
    truth = np.arange(rows) < _positives(rows, positives)
    shift_a, shift_b = (math.sqrt(2.0) * NormalDist().inv_cdf(area) * truth for area in (of_a, of_b))

    def passes(generator: np.random.Generator, examples: int) -> int:
        found = 0
        for _ in range(examples):
            first, second = generator.normal(size=(2, rows))
            if shared is None:
                second = np.where(generator.random(rows) < 0.05, second, first)
            else:
                common = math.sqrt(shared) * generator.normal(size=rows)
                first, second = (common + math.sqrt(1.0 - shared) * noise for noise in (first, second))
            compared = delong(truth, first + shift_a, second + shift_b)
            found += compared.p_greater(threshold) <= ALPHA
        return found

    return passes
