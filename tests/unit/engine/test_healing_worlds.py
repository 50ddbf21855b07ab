"""Any stored content of any graph goes bad at any moment: the run heals, or it ends and says why it could not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.invariants import Invariants
from tests.unit.engine.storing import Storing
from tests.unit.engine.worlds import EXAMPLES, World, hashed, play, worlds
from tidemill.core.graph import Call
from tidemill.core.states import TaskState
from tidemill.engine.flow import Flow
from tidemill.engine.former import ids_in
from tidemill.engine.healing import why_not
from tidemill.engine.moves import Cancel
from tidemill.engine.unit import Unit

MANY = settings(max_examples=EXAMPLES)


class Rotting(Storing):
    """After every other step or so one of the stored contents goes bad, if `may_rot` allows it; `plan` 0: none does."""

    plan: int
    rotten: set[str]
    may_rot: Callable[[Rotting, Unit], bool]
    steps = 0

    def step(self) -> bool:
        goes_on = super().step()
        number = hashed(self.plan, self.steps)
        if self.plan and number % 2 and not self.progress.state.final:
            self._rot(number // 2)
        self.steps += 1
        return goes_on

    def _rot(self, number: int) -> None:
        units = [unit for unit in self.progress.units.values() if ids_in(unit.outputs) and unit.key.path]
        found = sorted(self.contents[id] for unit in units if self.may_rot(self, unit) for id in ids_in(unit.outputs))
        if found:
            content = found[number % len(found)]
            self.damaged.add(content)
            self.rotten.add(content)

    def setup(self, plan: int, may_rot: Callable[[Rotting, Unit], bool]) -> Rotting:
        self.plan, self.may_rot, self.rotten = plan, may_rot, set()
        self.watch = Invariants()
        return self


def anything(run: Rotting, unit: Unit) -> bool:
    return True


def curable(run: Rotting, unit: Unit) -> bool:
    """Whether the maker of what a unit gives can be run again, and has not been damaged before."""
    reader = run.progress.root
    return (
        unit.state is TaskState.SUCCEEDED
        and isinstance(unit.site.node.body, Call)
        and not unit.generation
        and all(not why_not(Flow(run.progress, run.clock.now()), reader, id, unit) for id in ids_in(unit.outputs))
        and not {run.contents[id] for id in ids_in(unit.outputs)} & run.rotten
    )


def rotting(world: World, plan: int, may_rot: Callable[[Rotting, Unit], bool]) -> Rotting:
    return Rotting(world.graph, world.script(plain=True), world.slots).setup(plan, may_rot)


def came_to(run: Storing) -> dict[str, Any]:
    """How everything ended, with what artifacts hold instead of their ids."""
    rows = {
        f"{row.path}{row.instance}": (row.state.value, run.loaded(dict(row.outputs)), row.round, row.count)
        for row in run.ledger.newest()
    }
    return {"run": run.state, "tasks": rows}


PLANS = st.integers(1, 1 << 20)
CUTS = st.dictionaries(st.integers(0, 40), st.booleans(), max_size=3)


@MANY
@given(worlds(), PLANS, CUTS)
def test_whatever_is_damaged_every_run_comes_to_its_end(world: World, plan: int, cuts: Any) -> None:
    play(world, rotting(world, plan, anything), cuts)


@MANY
@given(worlds(), PLANS, CUTS)
def test_a_run_that_heals_ends_as_one_in_which_nothing_was_damaged(world: World, plan: int, cuts: Any) -> None:
    undisturbed = play(world, rotting(world, 0, anything))
    healed = play(world, rotting(world, plan, curable), cuts)
    assert came_to(healed) == came_to(undisturbed)


@MANY
@given(worlds(), PLANS, st.integers(0, 40))
def test_a_run_that_is_cancelled_while_it_heals_ends(world: World, plan: int, moment: int) -> None:
    play(world, rotting(world, plan, anything), wishes={moment: lambda run: Cancel("ann")})
