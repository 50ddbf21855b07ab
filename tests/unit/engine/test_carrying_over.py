"""What another run takes over: tasks by their path, whole or in part, and a reason for all that it cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from tests.unit.engine.simulation import Fail, Simulation, Started, pipeline, task
from tidemill.core.bindings import Collect, Const, Item, Output, Param
from tidemill.core.graph import Each, Node, Over, Pipeline, Role, Scope, Sub
from tidemill.core.instances import Key
from tidemill.core.states import TaskState
from tidemill.core.wiring import Wiring
from tidemill.engine.carrying_over import CarriedOver, carry_over, change, reads_parameter, taken, unsound
from tidemill.engine.restore import key_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def over(source: object) -> Each:
    return Each((Over("n", source if isinstance(source, Output) else Const(source)),))


def mapped(*more: Node) -> Pipeline:
    return pipeline(
        task("a"),
        task("m", each=over([0, 1, 2]), inputs={"n": Item("n"), "a": Output("a")}),
        task("all", inputs={"x": Collect("m")}),
        task("beside"),
        *more,
    )


def ran(graph: Pipeline, *failing: str) -> Simulation:
    def script(told: Started) -> object:
        return Fail() if str(Key(told.path, told.instance)) in failing else told.path

    return Simulation(graph, script).run()


def carried(
    run: Simulation, new: Pipeline, wanted: Iterable[str] = (), reasons: Mapping[str, str] | None = None
) -> CarriedOver:
    return carry_over(run.progress.wiring, Wiring(new), run.ledger.newest(), wanted, reasons or {})


def kept(found: CarriedOver) -> set[str]:
    return {str(key_of(row)) for row in found.kept}


def test_what_does_not_follow_is_kept() -> None:
    found = carried(ran(mapped()), mapped(), ["m"])
    assert (kept(found), dict(found.again)) == ({"a", "beside"}, {"m": "", "all": ""})
    assert kept(carried(ran(mapped()), mapped(), ["all"])) == {"a", "beside", "m", "m[0]", "m[1]", "m[2]"}


def test_of_a_map_what_succeeded_is_kept_and_what_failed_is_told() -> None:
    found = carried(ran(mapped(), "m[1]"), mapped(), ["beside"])
    assert kept(found) == {"a", "m[0]", "m[2]"}
    assert dict(found.again) == {"m": "it failed", "all": "", "beside": ""}


def test_what_is_new_runs_with_what_follows_it_and_the_scope_around_it() -> None:
    gives = {"result": Output("s/x")}
    old = pipeline(Node("s", Sub(Scope((task("x"),), (), gives))), task("after", "s"), task("free"))
    new = pipeline(Node("s", Sub(Scope((task("x"), task("y", "s/x")), (), gives))), task("after", "s"), task("free"))
    found = carried(ran(old), new, ["free"])
    assert kept(found) == {"s/x"}
    assert dict(found.again) == {"s": "", "s/y": "it is new", "after": "", "free": ""}


def test_what_has_another_place_is_not_kept() -> None:
    new = pipeline(
        task("a"), task("m", inputs={"a": Output("a")}), task("all", inputs={"x": Output("m")}), task("beside")
    )
    found = carried(ran(mapped()), new, ["beside"])
    assert kept(found) == {"a"}
    assert found.again["m"] == "its place in the pipeline has changed"
    assert unsound(Wiring(mapped()), Wiring(new), ran(mapped()).ledger.newest()) == {
        "m": "it was mapped, and is not any more"
    }


def test_a_setup_runs_again_for_those_who_run_again() -> None:
    graph = pipeline(
        task("up", role=Role.SETUP),
        task("work", "up"),
        task("down", "work", role=Role.TEARDOWN, setups=("up",)),
        task("beside"),
    )
    assert kept(carried(ran(graph), graph, ["work"])) == {"beside"}


def test_definitions_are_told_apart() -> None:
    old = pipeline(task("a"), task("b", "a"), task("gone"))
    new = pipeline(task("a"), task("b", inputs={"x": Const(1)}), task("more"))
    found = change(Wiring(old), Wiring(new))
    assert (found.added, found.removed, found.reshaped, found.edited) == (("more",), ("gone",), (), ("b",))
    assert change(Wiring(old), Wiring(old)).nothing


def test_who_reads_a_parameter_is_known() -> None:
    graph = pipeline(task("a", inputs={"x": Param("p")}), task("b", each=Each((Over("n", Param("q")),))), task("c"))
    assert dict(reads_parameter(Wiring(graph), {"p", "q", "r"})) == {"a": "p", "b": "q"}


def test_a_row_that_is_taken_over_is_final_and_says_whence() -> None:
    run = ran(mapped())
    rows = {str(key_of(row)): taken(run.progress.wiring, row, NOW) for row in run.ledger.newest() if row.path}
    leaf, of_map = rows["m[1]"], rows["m"]
    assert leaf.reused_from == f"run {run.ledger.run.id}, m[1]"
    assert (leaf.state, leaf.generation, leaf.started_at, leaf.ended_at) == (TaskState.SUCCEEDED, 0, None, NOW)
    assert (of_map.count, of_map.started_at) == (3, NOW)
