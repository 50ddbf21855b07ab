"""McNemar's exact test: the p-values of statsmodels and scipy, and its edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from statsmodels.stats.contingency_tables import mcnemar as of_statsmodels

from tidemill.core.errors import InputError
from tidemill.statistics.mcnemar import mcnemar

CASES = [(1, 0), (7, 1), (12, 12), (30, 12), (499, 502), (600, 500), (5200, 5000)]


@pytest.mark.parametrize(("gained", "lost"), CASES)
def test_the_exact_p_values(gained: int, lost: int) -> None:
    found = mcnemar(gained, lost)
    assert found.p == pytest.approx(of_statsmodels([[5, gained], [lost, 5]], exact=True).pvalue, rel=1e-7)
    for side, p in (("greater", found.p_greater), ("less", found.p_less)):
        assert p == pytest.approx(binomtest(gained, gained + lost, alternative=side).pvalue, rel=1e-7)


def test_mid_p_of_fagerland() -> None:
    """The two-sided mid-p of 1 and 7 discordant (Fagerland, Lydersen, Laake 2013): 0.0391."""
    assert round(mcnemar(1, 7).p_mid, 4) == 0.0391


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_p_values_fit_together(gained: int, lost: int) -> None:
    found, swapped = mcnemar(gained, lost), mcnemar(lost, gained)
    assert (found.p, found.p_mid, found.p_greater) == (swapped.p, swapped.p_mid, swapped.p_less)
    observed = binom.pmf(gained, gained + lost, 0.5)
    assert found.p_greater + found.p_less == pytest.approx(1.0 + observed)
    assert found.p_greater_mid == pytest.approx(found.p_greater - observed / 2)
    assert 0.0 < found.p_mid <= found.p <= 1.0


def test_models_that_never_differ_are_no_better() -> None:
    found = mcnemar(0, 0)
    assert (found.p, found.p_greater, found.p_less, found.p_mid, found.p_greater_mid) == (1.0, 1.0, 1.0, 1.0, 0.5)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(InputError, match="lost is -1"):
        mcnemar(3, -1)
