"""Whether a failed attempt is tried again, and when: by cause, by rule, with a backoff that never runs away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import LostPolicy, OnLost, Retry, RetryRule
from tidemill.engine.retry import Again, after_failure, after_loss, backoff, luck

BUG = Cause(CauseKind.USER_CODE, "x")
YES, NO = RetryRule(("OSError",)), RetryRule(("KeyError",), retry=False)


@pytest.mark.parametrize(
    ("policy", "cause", "rule", "failures", "expected"),
    [
        (None, BUG, None, 1, None),
        (Retry(0), BUG, None, 1, None),
        (Retry(2), BUG, None, 1, Again(0.0)),
        (Retry(2), BUG, None, 2, Again(0.0)),
        (Retry(2), BUG, None, 3, None),
        (Retry(9, delay=5), BUG, None, 1, Again(5.0)),
        (Retry(9, delay=5, factor=2), BUG, None, 4, Again(40.0)),
        (Retry(9, delay=5, factor=2, cap=12), BUG, None, 4, Again(12.0)),
        (Retry(9, rules=(YES,)), BUG, 0, 1, Again(0.0)),
        (Retry(9, rules=(YES,)), BUG, None, 1, None),
        (Retry(9, rules=(YES,)), Cause(CauseKind.INFRASTRUCTURE, "killed"), None, 1, Again(0.0)),
        (Retry(9, rules=(YES,)), Cause(CauseKind.TIMED_OUT, "late"), None, 1, Again(0.0)),
        (Retry(9, rules=(NO,)), BUG, 0, 1, None),
        (Retry(9, rules=(NO,)), BUG, None, 1, Again(0.0)),
        (Retry(9, rules=(NO, YES)), BUG, None, 1, Again(0.0)),
        (Retry(1, rules=(RetryRule(("OSError",), limit=3, delay=7.0),)), BUG, 0, 3, Again(7.0)),
        (Retry(1, rules=(RetryRule(("OSError",), limit=3),)), BUG, 0, 4, None),
        (Retry(9, rules=(NO,)), BUG, 5, 1, Again(0.0)),
        (Retry(9, rules=(NO,)), BUG, -1, 1, Again(0.0)),
        *[
            (Retry(9), Cause(kind, "x"), None, 1, None)
            for kind in (CauseKind.REFUSED, CauseKind.CANCELLED, CauseKind.CONDITION, CauseKind.UPSTREAM)
        ],
    ],
)
def test_what_follows_a_failure(
    policy: Retry | None, cause: Cause, rule: int | None, failures: int, expected: Again | None
) -> None:
    assert after_failure(policy, cause, rule, failures, 0.5) == expected


@given(
    st.floats(0, 1e6),
    st.floats(1, 10),
    st.none() | st.floats(0, 1e4),
    st.floats(0, 1),
    st.integers(1, 10_000),
    st.floats(0, 1, exclude_max=True),
)
def test_a_delay_is_finite_and_near_its_cap_at_most(
    delay: float, factor: float, cap: float | None, jitter: float, failures: int, chance: float
) -> None:
    policy = Retry(10, delay, factor, cap, jitter)
    seconds = backoff(policy, delay, failures, chance)
    longest = 86_400.0 if cap is None else cap
    assert 0 <= seconds <= longest * (1 + jitter)


def test_luck_is_the_same_for_the_same_place_and_even_over_places() -> None:
    assert luck(7, "a", 1) == luck(7, "a", 1)
    assert luck(7, "a", 1) != luck(8, "a", 1)
    many = [luck(7, "a", n) for n in range(2000)]
    assert all(0 <= chance < 1 for chance in many)
    assert 0.45 < sum(many) / len(many) < 0.55


@pytest.mark.parametrize(
    ("policy", "losses", "again"),
    [
        (OnLost(LostPolicy.RETRY, 2), 2, True),
        (OnLost(LostPolicy.RETRY, 2), 3, False),
        (OnLost(LostPolicy.FAIL, 2), 1, False),
        (OnLost(LostPolicy.NEVER, 2), 1, False),
    ],
)
def test_what_follows_a_loss(policy: OnLost, losses: int, again: bool) -> None:
    assert after_loss(policy, losses) is again
