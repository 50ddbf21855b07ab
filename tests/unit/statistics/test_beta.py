"""The beta distribution and the normal: the digits of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import betainc

from tidemill.statistics import normal
from tidemill.statistics.beta import (
    beta_quantile,
    binomial_at_least,
    binomial_exactly,
    incomplete_beta,
    student_quantile,
)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.05, 5000), st.floats(0.05, 5000))
def test_the_incomplete_beta_function(x: float, a: float, b: float) -> None:
    assert incomplete_beta(x, a, b) == pytest.approx(betainc(a, b, x), rel=1e-8, abs=1e-13)


@given(st.floats(0.001, 0.999), st.floats(0.5, 500), st.floats(0.5, 500))
def test_its_quantile(share: float, a: float, b: float) -> None:
    assert incomplete_beta(beta_quantile(share, a, b), a, b) == pytest.approx(share, rel=1e-8)


@pytest.mark.parametrize("n", [1, 7, 1000, 1_000_000])
def test_binomial_tails(n: int) -> None:
    for k in {0, n // 3, n // 2, n}:
        assert binomial_at_least(k, n, 0.4) == pytest.approx(stats.binom.sf(k - 1, n, 0.4), rel=1e-6, abs=1e-300)
        assert binomial_exactly(k, n, 0.4) == pytest.approx(stats.binom.pmf(k, n, 0.4), rel=1e-6, abs=1e-300)
    assert (binomial_at_least(n + 1, n, 0.4), binomial_exactly(n + 1, n, 0.4)) == (0.0, 0.0)


@pytest.mark.parametrize("freedom", [1, 3.5, 30, 1e6])
def test_students_t(freedom: float) -> None:
    for share in (0.001, 0.05, 0.5, 0.9, 0.975):
        assert student_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-7, abs=1e-12)


def test_the_normal_keeps_its_digits_in_the_tails() -> None:
    for z in (-37.0, -8.0, -1.0, 0.0, 2.5, 8.0, 20.0):
        assert normal.below(z) == pytest.approx(stats.norm.cdf(z), rel=1e-12)
        assert normal.above(z) == pytest.approx(stats.norm.sf(z), rel=1e-12)
    for share in (1e-12, 0.3, 0.5, 0.975):
        assert normal.quantile(share) == pytest.approx(stats.norm.ppf(share), rel=1e-10, abs=1e-12)
    assert (normal.quantile(0.0), normal.quantile(1.0)) == (-np.inf, np.inf)
