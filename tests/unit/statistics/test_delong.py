"""DeLong's test against the definition, pair by pair, and scikit-learn's areas; ties, perfect scores, hostile input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tidemill.core.errors import InputError
from tidemill.statistics.delong import Auc, auc, delong
from tidemill.statistics.intervals import Side

Floats = NDArray[np.float64]


def by_definition(truth: Floats, scores: list[Floats]) -> tuple[Floats, Floats]:
    """Areas and their covariance matrix as DeLong et al. write them: every pair of a positive and a negative."""
    v10, v01 = [], []
    for score in scores:
        x, y = score[truth == 1][:, None], score[truth == 0][None, :]
        psi = (y < x) + 0.5 * (y == x)
        v10.append(psi.mean(axis=1))
        v01.append(psi.mean(axis=0))
    s10, s01 = np.cov(v10), np.cov(v01)
    return np.array([v.mean() for v in v10]), s10 / v10[0].size + s01 / v01[0].size


def example(seed: int, rows: int, places: int | None = None) -> tuple[Floats, Floats, Floats]:
    generator = np.random.default_rng(seed)
    truth = (generator.random(rows) < 0.3).astype(np.float64)
    shared = generator.normal(size=rows)
    a, b = (truth + shared + generator.normal(size=rows) for _ in range(2))
    return (truth, a, b) if places is None else (truth, a.round(places), b.round(places))


@pytest.mark.parametrize("places", [None, 0])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_definition(seed: int, places: int | None) -> None:
    truth, a, b = example(seed, 120, places)
    found = delong(truth, a, b)
    areas, covariance = by_definition(truth, [a, b])
    assert (found.a.value, found.b.value) == pytest.approx(tuple(areas), abs=1e-12)
    assert found.a.standard_error == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-9)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert found.standard_error == pytest.approx(math.sqrt(variance), rel=1e-9)
    assert found.difference == pytest.approx(areas[0] - areas[1], abs=1e-12)
    assert found.p == pytest.approx(math.erfc(abs(found.difference) / math.sqrt(2 * variance)), rel=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.integers(-4, 4)), min_size=4, max_size=60))
def test_the_area_is_that_of_scikit_learn_whatever_the_ties(rows: list[tuple[bool, int]]) -> None:
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    assume(2 <= truth.sum() <= truth.size - 2)
    assert auc(truth, score).value == pytest.approx(roc_auc_score(truth, score), abs=1e-12)


@given(st.integers(0, 1000))
def test_swapping_and_stretching_change_what_they_should(seed: int) -> None:
    truth, a, b = example(seed, 60)
    assume(2 <= truth.sum() <= 58)
    one, other = delong(truth, a, b), delong(truth, b, a)
    assert (one.difference, one.p) == pytest.approx((-other.difference, other.p), abs=1e-12)
    assert one.p_greater(0.01) == pytest.approx(other.p_less(-0.01), abs=1e-12)
    stretched = delong(truth, np.exp(a), 3 * b - 7)
    assert (stretched.difference, stretched.standard_error) == pytest.approx((one.difference, one.standard_error))


def test_interval_and_p_say_the_same() -> None:
    found = delong(*example(5, 300))
    for alpha in (0.3, 0.05, 0.01):
        low = found.interval(1 - alpha, Side.GREATER).low
        assert found.p_greater(low) == pytest.approx(alpha, rel=1e-9)
        high = found.interval(1 - alpha, Side.LESS).high
        assert found.p_less(high) == pytest.approx(alpha, rel=1e-9)
    both = found.interval(0.95)
    assert both.low < found.difference < both.high
    assert math.isinf(found.interval(0.95, Side.GREATER).high)


def test_the_same_score_twice_is_no_difference() -> None:
    truth, a, _ = example(3, 80)
    found = delong(truth, a, a)
    assert (found.difference, found.standard_error, found.p, found.p_greater()) == (0.0, 0.0, 1.0, 0.5)
    assert found.interval().width == 0.0


def test_a_perfect_score_tells_nothing_of_its_uncertainty() -> None:
    truth = np.array([0, 0, 1, 1])
    found = auc(truth, truth)
    assert (found.value, found.standard_error) == (1.0, 0.0)
    assert (found.interval().low, found.interval().high) == (1.0, 1.0)
    constant = auc(truth, np.zeros(4))
    assert (constant.value, constant.standard_error) == (0.5, 0.0)


def test_the_interval_of_an_area_stays_an_area() -> None:
    interval = Auc(0.97, 0.03, 20, 20).interval(0.99)
    assert 0.5 < interval.low < 0.97 < interval.high < 1.0
    assert Auc(0.97, 0.03, 20, 20).interval(0.99, Side.GREATER).high == 1.0


def test_infinite_scores_are_only_very_large_ones() -> None:
    truth, score = [0, 0, 1, 1], [-np.inf, 2.0, 1.0, np.inf]
    assert auc(truth, score).value == 0.75


def test_classes_are_counted() -> None:
    truth, a, b = example(1, 200)
    found = delong(truth == 1, a, b)
    assert (found.positives, found.negatives) == (int(truth.sum()), 200 - int(truth.sum()))


@pytest.mark.parametrize(
    ("truth", "score", "words"),
    [
        ([0, 0, 1, 1], [0.1, np.nan, 0.2, 0.3], "score: 1 of 4 values are nan"),
        ([0, 0, 1, 2], [0.1, 0.2, 0.3, 0.4], "labels other than 0 and 1"),
        ([0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4], "1 positive and 3 negative"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.3], "3 scores for 4 rows"),
        (["a", "b"], [1, 2], "truth: not numbers"),
        ([], [], "0 positive and 0 negative"),
    ],
)
def test_what_cannot_be_compared_is_refused(truth: list[object], score: list[float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        auc(truth, score)  # type: ignore[arg-type]
