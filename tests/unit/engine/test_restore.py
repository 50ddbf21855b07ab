"""An engine may die after any turn: the run ends as if nothing had happened, whatever its graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.invariants import Invariants
from tests.unit.engine.simulation import Simulation
from tests.unit.engine.worlds import EXAMPLES, World, play, worlds
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.instances import Key
from tidemill.core.states import TaskState
from tidemill.engine.moves import Cancel, Marked
from tidemill.engine.restore import key_of

MARKS = st.sampled_from([TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED])
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


CUTS = st.dictionaries(st.integers(0, 30), st.booleans(), max_size=2)


@MANY
@given(worlds(), st.lists(st.integers(0, 25), min_size=1, max_size=3), CUTS)
def test_a_run_that_is_cancelled_at_any_moment_ends(world: World, moments: list[int], cuts: dict[int, bool]) -> None:
    run = world.simulation()
    run.watch = Invariants()
    run = play(world, run, cuts, wishes={moment: lambda run: Cancel("ann") for moment in moments})
    assert run.state in ("cancelled", "succeeded", "failed")
    if run.state == "cancelled":
        assert run.ledger.run.cause == Cause(CauseKind.CANCELLED, "cancelled by ann", by="ann")


@MANY
@given(
    worlds(), st.dictionaries(st.integers(0, 25), st.tuples(st.integers(0, 99), MARKS), min_size=1, max_size=4), CUTS
)
def test_whatever_is_marked_at_any_moment_ends_as_marked(
    world: World, marks: dict[int, tuple[int, TaskState]], cuts: dict[int, bool]
) -> None:
    told: dict[Key, TaskState] = {}

    def wish(number: int, state: TaskState) -> Callable[[Simulation], Marked]:
        def mark(run: Simulation) -> Marked:
            units = sorted(unit.key for unit in run.progress.units.values() if not unit.state.final and unit.key.path)
            key = units[number % len(units)] if units else Key("nobody")
            if not cuts:
                told[key] = state
            return Marked(key, state, "ann")

        return mark

    run = world.simulation()
    run.watch = Invariants()
    run = play(world, run, cuts, wishes={step: wish(*mark) for step, mark in marks.items()})
    rows = {key_of(row): row for row in run.ledger.newest()}
    for key, state in told.items():
        if key in rows and rows[key].cause is not None and rows[key].cause.by == "ann":
            assert rows[key].state is state
