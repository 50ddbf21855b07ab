"""An engine may die after any turn: the run ends as if nothing had happened, whatever the graph and what happens in it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.invariants import Invariants
from tests.unit.engine.simulation import Simulation
from tests.unit.engine.worlds import EXAMPLES, World, play, worlds

MANY = settings(max_examples=EXAMPLES)


def summary(run: Simulation) -> dict[str, Any]:
    """How everything ended, without attempts, times and causes."""
    rows = {
        f"{row.path}{row.instance}": (row.state.value, row.outputs, row.round, row.count) for row in run.ledger.newest()
    }
    return {"run": run.state, "tasks": rows, "result": run.progress.root.outputs}


@MANY
@given(worlds())
def test_every_run_comes_to_its_end_and_breaks_no_rule(world: World) -> None:
    run = world.simulation()
    run.watch = Invariants()
    play(world, run)


@MANY
@given(worlds())
def test_the_same_events_give_the_same_moves(world: World) -> None:
    assert play(world, world.simulation()).moves == play(world, world.simulation()).moves


@MANY
@given(worlds(), st.dictionaries(st.integers(0, 40), st.booleans(), min_size=1, max_size=3))
def test_a_run_that_changes_hands_ends_as_one_that_does_not(world: World, cuts: dict[int, bool]) -> None:
    undisturbed = play(world, world.simulation())
    disturbed = world.simulation()
    disturbed.watch = Invariants()
    assert summary(play(world, disturbed, cuts)) == summary(undisturbed)
