"""The bootstrap: scipy's interval bit for bit where both draw alike, its jackknife, strata, clusters, ties, edges."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from tidemill.core.errors import InputError
from tidemill.statistics.bca import Bootstrap
from tidemill.statistics.bootstrap import bca, bca_mean, bca_sums
from tidemill.statistics.delong import auc
from tidemill.statistics.intervals import Side
from tidemill.statistics.resampling import streams, units
from tidemill.statistics.sums import Sums

Floats = NDArray[np.float64]
skewed = np.random.default_rng(1).exponential(size=70) - 0.7


def total_over_rows(sums: Floats) -> Floats:
    return np.asarray(sums[:, 0] / sums[:, 1])


@pytest.mark.parametrize("side", Side)
def test_a_mean_has_the_interval_of_scipy(side: Side) -> None:
    """scipy draws the same rows from the same generator."""
    theirs = stats.bootstrap(
        (skewed,), np.mean, n_resamples=999, rng=np.random.default_rng(8), method="BCa", confidence_level=0.9
    ).confidence_interval
    found = bca_mean(skewed, resamples=999, seed=8)
    interval = found.interval(0.9 if side is Side.BOTH else 0.95, side)
    low = -math.inf if side is Side.LESS else theirs.low
    high = math.inf if side is Side.GREATER else theirs.high
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-12)


def test_any_paired_statistic_has_the_interval_of_scipy() -> None:
    other = 0.6 * skewed + np.random.default_rng(2).normal(size=70)

    def correlation(x: Floats, y: Floats) -> float:
        return float(np.corrcoef(x, y)[0, 1])

    theirs = stats.bootstrap(
        (skewed, other),
        correlation,
        paired=True,
        vectorized=False,
        n_resamples=500,
        rng=np.random.default_rng(4),
        method="BCa",
    )
    found = bca(lambda rows: correlation(skewed[rows], other[rows]), 70, resamples=500, seed=4)
    np.testing.assert_allclose(found.replicates, np.sort(theirs.bootstrap_distribution), rtol=1e-12)
    interval = theirs.confidence_interval
    assert (found.interval().low, found.interval().high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert found.standard_error == pytest.approx(theirs.standard_error)


def test_sums_are_the_fast_way_to_the_same() -> None:
    slow = bca(lambda rows: float(skewed[rows].mean()), 70, resamples=300, seed=3)
    fast = bca_mean(skewed, resamples=300, seed=3)
    np.testing.assert_allclose(fast.replicates, slow.replicates, rtol=1e-12)
    assert (fast.bias, fast.acceleration) == pytest.approx((slow.bias, slow.acceleration), rel=1e-9)


def test_few_distinct_values_are_drawn_as_counts_from_the_same_distribution() -> None:
    values = np.repeat([1.0, 0.0, -1.0], [30, 900, 20])
    fast = bca_mean(values, resamples=4000, seed=1)
    slow = bca(lambda rows: float(values[rows].mean()), values.size, resamples=4000, seed=2)
    assert stats.ks_2samp(fast.replicates, slow.replicates).pvalue > 0.001
    assert fast.acceleration == pytest.approx(
        ((values - values.mean()) ** 3).sum() / (6 * ((values - values.mean()) ** 2).sum() ** 1.5), rel=1e-9
    )
    # The order of the rows is no information.
    shuffled = bca_mean(np.random.default_rng(0).permutation(values), resamples=4000, seed=1)
    assert np.array_equal(shuffled.replicates, fast.replicates)


@pytest.mark.parametrize("grouping", ["none", "strata", "clusters"])
@pytest.mark.parametrize("distinct", [3, 10_000])
def test_the_same_seed_gives_the_same_bits_whatever_the_block(grouping: str, distinct: int) -> None:
    generator = np.random.default_rng(6)
    table = np.column_stack((generator.integers(0, distinct, 501) / 7, np.ones(501)))
    groups = generator.integers(0, 40, 501)
    drawn = units(501, groups if grouping == "strata" else None, groups if grouping == "clusters" else None)
    whole = Sums(table, drawn).draw(100, streams(5, drawn))
    for cells in (1, 777, 5_000):
        assert np.array_equal(Sums(table, drawn, cells).draw(100, streams(5, drawn)), whole)
    assert not np.array_equal(Sums(table, drawn).draw(100, streams(6, drawn)), whole)


def test_a_ratio_of_sums_is_what_the_rows_say() -> None:
    generator = np.random.default_rng(7)
    truth, said = generator.random(400) < 0.3, generator.random(400) < 0.4

    def f1(rows: NDArray[np.intp]) -> float:
        return float(2 * (truth & said)[rows].sum() / (truth[rows].sum() + said[rows].sum()))

    table = np.column_stack((truth & said, truth, said)).astype(np.float64)
    fast = bca_sums(table, lambda sums: 2 * sums[:, 0] / (sums[:, 1] + sums[:, 2]), resamples=4000)
    slow = bca(f1, 400, resamples=4000, seed=9)
    assert fast.estimate == pytest.approx(slow.estimate)
    assert fast.acceleration == pytest.approx(slow.acceleration, rel=1e-6)
    assert fast.interval().low == pytest.approx(slow.interval().low, abs=0.01)
    assert fast.interval().high == pytest.approx(slow.interval().high, abs=0.01)


def test_strata_keep_their_sizes() -> None:
    generator = np.random.default_rng(3)
    truth = generator.random(80) < 0.05
    truth[:3] = True
    score = truth + generator.normal(size=80)
    seen = set()

    def area(rows: NDArray[np.intp]) -> float:
        seen.add((int(truth[rows].sum()), rows.size))
        return auc(truth[rows], score[rows]).value

    found = bca(area, 80, resamples=200, strata=truth)
    positives = int(truth.sum())
    # Everything, and the jackknife without one row of either class.
    assert positives >= 3
    assert seen == {(positives, 80), (positives, 79), (positives - 1, 79)}
    assert found.interval().low < found.estimate < found.interval().high
    with pytest.raises(InputError, match="positive and"):
        bca(area, 80)


def test_clusters_are_drawn_as_a_whole() -> None:
    generator = np.random.default_rng(4)
    clusters = np.repeat(np.arange(50), 10)
    values = np.repeat(generator.normal(size=50), 10)
    by_cluster, by_row = bca_mean(values, clusters=clusters), bca_mean(values)
    # Ten copies of a row are one row: the standard error is that of 50, not of 500.
    assert by_cluster.standard_error == pytest.approx(values.std() / math.sqrt(50), rel=0.1)
    assert by_row.standard_error == pytest.approx(values.std() / math.sqrt(500), rel=0.1)
    general = bca(lambda rows: float(values[rows].mean()), 500, seed=0, clusters=clusters.astype(str))
    assert general.standard_error == pytest.approx(by_cluster.standard_error, rel=0.1)
    assert general.acceleration == pytest.approx(by_cluster.acceleration, rel=1e-6)


def test_unequal_clusters_give_all_their_rows() -> None:
    clusters = np.array(["b", "a", "b", "c", "b", "a"])
    allowed = {name: list(np.flatnonzero(clusters == name)) for name in "abc"}

    def whole(rows: NDArray[np.intp]) -> float:
        found = {name: [int(row) for row in rows if clusters[row] == name] for name in "abc"}
        assert all(sorted(set(some)) in ([], allowed[name]) for name, some in found.items())
        assert all(len(some) % len(allowed[name]) == 0 for name, some in found.items())
        return float(rows.size)

    assert set(bca(whole, 6, resamples=200, clusters=clusters).replicates) <= {float(n) for n in range(3, 10)}


def test_groups_are_nearly_as_good_as_single_rows_for_the_acceleration() -> None:
    values = np.random.default_rng(5).exponential(size=4000)
    exact = bca_mean(values, resamples=100).acceleration
    grouped = bca(lambda rows: float(values[rows].mean()), 4000, resamples=100, groups=400).acceleration
    assert grouped == pytest.approx(exact, abs=0.005)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(st.floats(-50, 50), st.sampled_from([0.0, 1.0])), min_size=2, max_size=60),
    st.integers(0, 2**63),
    st.sampled_from([0.25, 0.05, 0.02]),
)
def test_p_and_interval_say_the_same(values: list[float], seed: int, alpha: float) -> None:
    found = bca_mean(values, resamples=400, seed=seed)
    low = found.interval(1 - alpha, Side.GREATER).low
    high = found.interval(1 - alpha, Side.LESS).high
    reach = 1e-6 * (1 + max(map(abs, values)))
    # Beyond the outermost replicate nothing is known but that it is beyond.
    assert low <= found.replicates[1] or found.p_greater(low - reach) <= alpha + 1e-9
    assert found.p_greater(low + reach) >= alpha - 1e-9
    assert high >= found.replicates[-2] or found.p_less(high + reach) <= alpha + 1e-9
    assert found.p_less(high - reach) >= alpha - 1e-9


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=40), st.sampled_from([0.5, 2.0, 8.0]), st.integers(-8, 8))
def test_moving_and_stretching_the_values_moves_and_stretches_the_interval(
    values: list[int], by: float, shift: int
) -> None:
    plain = bca_mean(values, resamples=200).interval()
    moved = bca_mean(by * np.array(values) + shift, resamples=200).interval()
    assert (moved.low, moved.high) == pytest.approx((by * plain.low + shift, by * plain.high + shift), abs=1e-9)


def test_values_that_never_vary() -> None:
    for values in ([0.0, 0.0], [0.1] * 37, [0.1] * 1000):
        found = bca_mean(values)
        assert found.constant
        assert (found.bias, found.acceleration) == (0.0, 0.0)
        assert found.interval().width == pytest.approx(0.0, abs=1e-12)
        assert found.p_greater(values[0] + 0.01) > 0.99
        assert found.p_greater(values[0] - 0.01) == pytest.approx(1 / 2001)
    assert not bca_mean([0.0, 1.0]).constant


def test_a_p_value_is_never_less_than_the_resamples_can_tell() -> None:
    found = bca_mean(skewed + 100)
    assert found.p_greater() == pytest.approx(1 / 2001)
    assert found.p_less() > 0.99
    assert 1 / 2001 < bca_mean(skewed - 100).p_less() < 0.005


def test_an_estimate_beyond_all_replicates_still_has_an_interval() -> None:
    found = Bootstrap.of(5.0, np.linspace(0.0, 1.0, 500), 0.3)
    interval = found.interval()
    assert math.isfinite(found.bias)
    assert 0.0 <= interval.low <= interval.high <= 1.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bca_mean([1.0, np.nan, 2.0]), "values: 1 of 3 values are nan"),
        (lambda: bca_mean([1.0, np.inf]), "1 of 2 values are infinite"),
        (lambda: bca_mean([1.0]), "1 rows: one alone says nothing"),
        (lambda: bca_mean([]), "0 rows"),
        (lambda: bca_mean([[1.0, 2.0]]), "2 dimensions"),
        (lambda: bca_mean(["a", "b"]), "not numbers"),  # type: ignore[list-item]
        (lambda: bca_mean([1.0, 2.0], resamples=10), "resamples is 10"),
        (lambda: bca_mean([1.0, 2.0], seed=-1), "seed is -1"),
        (lambda: bca_mean([1.0, 2.0], clusters=["x", "x"]), "1 clusters"),
        (lambda: bca_mean([1.0, 2.0], clusters=["x"]), "clusters: shape"),
        (lambda: bca_mean([1.0, 2.0], strata=["x", None]), "strata: some rows have no value"),
        (lambda: bca_mean([1.0, 2.0, 3.0], strata=[0, 1, 1], clusters=[0, 0, 1]), "1 of 2 clusters have rows in more"),
        (lambda: bca(lambda rows: math.nan, 5), "no finite number on 2000 of 2000"),
        (lambda: bca_sums(np.ones((5, 2)), lambda sums: sums), "answered with shape"),
    ],
)
def test_what_makes_no_sense_is_refused(call: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()  # type: ignore[operator]


def test_memory_does_not_grow_with_the_resamples() -> None:
    values = np.random.default_rng(0).normal(size=50_000)
    tracemalloc.start()
    bca_mean(values, resamples=100)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12 * 2**20
