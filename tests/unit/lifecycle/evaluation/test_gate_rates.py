"""How often a gate passes candidates that are no better: simulated with seeds, small. The long one is in bench/.

Bounds are those that a gate erring with exactly alpha would exceed once in a thousand times.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from tests.unit.lifecycle.evaluation.evidence_made import compared, labels, numbers, scored
from tidemill.lifecycle.evaluation.gate import Gate, Primary
from tidemill.lifecycle.evaluation.judging import judge
from tidemill.lifecycle.verdicts import Verdict

ROWS = 150
TIMES = 250
Draw = np.random.Generator
Make = Callable[[Draw, float], pd.DataFrame]


def by_labels(draw: Draw, gain: float) -> pd.DataFrame:
    truth = draw.integers(0, 2, ROWS)
    hard = draw.random(ROWS)
    one, other = (
        np.where(0.6 * draw.random(ROWS) + 0.4 * hard < share, truth, 1 - truth) for share in (0.7 + gain, 0.7)
    )
    return labels(truth, one, other)


def by_scores(draw: Draw, gain: float) -> pd.DataFrame:
    truth = draw.random(ROWS) < 0.3
    shared = draw.normal(size=ROWS) + truth
    one, other = (shared + draw.normal(size=ROWS) * 0.7 + more * truth for more in (gain, 0.0))
    return scored(truth, 1 / (1 + np.exp(-one)), 1 / (1 + np.exp(-other)))


def by_losses(draw: Draw, gain: float) -> pd.DataFrame:
    truth = draw.normal(size=ROWS)
    wrong = draw.normal(size=ROWS) * 0.5
    one, other = (truth + wrong + draw.standard_t(5, ROWS) * (0.8 - less) for less in (gain, 0.0))
    return numbers(truth, one, other)


CASES = [
    ("accuracy", "binary", by_labels, 0.12),
    ("auc", "binary", by_scores, 0.8),
    ("mae", "regression", by_losses, 0.3),
]


@pytest.mark.parametrize(("metric", "problem", "make", "gain"), CASES)
def test_a_gate_passes_no_more_null_candidates_than_alpha_and_most_that_are_better(
    metric: str, problem: str, make: Make, gain: float
) -> None:
    draw = np.random.default_rng(20)
    rule = Gate(Primary(metric, resamples=300, alpha=0.05))
    verdicts = [judge(rule, make(draw, 0.0), compared(problem)).verdict for _ in range(TIMES)]
    passed = sum(verdict is Verdict.PASS for verdict in verdicts)
    assert passed <= binom.ppf(0.999, TIMES, 0.05)
    assert set(verdicts) == {Verdict.PASS, Verdict.FAIL}
    better = [judge(rule, make(draw, gain), compared(problem)).verdict for _ in range(60)]
    assert sum(verdict is Verdict.PASS for verdict in better) >= 36


def test_a_candidate_at_the_margin_passes_as_no_worse_no_more_often_than_alpha() -> None:
    draw = np.random.default_rng(21)
    margin = 0.15 * 0.8 * math.sqrt(2 / math.pi)  # what errors 1.15 times as wide cost on average
    rule = Gate(Primary("mae", no_worse_than=margin, resamples=300))
    passed = sum(judge(rule, _wider(draw), compared("regression")).verdict is Verdict.PASS for _ in range(TIMES))
    assert 1 <= passed <= binom.ppf(0.999, TIMES, 0.05)


def _wider(draw: Draw) -> pd.DataFrame:
    truth = draw.normal(size=ROWS)
    return numbers(truth, truth + draw.normal(size=ROWS) * 0.8 * 1.15, truth + draw.normal(size=ROWS) * 0.8)
