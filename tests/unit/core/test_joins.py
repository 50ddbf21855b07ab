"""Join rules against a second reading of the table they come from, over all counts up to three of each kind."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from tidemill.core.joins import RULES, Counts, Join, judge
from tidemill.core.states import TaskState

UP_FAILED, SKIPPED = TaskState.UPSTREAM_FAILED, TaskState.SKIPPED
Answer = bool | TaskState


def _all_success(n: int, s: int, f: int, u: int, k: int) -> Answer:
    if f > 0 or u > 0:
        return UP_FAILED
    if k > 0:
        return SKIPPED
    return s == n


def _all_failed(n: int, s: int, f: int, u: int, k: int) -> Answer:
    if s > 0 or k > 0:
        return SKIPPED
    return f + u == n


def _all_done(n: int, s: int, f: int, u: int, k: int) -> Answer:
    return s + f + u + k == n


def _all_done_min_one_success(n: int, s: int, f: int, u: int, k: int) -> Answer:
    if k > 0:
        return SKIPPED
    if s + f + u + k < n:
        return False
    return True if s > 0 else UP_FAILED


def _all_skipped(n: int, s: int, f: int, u: int, k: int) -> Answer:
    if s > 0 or f > 0 or u > 0:
        return SKIPPED
    return k == n


def _one_failed(n: int, s: int, f: int, u: int, k: int) -> Answer:
    if f > 0 or u > 0:
        return True
    return SKIPPED if s + k == n else False


def _one_success(n: int, s: int, f: int, u: int, k: int) -> Answer:
    if s > 0:
        return True
    if f + u + k < n:
        return False
    return SKIPPED if k == n else UP_FAILED


def _one_done(n: int, s: int, f: int, u: int, k: int) -> Answer:
    if s > 0 or f > 0:
        return True
    return SKIPPED if u + k == n else False


def _none_failed(n: int, s: int, f: int, u: int, k: int) -> Answer:
    if f > 0 or u > 0:
        return UP_FAILED
    return s + k == n


def _none_failed_min_one_success(n: int, s: int, f: int, u: int, k: int) -> Answer:
    if f > 0 or u > 0:
        return UP_FAILED
    if s + k < n:
        return False
    return SKIPPED if k == n else True


def _none_skipped(n: int, s: int, f: int, u: int, k: int) -> Answer:
    if k > 0:
        return SKIPPED
    return s + f + u == n


def _always(n: int, s: int, f: int, u: int, k: int) -> Answer:
    return True


TABLE: dict[Join, Callable[[int, int, int, int, int], Answer]] = {
    Join.ALL_SUCCESS: _all_success,
    Join.ALL_FAILED: _all_failed,
    Join.ALL_DONE: _all_done,
    Join.ALL_DONE_MIN_ONE_SUCCESS: _all_done_min_one_success,
    Join.ALL_SKIPPED: _all_skipped,
    Join.ONE_FAILED: _one_failed,
    Join.ONE_SUCCESS: _one_success,
    Join.ONE_DONE: _one_done,
    Join.NONE_FAILED: _none_failed,
    Join.NONE_FAILED_MIN_ONE_SUCCESS: _none_failed_min_one_success,
    Join.NONE_SKIPPED: _none_skipped,
    Join.ALWAYS: _always,
}
SMALL = range(4)


def test_there_are_thirteen_rules() -> None:
    assert set(RULES) == set(Join) == {*TABLE, Join.ALL_DONE_SETUP_SUCCESS}
    assert len(Join) == 13


@pytest.mark.parametrize("join", TABLE, ids=lambda join: join.value)
def test_a_rule_answers_as_the_table_says(join: Join) -> None:
    for waiting, s, f, u, k in product(SMALL, repeat=5):
        counts = Counts(waiting, s, f, u, k)
        wanted = TABLE[join](waiting + s + f + u + k, s, f, u, k) if counts.total else True
        assert judge(join, counts) is wanted, counts


def _with_setups(done: bool, setups: int, succeeded: int, skipped: int) -> Answer:
    if not done:
        return False
    if setups == 0 or succeeded > 0:
        return True
    return SKIPPED if skipped == setups else UP_FAILED


def test_a_teardown_needs_a_setup_that_succeeded() -> None:
    for waiting, works, succeeded, skipped, failed in product(SMALL, repeat=5):
        setups = succeeded + skipped + failed
        counts = Counts(waiting, works + succeeded, failed, 0, skipped, setups, succeeded, skipped)
        wanted = _with_setups(waiting == 0, setups, succeeded, skipped) if counts.total else True
        assert judge(Join.ALL_DONE_SETUP_SUCCESS, counts) is wanted, counts


@pytest.mark.parametrize("join", Join)
def test_an_answer_that_was_given_stands(join: Join) -> None:
    """Whatever ends later, a node that may start (or has ended unstarted) is never told otherwise by a final count."""
    for s, f, u, k in product(range(3), repeat=4):
        answer = judge(join, Counts(0, s, f, u, k))
        assert answer is not False, "with nothing open there is nothing to wait for"


@pytest.mark.parametrize("join", Join)
def test_an_end_told_early_is_the_end_told_late(join: Join) -> None:
    """A state taken while something is still open may not become a start when the rest has ended."""
    for waiting, s, f, u, k in product((1, 2), *[range(3)] * 4):
        early = judge(join, Counts(waiting, s, f, u, k))
        if not isinstance(early, TaskState):
            continue
        for more in product(range(waiting + 1), repeat=4):
            if sum(more) == waiting:
                late = judge(join, Counts(0, s + more[0], f + more[1], u + more[2], k + more[3]))
                assert isinstance(late, TaskState), (early, late)


@pytest.mark.parametrize("state", TaskState)
def test_counting_and_taking_away(state: TaskState) -> None:
    counts = Counts()
    counts.add(state, 2)
    counted = 0 if state is TaskState.REMOVED else 2
    assert counts.total == counted
    assert counts.done is (state.final)
    assert counts.failed == (2 if state in (TaskState.FAILED, TaskState.CANCELLED) else 0)
    counts.add(state, -2)
    assert counts == Counts()
