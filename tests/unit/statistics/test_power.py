"""Rows needed: the formulas solved both ways, and against power measured exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.power import NormalIndPower

from tidemill.core.errors import InputError
from tidemill.statistics.delong import auc
from tidemill.statistics.mcnemar import mcnemar
from tidemill.statistics.power import (
    auc_deviation,
    mcnemar_power,
    mean_power,
    required_rows,
    required_rows_auc,
    required_rows_mean,
)


@pytest.mark.parametrize(("alpha", "rows"), [(0.05, 6183), (0.01, 10034)])
def test_rows_for_mcnemar(alpha: float, rows: int) -> None:
    """A share of 10 % differs, one point better, power 0.8."""
    assert required_rows(0.1, 0.01, alpha=alpha) == pytest.approx(rows, rel=1e-3)


@given(st.floats(0.01, 0.5), st.floats(0.005, 0.4), st.sampled_from([0.01, 0.05]), st.sampled_from([0.5, 0.8, 0.95]))
def test_so_many_rows_have_that_power(discordant: float, gain: float, alpha: float, power: float) -> None:
    assume(gain < 0.9 * discordant)
    rows = required_rows(discordant, gain, alpha=alpha, power=power)
    assert mcnemar_power(rows, discordant, gain, alpha=alpha) >= power - 1e-9
    assert rows == 1 or mcnemar_power(rows - 1, discordant, gain, alpha=alpha) < power


def test_the_exact_test_nearly_has_the_power_of_the_formula() -> None:
    discordant, gain = 0.2, 0.06
    rows = required_rows(discordant, gain)
    passed = 0.0
    for differ in range(rows + 1):
        chance = binom.pmf(differ, rows, discordant)
        if chance > 1e-9:
            passing = next(
                (b for b in range(differ // 2, differ + 1) if mcnemar(b, differ - b).p_greater <= 0.05), None
            )
            if passing is not None:
                passed += chance * binom.sf(passing - 1, differ, (discordant + gain) / 2 / discordant)
    assert 0.74 < passed < 0.82


def test_rows_for_a_mean() -> None:
    """statsmodels has two samples: with a ratio without end the second costs nothing and one is left."""
    theirs = NormalIndPower().solve_power(effect_size=0.1, alpha=0.05, power=0.8, ratio=1e9, alternative="larger")
    assert required_rows_mean(1.0, 0.1) == pytest.approx(theirs, abs=1)
    assert mean_power(required_rows_mean(2.0, 0.1, power=0.9), 2.0, 0.1) == pytest.approx(0.9, abs=1e-3)


def test_rows_for_an_area() -> None:
    """The formula is exact for exponential scores; two areas from separate noise do not move together."""
    generator = np.random.default_rng(1)
    truth = np.arange(200_000) < 60_000
    for area in (0.6, 0.8, 0.95):
        score = generator.exponential(np.where(truth, area / (1 - area), 1.0))
        assert auc_deviation(area, 0.3) == pytest.approx(
            math.sqrt(2 * truth.size) * auc(truth, score).standard_error, rel=0.02
        )
    of_each = required_rows_auc(0.775, 0.05) / 2
    assert required_rows_auc(0.775, 0.05, correlation=0.5) / 2 == pytest.approx(of_each / 2, abs=1)
    assert auc_deviation(0.9, 0.01) > 2 * auc_deviation(0.9, 0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: required_rows(0.1, 0.2), "a gain of 0.2 where the two differ on a share of 0.1"),
        (lambda: required_rows(0.0, 0.2), "discordant is 0.0"),
        (lambda: required_rows(0.1, 0.0), "difference is 0.0"),
        (lambda: required_rows_mean(0.0, 0.1), "deviation is 0.0"),
        (lambda: required_rows_mean(1.0, 0.1, alpha=5), "alpha"),
        (lambda: auc_deviation(0.9, 0.5, 1.0), "correlation is 1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(call: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()  # type: ignore[operator]
