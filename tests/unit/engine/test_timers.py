from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from tidemill.core.instances import Key, Step
from tidemill.engine.moves import SetTimer, TimerFired, TimerKind
from tidemill.engine.timers import Timers

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def taken(timers: Timers, now: datetime) -> list[tuple[str, TimerFired]]:
    found = []
    while (due := timers.take(now)) is not None:
        found.append(due)
    return found


def test_nothing_is_due_before_its_time() -> None:
    timers = Timers()
    assert timers.next is None
    assert timers.take(NOON) is None
    timers.add("run", SetTimer(NOON, Key("a"), TimerKind.DUE))
    assert timers.next == NOON
    assert timers.take(NOON - timedelta(microseconds=1)) is None
    assert timers.take(NOON) == ("run", TimerFired(Key("a"), TimerKind.DUE))
    assert timers.next is None


def test_the_earliest_comes_first_and_those_of_one_moment_in_an_order_of_their_own() -> None:
    entries = [
        (run, SetTimer(NOON + timedelta(seconds=second), Key(path, (Step(item),)), kind))
        for run in ("r1", "r2")
        for second in (0, 1)
        for path in ("a", "b")
        for item in (2, 10)
        for kind in TimerKind
    ]
    orders = set()
    for seed in range(20):
        random.Random(seed).shuffle(entries)
        timers = Timers()
        for run, timer in entries:
            timers.add(run, timer)
        found = taken(timers, NOON + timedelta(seconds=1))
        assert len(found) == len(entries)
        orders.add(tuple(map(str, found)))
    assert len(orders) == 1, "whoever takes a run over sets its timers in another order"
    first = taken_first(entries)
    assert first == {NOON}


def taken_first(entries: list[tuple[str, SetTimer]]) -> set[datetime]:
    """The moments of the first half of what fires, one after the other."""
    timers = Timers()
    for run, timer in entries:
        timers.add(run, timer)
    moments = set()
    for _ in range(len(entries) // 2):
        assert timers.next is not None
        moments.add(timers.next)
        assert timers.take(NOON + timedelta(seconds=1)) is not None
    return moments
