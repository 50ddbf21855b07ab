"""Task runs that had ended before a run was taken over: they count at once, and are read when somebody asks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.engine.ledger import Leaves
from tests.unit.engine.simulation import Simulation, Stays, pipeline, task
from tidemill.core.bindings import Collect, Const, Output
from tidemill.core.graph import Each, Over
from tidemill.core.history import TaskKind, TaskRecord
from tidemill.core.instances import Key, Step
from tidemill.core.states import TaskState
from tidemill.core.wiring import Wiring
from tidemill.engine.units import Units


def row(path: str, instance: str = "", state: TaskState = TaskState.SUCCEEDED, **fields: Any) -> TaskRecord:
    return TaskRecord("r", path, instance, 0, TaskKind.LEAF, state, **fields)


def key(path: str, *items: int) -> Key:
    return Key(path, tuple(Step(item) for item in items))


def kept(*rows: TaskRecord) -> tuple[Units, Leaves]:
    leaves = Leaves({(row.path, row.instance): row for row in rows})
    units = Units(Wiring(pipeline(task("a"), task("b"))).sites)
    units.keep(leaves)
    return units, leaves


def test_none_exists_before_it_is_taken_over_nor_is_read_before_it_is_asked_for() -> None:
    units, leaves = kept(row("a", outputs={"result": 1}), row("b"))
    assert units.get(Key("a")) is None
    assert Key("a") not in units
    with pytest.raises(KeyError):
        units[Key("a")]
    assert units.take_over(Key("a")) is TaskState.SUCCEEDED
    assert units.take_over(Key("a")) is None
    assert Key("a") in units
    assert len(units) == 1
    assert units.made() == []
    assert leaves.read == []
    unit = units[Key("a")]
    assert (unit.state, unit.outputs, unit.site.path) == (TaskState.SUCCEEDED, {"result": 1}, "a")
    assert units.get(Key("a")) is unit
    assert units.made() == [unit]
    assert leaves.read == ["a "]
    assert len(units) == 1


def test_whoever_goes_through_all_of_them_sees_all_that_exist() -> None:
    for see in (Units.values, Units.keys, Units.items, iter):
        units, leaves = kept(row("a"), row("b"), row("gone"))
        assert list(see(units)) == []
        units.take_over(Key("a"))
        units.take_over(Key("b"))
        assert units.take_over(Key("gone")) is None
        assert len(list(see(units))) == 2
        assert leaves.read == ["a ", "b "]


def test_instances_are_taken_over_up_to_a_gap_and_not_beyond_the_end() -> None:
    numbers = [0, 1, 2, 4, 5, 6, 10]
    units, _ = kept(*(row("a", f"{number}.0", TaskState.FAILED) for number in numbers), row("a", "7.0/0.0"))
    assert units.take_over_from(Key("a"), 0, 6) == [TaskState.FAILED] * 3
    assert units.take_over_from(Key("a"), 3, 6) == []
    assert units.take_over_from(Key("a"), 4, 6) == [TaskState.FAILED] * 2
    assert units.take_over_from(key("a", 7), 0, 1) == [TaskState.SUCCEEDED]
    assert units.take_over_from(Key("b"), 0, 9) == []
    assert {key("a", number) in units for number in (0, 1, 2, 4, 5)} == {True}
    assert key("a", 7, 0) in units
    assert key("a", 6) not in units


def test_one_that_cannot_be_read_is_never_half_there() -> None:
    units, leaves = kept(row("a"))
    units.take_over(Key("a"))
    leaves._rows.clear()
    for _ in range(2):
        with pytest.raises(KeyError):
            units.get(Key("a"))
    assert units.made() == []


def test_a_map_goes_on_without_reading_what_ended() -> None:
    each = Each((Over("x", Const(list(range(900)))),))
    stays = {700, 701}
    graph = pipeline(task("one", each=each), task("all", inputs={"xs": Collect("one")}))

    def script(told: Any) -> Any:
        if told.path == "all":
            return len(told.inputs["xs"])
        return Stays() if told.index in stays else told.index

    run = Simulation(graph, script, slots=4).run()
    assert list(run.states().values()).count("succeeded") == 898
    run = run.crash(adopt=lambda attempt: True)
    assert len(run.progress.units.made()) == 5  # the run, the map, two that are out, and what waits
    assert len(run.progress.units) == 903
    stays.clear()
    run = run.go_on()
    assert run.state == "succeeded"
    assert run.progress.units[Key("all")].outputs == {"result": 900}


def test_followers_of_what_ended_before_start() -> None:
    first = Each((Over("x", Const(list(range(3)))),))
    second = Each((Over("y", Output("first"), follow=True),))
    waits = True
    graph = pipeline(task("first", each=first), task("second", each=second))

    def script(told: Any) -> Any:
        return Stays() if told.path == "second" and waits else told.index

    run = Simulation(graph, script, slots=3).run().crash()
    waits = False
    assert run.go_on().state == "succeeded"
    assert [run.of(f"second[{index}]") for index in range(3)] == ["succeeded"] * 3
