"""A reopened run repeats what failed and all that saw it, and keeps the rest."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.invariants import Invariants
from tests.unit.engine.simulation import Done, Fail, Simulation, Started, Stays, pipeline, task
from tests.unit.engine.worlds import BOTH, EXAMPLES, FAILING, World, play, worlds
from tidemill.core.bindings import Absent, Collect, Const, Item, Output
from tidemill.core.graph import After, Each, Node, Over, Retry, Role, Scope, Sub
from tidemill.core.instances import Key, Step
from tidemill.core.joins import Join
from tidemill.core.records import Steer
from tidemill.core.states import TaskState
from tidemill.engine.moves import Cancel
from tidemill.engine.reopen import current_rows
from tidemill.engine.restore import key_of


def ends(run: Simulation) -> dict[str, Any]:
    """How everything that is now there ended, under its place in the maps: rounds and generations do not show."""
    return {
        f"{row.path}{[step.item for step in key_of(row).instance]}": (row.state.value, row.outputs, row.count)
        for row in current_rows(run.progress.wiring, run.ledger.newest())
    }


@settings(max_examples=EXAMPLES)
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


# --- exactly what must be ---


def over(name: str, source: Any, **options: Any) -> Each:
    binding = Const(source) if isinstance(source, list) else source
    return Each((Over(name, binding),), **options)


def sub(id: str, *nodes: Node, outputs: Any = None, **options: Any) -> Node:
    return Node(id, Sub(Scope(nodes, (), outputs or {})), **options)


def again(run: Simulation, *also: str) -> set[str]:
    return {str(key) for key in run.ledger.again(run.progress.wiring, also)}


def second(run: Simulation, *also: str) -> tuple[list[str], Simulation]:
    """What is started by the second pass, in which everything goes well, and the run."""
    reopened = run.reopened(*also, script=lambda told: told.index if told.index >= 0 else told.path)
    reopened.watch = Invariants(run.ledger)
    reopened.run()
    assert reopened.state == "succeeded"
    assert reopened.ledger.run.generation == 1
    return [str(Key(told.path, told.instance)) for told in reopened.started[len(run.started) :]], reopened


def fails(*names: str) -> Any:
    def script(told: Started) -> Any:
        if str(Key(told.path, told.instance)) in names:
            return Fail()
        return told.index if told.index >= 0 else told.path

    return script


def test_of_a_map_only_what_failed_runs_again_and_what_collects_it() -> None:
    graph = pipeline(
        task("free"),
        task("m", each=over("n", [0, 1, 2]), inputs={"n": Item("n")}),
        task("all", inputs={"x": Collect("m")}),
    )
    run = Simulation(graph, fails("m[1]")).run()
    assert again(run) == {"m[1]", "m", "all"}
    started, run = second(run)
    assert started == ["m[1]", "all"]
    assert run.inputs("all") == {"x": [0, 1, 2]}
    assert run.ledger.row(Key("m", (Step(0),))).generation == 0
    assert run.ledger.row(Key("m", (Step(1),))).generation == 1


def test_of_a_chain_of_maps_only_those_who_follow_what_failed_run_again() -> None:
    graph = pipeline(
        task("train", each=over("n", [0, 1, 2]), inputs={"n": Item("n")}),
        task(
            "score",
            each=Each((Over("m", Output("train"), follow=True), Over("k", Const(["a", "b"])))),
            inputs={"m": Item("m")},
        ),
        task("show", each=Each((Over("s", Output("score"), follow=True),)), inputs={"s": Item("s")}),
        task("report", inputs={"x": Collect("show")}),
    )
    run = Simulation(graph, fails("train[1]", "show[5]")).run()
    started, run = second(run)
    assert sorted(started) == ["report", "score[2]", "score[3]", "show[2]", "show[3]", "show[5]", "train[1]"]
    assert run.inputs("report")["x"] == [0, 1, 2, 3, 4, 5]


def test_in_nested_scopes_what_stands_beside_the_failure_is_kept() -> None:
    graph = pipeline(
        sub("outer", task("a"), sub("inner", task("b"), task("c", "outer/inner/b"), task("d"))),
        task("reads_a", "outer/a"),
        task("reads_c", inputs={"c": Output("outer/inner/c", absent=Absent.NULL)}, join=Join.ALL_DONE),
        task("end", after=(After("outer"),)),
    )
    run = Simulation(graph, fails("outer/inner/c")).run()
    assert again(run) == {"outer", "outer/inner", "outer/inner/c", "reads_c", "end"}
    started, run = second(run)
    assert sorted(started) == ["end", "outer/inner/c", "reads_c"]
    assert run.inputs("reads_c") == {"c": "outer/inner/c"}, "it had run without the value, and runs again with it"


def test_a_scope_that_is_retried_as_a_whole_is_reopened_as_a_whole() -> None:
    graph = pipeline(
        sub("block", task("a"), task("b", "block/a"), retry=Retry(1), outputs={"b": Output("block/b")}),
        task("free"),
        task("end", inputs={"b": Output("block", "b")}),
    )
    run = Simulation(graph, fails("block/b[0]", "block/b[0#1]")).run()
    assert again(run) == {"block", "block/a[0]", "block/b[0]", "block/a[0#1]", "block/b[0#1]", "end"}
    started, run = second(run)
    assert started == ["block/a[0]", "block/b[0]", "end"]
    removed = {str(key_of(row)) for row in run.ledger.newest() if row.state is TaskState.REMOVED}
    assert removed == {"block/a[0#1]", "block/b[0#1]"}, "the second round is not needed any more"


def test_a_scope_that_succeeded_in_its_second_round_is_kept() -> None:
    graph = pipeline(
        sub("block", task("a"), task("b", "block/a"), retry=Retry(1)), task("bad"), task("end", after=(After("block"),))
    )
    run = Simulation(graph, fails("block/b[0]", "bad")).run()
    assert run.of("block") == "succeeded"
    assert again(run) == {"bad"}
    assert second(run)[0] == ["bad"]


def test_a_branch_is_honoured_again() -> None:
    graph = pipeline(
        task("branch"),
        task("a", after=(After("branch"),)),
        task("b", after=(After("branch"),)),
        task("after_b", after=(After("b"), After("a")), join=Join.NONE_FAILED),
    )
    steered = Done({}, Steer(follow=("a",)))
    run = Simulation(graph, lambda told: steered if told.path == "branch" else fails("a")(told)).run()
    assert (run.of("b"), run.of("after_b")) == ("skipped", "upstream_failed")
    started, run = second(run)
    assert started == ["a", "after_b"]
    assert run.of("b") == "skipped"


def test_a_branch_that_is_decided_anew_frees_what_it_had_not_chosen() -> None:
    graph = pipeline(
        task("data"),
        task("branch", "data"),
        task("a", after=(After("branch"),)),
        task("b", after=(After("branch"),)),
    )

    def script(way: str) -> Any:
        return lambda told: Done({}, Steer(follow=(way,))) if told.path == "branch" else told.path

    run = Simulation(graph, script("a")).run()
    assert run.of("b") == "skipped"
    run = run.reopened("data", script=script("b")).run()
    assert (run.of("a"), run.of("b")) == ("skipped", "succeeded")


def test_what_a_teardown_took_away_is_set_up_again_for_those_who_run_again() -> None:
    graph = pipeline(
        task("create", role=Role.SETUP),
        task("work", after=(After("create"),)),
        task("other", after=(After("create"),)),
        task(
            "delete",
            after=(After("work"), After("other")),
            role=Role.TEARDOWN,
            setups=("create",),
            join=Join.ALL_DONE_SETUP_SUCCESS,
        ),
    )
    run = Simulation(graph, fails("work")).run()
    assert run.of("delete") == "succeeded"
    assert again(run) == {"create", "work", "delete"}
    assert second(run)[0] == ["create", "work", "delete"]


def test_a_teardown_that_failed_alone_needs_no_setup() -> None:
    graph = pipeline(
        task("create", role=Role.SETUP),
        task("work", after=(After("create"),)),
        task("delete", after=(After("work"),), role=Role.TEARDOWN, setups=("create",)),
    )
    run = Simulation(graph, fails("delete")).run()
    assert second(run)[0] == ["delete"]


def test_a_map_that_becomes_shorter_loses_instances_and_one_that_becomes_longer_gets_more() -> None:
    graph = pipeline(
        task("items"),
        task("m", each=over("n", Output("items")), inputs={"n": Item("n")}),
        task("bad"),
        task("end", inputs={"x": Collect("m"), "bad": Output("bad")}),
    )

    def script(items: list[int], bad: Any) -> Any:
        return lambda told: {"items": items, "bad": bad}.get(told.path, told.inputs.get("n"))

    run = Simulation(graph, script([1, 2, 3], Fail())).run()
    run = run.reopened("items", script=script([7], Fail())).run()
    removed = {str(key_of(row)) for row in run.ledger.newest() if row.state is TaskState.REMOVED}
    assert removed == {"m[1]", "m[2]"}
    run = run.reopened("items", script=script([7, 8], 0)).run()
    assert (run.state, run.inputs("end")["x"]) == ("succeeded", [7, 8])
    assert {str(Key(row.path)): row.generation for row in run.ledger.newest() if row.path == "items"} == {"items": 2}


def test_what_is_asked_for_runs_again_with_all_inside_and_all_after() -> None:
    graph = pipeline(sub("s", task("a"), task("b")), task("c", "s/a"), task("free"), task("end", after=(After("s"),)))
    run = Simulation(graph).run()
    started, run = second(run, "s")
    assert sorted(started) == ["c", "end", "s/a", "s/b"]


def test_a_cancelled_map_goes_on_with_what_never_came_to_be() -> None:
    graph = pipeline(
        task("m", each=over("n", list(range(5)), parallelism=2), inputs={"n": Item("n")}),
        task("end", inputs={"x": Collect("m")}),
    )
    run = Simulation(graph, lambda told: Stays() if told.index >= 2 else told.index)
    run.run()
    run.send(Cancel("ann"))
    run.go_on()
    assert run.state == "cancelled"
    started, run = second(run)
    assert sorted(started) == ["end", "m[2]", "m[3]", "m[4]"]
    assert run.inputs("end")["x"] == [0, 1, 2, 3, 4]


def test_the_timeout_of_a_run_counts_from_its_reopening() -> None:
    run = Simulation(pipeline(task("a"), timeout=60), lambda told: Stays()).run()
    assert run.state == "failed"
    run.clock.advance(1000)
    assert second(run)[0] == ["a"]


def test_an_engine_that_dies_right_after_the_reopening_repeats_the_same() -> None:
    graph = pipeline(task("a"), task("bad"), task("end", "a", "bad"))
    run = Simulation(graph, fails("bad")).run()
    reopened = run.reopened(script=lambda told: told.path)
    reopened = reopened.crash().go_on()
    assert reopened.state == "succeeded"
    assert [told.path for told in reopened.started[len(run.started) :]] == ["bad", "end"]
