"""What the benchmark makes of samples: medians, ratios, verdicts, and when a comparison does not count."""

from __future__ import annotations

import pytest

from bench.row import POSTGRES_FULL, SQLITE_FULL, Bound, Durability, Measured, Row, Verdict, verdict, void
from bench.sampling import in_turns, middle, ratio, within_noise

FULL = Durability(SQLITE_FULL, "ext4 1:0")


def row(**more: object) -> Row:
    settings: dict[str, object] = {"target": Bound(1.5), "aim": Bound(1.0), **more}
    return Row("work", "some work", "bare", "ms", lambda site: Measured(), **settings)  # type: ignore[arg-type]


def measured(
    ours: float, bare: float, of_ours: Durability | None = FULL, of_bare: Durability | None = FULL
) -> Measured:
    return Measured((ours,) * 3, (bare,) * 3, of_ours, of_bare)


def test_the_two_sides_take_turns() -> None:
    taken: list[str] = []
    said: list[str] = []

    def sample(side: str) -> float:
        taken.append(side)
        return float(len(taken))

    ours, bare = in_turns(lambda: sample("ours"), lambda: sample("bare"), 3, said.append)
    assert taken == ["ours", "bare"] * 3
    assert (ours, bare) == ([1, 3, 5], [2, 4, 6])
    assert said[0] == "1 of 3, ours"


def test_medians_are_compared_and_not_single_samples() -> None:
    assert middle([3, 1, 100]) == 3
    assert ratio([3, 1, 100], [2, 2, 0]) == 1.5
    assert ratio([], [1.0]) is None
    assert ratio([1.0], [0.0]) is None


@pytest.mark.parametrize(("ours", "expected"), [(10, Verdict.AIM), (15, Verdict.TARGET), (15.1, Verdict.MISSED)])
def test_a_cost_must_not_be_above_its_bound(ours: float, expected: Verdict) -> None:
    assert verdict(row(), measured(ours, 10)) is expected


@pytest.mark.parametrize(("ours", "expected"), [(15, Verdict.AIM), (10, Verdict.TARGET), (9.9, Verdict.MISSED)])
def test_a_rate_must_not_be_below_its_bound(ours: float, expected: Verdict) -> None:
    rate = row(target=Bound(1.0, at_least=True), aim=Bound(1.5, at_least=True))
    assert verdict(rate, measured(ours, 10)) is expected


def test_a_bound_with_a_unit_is_one_of_ours_alone() -> None:
    memory = row(target=Bound(60, unit="MB"), aim=Bound(30, unit="MB"), durable=False)
    assert verdict(memory, Measured((20, 40, 50))) is Verdict.TARGET
    assert str(memory.target) == "<= 60 MB"


@pytest.mark.parametrize(
    ("ours", "bare", "why"),
    [
        (Durability("WAL synchronous=NORMAL", "ext4 1:0"), FULL, "ours ran with WAL synchronous=NORMAL"),
        (FULL, Durability("DELETE synchronous=FULL", "ext4 1:0"), "bare ran with DELETE"),
        (Durability("fsync=on synchronous_commit=off", "ext4 1:0"), FULL, "ours ran with fsync=on"),
        (FULL, Durability(SQLITE_FULL, "tmpfs 0:30"), "different file systems: ext4 1:0 and tmpfs 0:30"),
        (FULL, None, "not known how durable bare was"),
    ],
)
def test_nothing_is_won_by_losing_data(ours: Durability, bare: Durability | None, why: str) -> None:
    found = measured(1, 10, ours, bare)
    assert verdict(row(), found) is Verdict.VOID
    assert why in void(row(), found)


def test_postgresql_that_syncs_counts_against_sqlite_that_syncs() -> None:
    assert void(row(), measured(1, 10, Durability(POSTGRES_FULL, "ext4 1:0"))) == ""


def test_a_side_that_promises_nothing_may_keep_nothing_but_ours_may_not() -> None:
    pool = row(bare_is_durable=False)
    assert void(pool, measured(1, 10, of_bare=None)) == ""
    assert void(pool, measured(1, 10, of_ours=None, of_bare=None)) != ""


def test_two_samples_are_no_median() -> None:
    assert "2 samples" in void(row(), Measured((1, 1), (1, 1), FULL, FULL))


def test_what_is_not_there_is_neither_missed_nor_void() -> None:
    assert verdict(row(), Measured(unavailable="there is none yet")) is Verdict.UNAVAILABLE


def test_a_difference_counts_once_it_is_larger_than_the_quiet_side_is_restless() -> None:
    assert within_noise([12, 11, 13], [10, 9, 11])
    assert not within_noise([13, 12.5, 13], [10, 9, 11])
    assert verdict(row(), Measured((1,) * 3, (1,) * 3, FULL, FULL, quiet=False)) is Verdict.MISSED
