"""Every order in which a worker on one side, people, time and dying engines on the other can act on small runs."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.engine.actors import ACTORS, WORKER, Action, Case, Walk
from tests.unit.engine.simulation import pipeline, task
from tests.unit.engine.worlds import EXAMPLES
from tidemill.core.bindings import Const, FunctionRef, Item
from tidemill.core.graph import (
    After,
    Each,
    LostPolicy,
    Node,
    OnLost,
    Over,
    Overdue,
    Retry,
    Role,
    Scope,
    Sub,
    UntilApproval,
    UntilTrue,
    Wait,
)
from tidemill.core.joins import Join

ONE_LOSS = OnLost(LostPolicy.RETRY, 1)

DEEPER = int(os.environ.get("TIDEMILL_TEST_ACTIONS", "0"))
"""How many actions of two actors in a row are tried in every order; by default what takes a second or two."""


RUNS = {
    "a task with a retry": Case(pipeline(task("a", retry=Retry(1, delay=7.0), on_lost=ONE_LOSS)), ("a",)),
    "a task, and one after it": Case(
        pipeline(task("a", on_lost=OnLost(LostPolicy.NEVER)), task("b", "a", on_lost=OnLost(LostPolicy.FAIL))),
        ("a",),
    ),
    "an approval": Case(
        pipeline(
            Node("ask", Wait(UntilApproval(Const("go?")), deadline=33.0, overdue=Overdue.SKIP)),
            task("b", after=(After("ask"),), join=Join.ALL_DONE, on_lost=ONE_LOSS),
        ),
        ("ask",),
    ),
    "a poll": Case(
        pipeline(Node("poll", Wait(UntilTrue(FunctionRef("user", "ready"), 10.0), deadline=17.0), on_lost=ONE_LOSS)),
        ("poll",),
    ),
    "a scope that is tried again": Case(
        pipeline(Node("s", Sub(Scope((task("a", on_lost=ONE_LOSS),))), retry=Retry(1, delay=5.0), timeout=27.0)),
        ("s",),
    ),
    "a map": Case(
        pipeline(task("m", each=Each((Over("n", Const([1, 2])),)), inputs={"n": Item("n")}, on_lost=ONE_LOSS)),
        ("m",),
    ),
    "a teardown": Case(
        pipeline(
            task("up", role=Role.SETUP, on_lost=ONE_LOSS),
            task("work", after=(After("up"),), on_lost=ONE_LOSS),
            task("down", after=(After("work"),), role=Role.TEARDOWN, setups=("up",), on_lost=ONE_LOSS),
        ),
        ("work",),
    ),
    "two tasks, one slot": Case(pipeline(task("a", on_lost=ONE_LOSS), task("b", on_lost=ONE_LOSS)), ("a",), slots=1),
}


LONGEST = {
    ("a task with a retry", "one who cancels"): 5,
    ("a task with a retry", "one who knows better"): 6,
    ("a task, and one after it", "one who cancels"): 5,
    ("an approval", "one who knows better"): 5,
    ("an approval", "one who is asked"): 6,
    ("a poll", "one who cancels"): 5,
    ("a scope that is tried again", "one who cancels"): 5,
    ("a scope that is tried again", "one who knows better"): 3,
    ("a scope that is tried again", "time"): 4,
    ("a map", ""): 3,
    ("a map", "one who knows better"): 2,
    ("a teardown", ""): 4,
    ("two tasks, one slot", ""): 3,
    ("two tasks, one slot", "one who is asked"): 4,
}


def explore(case: Case, actors: frozenset[str], longest: int) -> tuple[int, int]:
    """Every state that up to `longest` actions lead to, by the shortest way; how many states, and how long the ways."""
    seen = {Walk(case).fingerprint()}
    ways: list[tuple[Action, ...]] = [()]
    for length in range(longest):
        found: list[tuple[Action, ...]] = []
        for way in ways:
            for action in list(Walk(case, way).enabled()):
                if action.name not in actors:
                    continue
                walk = Walk(case, way)
                walk.do(action)
                state = walk.fingerprint()
                if state not in seen:
                    seen.add(state)
                    found.append(walk.actions)
                    compare(case, walk.actions)
        ways = found
        if not ways:
            return len(seen), length
    return len(seen), longest


def compare(case: Case, way: tuple[Action, ...]) -> None:
    """An engine that takes over here, with the attempts that are out, comes to the same as the one that was here."""
    here, there = Walk(case, way), Walk(case, way)
    if not there.run.progress.state.final:
        there.do(Action("takeover"))
    assert there.finish() == here.finish(), way


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("actor", ACTORS)
def test_every_order(name: str, actor: str) -> None:
    longest = DEEPER or LONGEST.get((name, actor), LONGEST.get((name, ""), 8))
    states, length = explore(RUNS[name], ACTORS[actor] | WORKER.keys(), longest)
    assert states > length


@pytest.mark.parametrize("name", RUNS)
@settings(max_examples=EXAMPLES // 3, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_some_long_orders(name: str, data: Any) -> None:
    walk = Walk(RUNS[name])
    for _ in range(data.draw(st.integers(1, 24))):
        walk.do(data.draw(st.sampled_from(sorted(walk.enabled()))))
    compare(RUNS[name], walk.actions)
