"""A reopened run repeats what failed and all that saw it, and keeps the rest."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.invariants import Invariants
from tests.unit.engine.simulation import Simulation
from tests.unit.engine.worlds import BOTH, FAILING, World, play, worlds
from tidemill.engine.reopen import current_rows
from tidemill.engine.restore import key_of


def ends(run: Simulation) -> dict[str, Any]:
    """How everything that is now there ended, under its place in the maps: rounds and generations do not show."""
    return {
        f"{row.path}{[step.item for step in key_of(row).instance]}": (row.state.value, row.outputs, row.count)
        for row in current_rows(run.progress.wiring, run.ledger.newest())
    }


@settings(max_examples=600)
@given(worlds(FAILING, BOTH), st.dictionaries(st.integers(0, 20), st.booleans(), max_size=2))
def test_a_reopened_run_ends_as_one_in_which_nothing_had_failed(world: World, cuts: dict[int, bool]) -> None:
    first = play(world, Simulation(world.graph, world.script(plain=True), world.slots))
    again = first.ledger.again(first.progress.wiring)
    second = first.reopened(script=world.script(healed=True, plain=True))
    second.watch = Invariants(first.ledger)
    second = play(world, second, cuts, promptly=True)
    fresh = play(world, Simulation(world.graph, world.script(healed=True, plain=True), world.slots), promptly=True)
    assert ends(second) == ends(fresh)
    before = {key_of(row): row for row in first.ledger.newest()}
    for row in second.ledger.newest():
        key = key_of(row)
        if key in before and key not in again and key.path:
            assert row == before[key], f"{key} was to be kept"
