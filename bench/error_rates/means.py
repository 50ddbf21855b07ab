"""The paired bootstrap: means of losses, a ratio of sums, clusters; and the power that the formula foretells. Pure.

Differences are the champion's loss less the candidate's; a pass is a lower bound above the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from bench.error_rates.trial import ALPHA, Promise, Trial
from tidemill.statistics.bootstrap import bca_mean, bca_sums
from tidemill.statistics.intervals import Side
from tidemill.statistics.power import mean_power

RESAMPLES = 1000
_Array = NDArray[np.float64]
_Draw = Callable[[np.random.Generator, int], _Array]

HARDEST = "very rare, very large losses (lognormal)"
# Mean 0 and deviation 1 each: the border of "no better". Rare large losses of the candidate are the hard case, since
# most samples hold too few of them.
FAMILIES: dict[str, _Draw] = {
    "normal": lambda r, n: r.normal(size=n),
    "heavy tails (t, 4 degrees)": lambda r, n: r.standard_t(4, n) / math.sqrt(2.0),
    "rare large losses (exponential)": lambda r, n: 1.0 - r.exponential(size=n),
    HARDEST: lambda r, n: (math.exp(0.5) - r.lognormal(size=n)) / math.sqrt((math.e - 1.0) * math.e),
    "rare large gains (lognormal)": lambda r, n: (
        (r.lognormal(size=n) - math.exp(0.5)) / math.sqrt((math.e - 1.0) * math.e)
    ),
    "0/1 loss, 10 % differ": lambda r, n: r.choice([-1.0, 0.0, 1.0], p=[0.05, 0.9, 0.05], size=n) / math.sqrt(0.1),
}
# Rows and the share of examples that they are worth.
SIZES = ((30, 0.4), (50, 0.4), (100, 0.4), (200, 0.4), (500, 0.2))
SIZES_OF_HARDEST = (*SIZES[:-1], (500, 0.4), (1000, 0.4), (2000, 0.1))


def trials() -> Iterator[Trial]:
    for name, draw in FAMILIES.items():
        for rows, share in SIZES_OF_HARDEST if name == HARDEST else SIZES:
            yield Trial("BCa, mean loss, superiority", name, rows, _mean(draw, rows, 0.0), share=share)
    for rows, share in SIZES[2:]:
        yield Trial("BCa, F1, superiority", "20 % positive, equal models", rows, _f1(rows), share=share)
    for rows in (100, 500):
        yield Trial("BCa, mean loss, clusters of 5", "clusters given", rows, _clustered(rows, given=True), share=0.2)
        name = "clusters NOT given"
        yield Trial("BCa, mean loss, clusters of 5", name, rows, _clustered(rows, given=False), Promise.NONE, share=0.2)
    for rows, effect in ((200, 0.176), (500, 0.111), (500, 0.05)):
        yield Trial(
            "BCa, mean loss, power",
            f"normal, gain of {effect} deviations",
            rows,
            _mean(FAMILIES["normal"], rows, effect),
            Promise.ABOUT,
            mean_power(rows, 1.0, effect, alpha=ALPHA),
            share=0.2,
        )


def _seed(generator: np.random.Generator) -> int:
    return int(generator.integers(1 << 62))


def _mean(draw: _Draw, rows: int, effect: float) -> Callable[[np.random.Generator, int], int]:
    def passes(generator: np.random.Generator, examples: int) -> int:
        found = 0
        for _ in range(examples):
            values = draw(generator, rows) + effect
            bootstrap = bca_mean(values, resamples=RESAMPLES, seed=_seed(generator))
            found += bootstrap.interval(1.0 - ALPHA, Side.GREATER).low > 0.0
        return found

    return passes


def _f1(rows: int) -> Callable[[np.random.Generator, int], int]:
    """Two models that find 70 % of the positives and raise a false alarm on 5 % of the others, half of it together."""

    def passes(generator: np.random.Generator, examples: int) -> int:
        found = 0
        for _ in range(examples):
            truth = generator.random(rows) < 0.2
            together = generator.random(rows) < 0.5
            common = generator.random(rows)
            columns = []
            for _model in range(2):
                own = generator.random(rows)
                said = np.where(together, common, own) < np.where(truth, 0.7, 0.05)
                columns += [said & truth, said, truth]
            table = np.column_stack(columns).astype(np.float64)
            bootstrap = bca_sums(table, _f1_gain, resamples=RESAMPLES, seed=_seed(generator))
            found += bootstrap.interval(1.0 - ALPHA, Side.GREATER).low > 0.0
        return found

    return passes


def _f1_gain(sums: _Array) -> _Array:
    first = 2.0 * sums[:, 0] / np.maximum(sums[:, 1] + sums[:, 2], 1.0)
    second = 2.0 * sums[:, 3] / np.maximum(sums[:, 4] + sums[:, 5], 1.0)
    gain: _Array = first - second
    return gain


def _clustered(rows: int, *, given: bool) -> Callable[[np.random.Generator, int], int]:
    """Half of the variance belongs to the cluster."""
    clusters = np.arange(rows) // 5

    def passes(generator: np.random.Generator, examples: int) -> int:
        found = 0
        for _ in range(examples):
            values = generator.normal(size=rows // 5)[clusters] + generator.normal(size=rows)
            bootstrap = bca_mean(
                values, resamples=RESAMPLES, seed=_seed(generator), clusters=clusters if given else None
            )
            found += bootstrap.interval(1.0 - ALPHA, Side.GREATER).low > 0.0
        return found

    return passes
