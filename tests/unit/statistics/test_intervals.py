"""Intervals of proportions: equal to statsmodels and scipy, to published figures, and sound at their edges."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, norm
from statsmodels.stats.proportion import proportion_confint

from tidemill.core.errors import InputError
from tidemill.statistics.intervals import (
    Interval,
    PairedCounts,
    Side,
    clopper_pearson,
    newcombe_p_greater,
    newcombe_paired,
    tango_p_greater,
    tango_p_less,
    tango_paired,
    wilson,
)
from tidemill.statistics.power import least_rows_no_worse

CASES = [(0, 1), (1, 1), (0, 50), (50, 50), (1, 50), (13, 40), (997, 1000), (60_000, 1_000_000)]
counts = st.integers(0, 400)
paired = st.tuples(counts, counts, counts, counts).filter(any).map(lambda four: PairedCounts(*four))


@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(("k", "n"), CASES)
def test_wilson_and_clopper_pearson_are_those_of_statsmodels(k: int, n: int, level: float) -> None:
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        found = ours(k, n, level)
        low, high = proportion_confint(k, n, alpha=1 - level, method=method)
        assert found.low == pytest.approx(0.0 if math.isnan(low) else low, abs=1e-12, rel=1e-9)
        assert found.high == pytest.approx(1.0 if math.isnan(high) else high, abs=1e-12, rel=1e-9)


@pytest.mark.parametrize("side", [Side.GREATER, Side.LESS])
@pytest.mark.parametrize(("k", "n"), CASES)
def test_one_sided_bounds_are_those_of_scipy(k: int, n: int, side: Side) -> None:
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "exact")):
        theirs = binomtest(k, n, alternative=side.value).proportion_ci(0.95, method=method)
        found = ours(k, n, 0.95, side)
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12, rel=1e-9)


def test_newcombe_gives_the_published_interval() -> None:
    """Airway reactivity of 21 children before and after a transplant (Fagerland, Lydersen, Laake 2014)."""
    found = newcombe_paired(PairedCounts(both=1, gained=1, lost=7, neither=12))
    assert (round(found.low, 3), round(found.high, 3)) == (-0.507, -0.026)


@given(paired)
def test_swapping_the_models_mirrors_newcombe(seen: PairedCounts) -> None:
    found = newcombe_paired(seen)
    mirrored = newcombe_paired(PairedCounts(seen.both, seen.lost, seen.gained, seen.neither))
    assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-12)
    assert -1.0 - 1e-12 <= found.low <= seen.difference <= found.high <= 1.0 + 1e-12


@given(paired, st.floats(-0.2, 0.2), st.sampled_from([0.2, 0.05, 0.01]))
def test_the_p_value_of_newcombe_is_that_of_the_interval(seen: PairedCounts, threshold: float, alpha: float) -> None:
    low = newcombe_paired(seen, 1 - alpha, Side.GREATER).low
    if abs(low - threshold) > 1e-6:
        assert (newcombe_p_greater(seen, threshold) < alpha) == (low > threshold)


def test_tango_gives_the_published_interval() -> None:
    """The same children (Fagerland, Lydersen, Laake 2014)."""
    found = tango_paired(PairedCounts(both=1, gained=1, lost=7, neither=12))
    assert (round(found.low, 3), round(found.high, 3)) == (-0.517, -0.026)


@given(paired, st.floats(-0.3, 0.3))
def test_the_score_of_tango_is_that_of_the_likelihood(seen: PairedCounts, threshold: float) -> None:
    """The restricted estimate, found by search instead of by the quadratic."""
    n, b, c = seen.rows, seen.gained, seen.lost

    def against(lost: float) -> float:
        shares = (lost + threshold, lost, 1 - 2 * lost - threshold)
        return -sum(k * math.log(max(s, 1e-300)) for k, s in zip((b, c, n - b - c), shares, strict=True))

    bounds = (max(0.0, -threshold), (1 - threshold) / 2)
    lost = minimize_scalar(against, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    variance = n * (2 * lost + threshold * (1 - threshold))
    distance = b - c - n * threshold
    if variance > 1e-3:
        z = distance / math.sqrt(variance)
        assert tango_p_greater(seen, threshold) == pytest.approx(norm.sf(z), abs=1e-4)


@given(paired, st.sampled_from([0.2, 0.05, 0.01]))
def test_the_p_value_of_tango_says_what_the_interval_says(seen: PairedCounts, alpha: float) -> None:
    found = tango_paired(seen, 1 - 2 * alpha)
    assert -1.0 <= found.low <= seen.difference <= found.high <= 1.0
    if found.low > -1.0 + 1e-9:
        assert tango_p_greater(seen, found.low) == pytest.approx(alpha, abs=1e-6)
    if found.high < 1.0 - 1e-9:
        assert tango_p_less(seen, found.high) == pytest.approx(alpha, abs=1e-6)
    assert tango_paired(seen, 1 - alpha, Side.GREATER).low == pytest.approx(found.low, abs=1e-9)
    mirrored = PairedCounts(seen.both, seen.lost, seen.gained, seen.neither)
    assert tango_p_less(mirrored, 0.1) == pytest.approx(tango_p_greater(seen, -0.1), abs=1e-9)


def test_without_a_discordant_row_only_the_number_of_rows_tells() -> None:
    """Newcombe takes two models that are alike for two that cannot differ: that is why the score test exists."""
    alike = PairedCounts(both=140, gained=0, lost=0, neither=60)
    assert newcombe_p_greater(alike, -0.01) < 0.05 < tango_p_greater(alike, -0.01)
    enough = least_rows_no_worse(0.01)
    assert tango_p_greater(PairedCounts(enough, 0, 0, 0), -0.01) <= 0.05
    assert tango_p_greater(PairedCounts(enough - 1, 0, 0, 0), -0.01) > 0.05
    assert tango_p_greater(alike) == tango_p_less(alike) == 0.5


def test_no_row_alike_or_all_alike() -> None:
    same = newcombe_paired(PairedCounts(both=30, gained=0, lost=0, neither=0))
    assert same.low < 0.0 < same.high
    assert newcombe_p_greater(PairedCounts(30, 0, 0, 0), 0.0) == pytest.approx(0.5, abs=1e-6)
    assert newcombe_paired(PairedCounts(0, 1, 0, 0)).high == 1.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wilson(3, 0), "rows is 0"),
        (lambda: wilson(5, 4), "rows - successes is -1"),
        (lambda: clopper_pearson(1.5, 4), "successes is 1.5"),  # type: ignore[arg-type]
        (lambda: wilson(1, 2, level=95), "level is 95"),
        (lambda: PairedCounts(0, 0, 0, 0), "rows is 0"),
        (lambda: PairedCounts(1, -1, 0, 0), "gained is -1"),
        (lambda: newcombe_p_greater(PairedCounts(1, 1, 1, 1), math.nan), "threshold is nan"),
    ],
)
def test_what_makes_no_sense_is_refused(call: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()  # type: ignore[operator]


def test_an_interval_knows_what_it_holds() -> None:
    interval = Interval(-1.0, 2.0, 0.95)
    assert 2.0 in interval
    assert 2.1 not in interval
    assert interval.width == 3.0
