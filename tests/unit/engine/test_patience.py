from __future__ import annotations

import pytest

from tidemill.core.clock import VirtualClock
from tidemill.core.errors import StorageError, Unfinished
from tidemill.engine.patience import Patience

AWAY, SLOW = StorageError("the server is away"), StorageError("the server is slow")


def test_the_same_problem_is_news_once() -> None:
    patience = Patience(0.0, lambda: 0.0)
    assert [patience.met(problem) for problem in (AWAY, AWAY, SLOW, SLOW, AWAY)] == [True, False, True, False, True]
    assert patience.why == AWAY.in_one_line
    patience.over()
    assert patience.why == ""
    assert patience.met(AWAY)


def test_one_outage_is_waited_for_so_long_and_the_next_one_as_long_again() -> None:
    clock = VirtualClock()
    patience = Patience(10.0, clock.monotonic)
    for _ in range(10):
        patience.met(AWAY)
        clock.advance(1.0)
    patience.over()
    clock.advance(100.0)
    for _ in range(10):
        patience.met(SLOW)
        clock.advance(1.0)
    with pytest.raises(Unfinished, match="given up after 10 s without the database: the server is slow"):
        patience.met(SLOW)


def test_for_ever_is_for_ever() -> None:
    clock = VirtualClock()
    patience = Patience(0.0, clock.monotonic)
    patience.met(AWAY)
    clock.advance(1e9)
    assert not patience.met(AWAY)
