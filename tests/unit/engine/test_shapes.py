"""The graph can carry what is coming: one example of each shape, run through `decide` on a virtual clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.engine.simulation import Done, Fail, Simulation, Skipped, Started, Stays, pipeline, scripted, task
from tidemill.core.bindings import (
    RESULT,
    Absent,
    Collect,
    Const,
    FirstOf,
    FunctionRef,
    Gap,
    Index,
    Item,
    ListOf,
    Metadata,
    Output,
    Param,
    RunField,
    RunInfo,
    Shape,
    Status,
    Template,
)
from tidemill.core.causes import CauseKind
from tidemill.core.clock import EPOCH
from tidemill.core.expressions import Binary, Fn, Op, Read, Unary
from tidemill.core.graph import (
    After,
    Combine,
    Each,
    Empty,
    LimitUse,
    Node,
    Outcome,
    Over,
    Overdue,
    PreviousRun,
    Retry,
    Role,
    Scope,
    Sub,
    UntilApproval,
    UntilEvent,
    UntilTime,
    UntilTrue,
    Wait,
)
from tidemill.core.joins import Join
from tidemill.core.records import Artifact, Steer, Wake
from tidemill.core.states import TaskState
from tidemill.core.types import Parameter, Type
from tidemill.core.values import ArtifactRef
from tidemill.engine.moves import Approved, Cancel, Dispatch, Happened, PreviousChanged


def over(name: str, source: Any, **options: Any) -> Each:
    binding = Const(source) if isinstance(source, list | dict) else source
    return Each((Over(name, binding),), **options)


def sub(
    id: str, *nodes: Node, outputs: Any = None, inputs: Any = (), outcome: Outcome = Outcome.ANY_FAILURE, **options: Any
) -> Node:
    return Node(id, Sub(Scope(nodes, inputs, outputs or {}, outcome)), **options)


# --- maps ---


def test_a_map_runs_once_for_each_item_and_is_collected_in_order() -> None:
    graph = pipeline(
        task("items"),
        task("square", each=over("n", Output("items")), inputs={"n": Item("n"), "at": Index()}),
        task("total", inputs={"all": Collect("square")}),
    )
    run = Simulation(graph, scripted({"items": [3, 1, 2], "square": lambda t: t.inputs["n"] ** 2})).run()
    assert run.state == "succeeded"
    assert run.inputs("total") == {"all": [9, 1, 4]}
    assert [told.inputs["at"] for told in run.ran("square")] == [0, 1, 2]


def test_product_varies_the_last_name_fastest_and_zip_goes_by_position() -> None:
    product = Each((Over("a", Const([1, 2])), Over("b", Const(["x", "y", "z"]))))
    zipped = Each((Over("a", Const([1, 2])), Over("b", Const(["x", "y"]))), combine=Combine.ZIP)
    graph = pipeline(
        task("p", each=product, inputs={"a": Item("a"), "b": Item("b")}),
        task("z", each=zipped, inputs={"a": Item("a"), "b": Item("b")}),
    )
    run = Simulation(graph).run()
    assert [tuple(t.inputs.values()) for t in run.ran("p")] == [(a, b) for a in (1, 2) for b in "xyz"]
    assert [tuple(t.inputs.values()) for t in run.ran("z")] == [(1, "x"), (2, "y")]


def test_zip_of_different_lengths_fails_and_says_so() -> None:
    zipped = Each((Over("a", Const([1, 2])), Over("b", Const(["x"]))), combine=Combine.ZIP)
    run = Simulation(pipeline(task("z", each=zipped))).run()
    assert run.state == "failed"
    assert "different lengths (a: 2, b: 1)" in run.cause("z").message


def test_nested_maps_with_nested_and_flat_collect() -> None:
    inner = task(
        "fit", each=over("d", Item("f", path=("depths",))), inputs={"fold": Item("f", 1, ("name",)), "d": Item("d")}
    )
    graph = pipeline(
        sub(
            "folds",
            inner,
            task("best", inputs={"scores": Collect("folds/fit")}),
            each=over(
                "f", [{"name": "A", "depths": [1, 2]}, {"name": "B", "depths": []}, {"name": "C", "depths": [3]}]
            ),
            outputs={"best": Output("folds/best")},
        ),
        task("nested", inputs={"x": Collect("folds/fit")}),
        task("flat", inputs={"x": Collect("folds/fit", shape=Shape.FLAT)}),
        task("bests", inputs={"x": Output("folds", "best")}),
    )
    script = scripted(
        {"folds/fit": lambda t: f"{t.inputs['fold']}{t.inputs['d']}", "folds/best": lambda t: len(t.inputs["scores"])}
    )
    run = Simulation(graph, script).run()
    assert run.state == "succeeded"
    assert run.inputs("nested")["x"] == [["A1", "A2"], [], ["C3"]]
    assert run.inputs("flat")["x"] == ["A1", "A2", "C3"]
    assert run.inputs("bests")["x"] == [2, 0, 1]


@pytest.mark.parametrize(("gap", "expected"), [(Gap.OMIT, [0, 2]), (Gap.NULL, [0, None, 2])])
def test_collect_leaves_out_or_nulls_what_gave_no_value(gap: Gap, expected: list[int | None]) -> None:
    graph = pipeline(
        task("m", each=over("n", [0, 1, 2]), inputs={"n": Item("n")}),
        task("all", inputs={"x": Collect("m", missing=gap)}, join=Join.ALL_DONE),
    )
    run = Simulation(graph, scripted({"m": lambda t: Fail() if t.index == 1 else t.index})).run()
    assert run.inputs("all")["x"] == expected
    assert (run.of("m"), run.of("m[1]"), run.state) == ("failed", "failed", "failed")


def test_collect_that_may_not_miss_anything_fails_its_node() -> None:
    graph = pipeline(
        task("m", each=over("n", [0, 1]), inputs={"n": Item("n")}),
        task("all", inputs={"x": Collect("m", missing=Gap.FAIL)}, join=Join.ALL_DONE),
    )
    run = Simulation(graph, scripted({"m": lambda t: Skipped() if t.index == 1 else t.index})).run()
    assert run.of("all") == "failed"
    assert "has no value for instance [1]" in run.cause("all").message


def test_instances_follow_their_own_upstream_instance_without_waiting_for_the_rest() -> None:
    graph = pipeline(
        task("train", each=over("n", [0, 1, 2]), inputs={"n": Item("n")}),
        task("score", each=Each((Over("m", Output("train"), follow=True),)), inputs={"m": Item("m")}),
        task("report", inputs={"scores": Collect("score")}),
    )
    script = scripted(
        {
            "train": lambda t: Stays() if t.index == 1 and len(seen) < 2 else f"m{t.index}",
            "score": lambda t: seen.append(t.index) or t.inputs["m"],
        }
    )
    seen: list[int] = []
    run = Simulation(graph, script).run()
    assert run.state == "succeeded"
    assert seen == [0, 2, 1], "0 and 2 were scored while 1 still trained"
    assert run.inputs("report")["scores"] == ["m0", "m1", "m2"]


def test_a_failed_instance_fails_only_what_follows_it() -> None:
    graph = pipeline(
        task("train", each=over("n", [0, 1, 2]), inputs={"n": Item("n")}),
        task(
            "score",
            each=Each((Over("m", Output("train"), follow=True), Over("k", Const(["a", "b"])))),
            inputs={"m": Item("m"), "k": Item("k")},
        ),
    )
    run = Simulation(graph, scripted({"train": lambda t: Fail() if t.index == 1 else t.index})).run()
    states = [run.of(f"score[{n}]") for n in range(6)]
    assert states == ["succeeded"] * 2 + ["upstream_failed"] * 2 + ["succeeded"] * 2
    assert [tuple(t.inputs.values()) for t in run.ran("score")] == [(0, "a"), (0, "b"), (2, "a"), (2, "b")]


def test_tasks_of_a_mapped_group_follow_their_own_index() -> None:
    graph = pipeline(
        task("items"),
        sub("group", task("a", inputs={"x": Item("x")}), task("b", "group/a"), each=over("x", Output("items"))),
        task("end", inputs={"x": Collect("group/b")}, join=Join.ALL_DONE),
    )
    order: list[str] = []

    def script(told: Started) -> Any:
        order.append(f"{told.path}{told.index}")
        return {"items": [10, 20]}.get(told.path) or (
            Fail() if told.path == "group/a" and told.index == 1 else told.index
        )

    run = Simulation(graph, script, slots=1).run()
    assert (run.of("group/b[0]"), run.of("group/b[1]"), run.of("group[1]"), run.of("group")) == (
        "succeeded",
        "upstream_failed",
        "failed",
        "failed",
    )
    assert run.inputs("end")["x"] == [0]


def test_an_empty_map_succeeds_or_is_skipped_as_asked() -> None:
    graph = pipeline(
        task("a", each=over("n", [])),
        task("b", each=over("n", [], empty=Empty.SKIP)),
        task("after_a", inputs={"x": Collect("a")}),
        task("after_b", inputs={"x": Collect("b")}),
    )
    run = Simulation(graph).run()
    assert run.states() == {"a": "succeeded", "b": "skipped", "after_a": "succeeded", "after_b": "skipped"}
    assert run.inputs("after_a")["x"] == []


def test_a_map_over_an_artifact_addresses_its_items_without_loading_them() -> None:
    big = Artifact("art", "any", {"length": 2}, codec="json", digest="blake2b:00")
    graph = pipeline(task("make"), task("use", each=over("n", Output("make")), inputs={"n": Item("n")}))
    run = Simulation(graph, scripted({"make": Done({RESULT: ArtifactRef("art")}, artifacts=(big,))})).run()
    assert [told.inputs["n"] for told in run.ran("use")] == [ArtifactRef("art", (0,)), ArtifactRef("art", (1,))]


def test_parallelism_bounds_one_map() -> None:
    graph = pipeline(task("m", each=over("n", list(range(6)), parallelism=2), inputs={"n": Item("n")}))
    most = 0

    def script(told: Started) -> Any:
        nonlocal most
        most = max(most, run.progress.running)
        return 1

    run = Simulation(graph, script, slots=6)
    run.run()
    assert (run.state, most, len(run.ran("m"))) == ("succeeded", 2, 6)


def test_a_map_larger_than_the_window_runs_to_its_end() -> None:
    graph = pipeline(
        task("m", each=over("n", list(range(1500))), inputs={"n": Item("n")}), task("end", inputs={"x": Collect("m")})
    )
    run = Simulation(graph, scripted({"m": lambda t: t.inputs["n"]})).run()
    assert run.state == "succeeded"
    assert run.inputs("end")["x"] == list(range(1500))


def test_something_that_cannot_be_mapped_fails_the_node() -> None:
    graph = pipeline(task("one"), task("m", each=over("n", Output("one"))), task("end", inputs={"x": Collect("m")}))
    run = Simulation(graph, scripted({"one": 3})).run()
    assert run.states() == {"one": "succeeded", "m": "failed", "end": "upstream_failed"}
    assert "map over 'n': int 3 cannot be mapped over" in run.cause("m").message


# --- retries ---


def test_retry_waits_longer_each_time_and_gives_up() -> None:
    graph = pipeline(task("t", retry=Retry(3, delay=10, factor=2, cap=30)))
    run = Simulation(graph, lambda told: Fail()).run()
    assert run.state == "failed"
    assert [told.number for told in run.started] == [1, 2, 3, 4]
    assert (run.clock.now() - EPOCH) == timedelta(seconds=10 + 20 + 30)


def test_a_refusal_is_not_retried() -> None:
    run = Simulation(pipeline(task("t", retry=Retry(3))), lambda told: Fail("no", CauseKind.REFUSED)).run()
    assert len(run.started) == 1


def test_retry_of_a_whole_subgraph_repeats_all_of_it_and_nobody_outside_sees_the_first_round() -> None:
    graph = pipeline(
        sub("block", task("a"), task("b", "block/a"), retry=Retry(2, delay=5), outputs={"b": Output("block/b")}),
        task("peek", "block/a"),
        task("end", inputs={"b": Output("block", "b")}),
    )
    tries = {"n": 0}

    def script(told: Started) -> Any:
        if told.path == "block/a":
            tries["n"] += 1
            return tries["n"]
        if told.path == "block/b" and tries["n"] < 3:
            return Fail()
        return told.inputs.get("block_a", "x")

    run = Simulation(graph, script).run()
    assert run.state == "succeeded"
    assert tries["n"] == 3
    assert run.inputs("peek") == {"block_a": 3}, "read once, from the round that lasted"
    assert run.inputs("end") == {"b": 3}
    assert run.states()["block/b[0]"] == "failed"
    assert run.states()["block/b[0#2]"] == "succeeded"


def test_retry_of_one_item_of_a_mapped_subgraph_leaves_the_others_alone() -> None:
    failed: list[int] = []

    def script(told: Started) -> Any:
        if told.path == "g/b" and told.index == 1 and not failed:
            failed.append(1)
            return Fail()
        return told.index

    graph = pipeline(
        sub("g", task("a", inputs={"x": Item("x")}), task("b", "g/a"), each=over("x", [5, 6, 7]), retry=Retry(1)),
        task("end", inputs={"x": Collect("g/b")}),
    )
    run = Simulation(graph, script).run()
    assert run.state == "succeeded"
    assert len(run.ran("g/a")) == 4
    assert run.inputs("end")["x"] == [0, 1, 2]
    assert run.of("g/b[1#1]") == "succeeded"


# --- how the rest ended ---


@pytest.mark.parametrize(("fails", "expected"), [(True, "failed"), (False, "succeeded")])
def test_an_exit_handler_is_told_how_the_rest_ended(fails: bool, expected: str) -> None:
    graph = pipeline(
        sub("body", task("work"), task("more", "body/work")),
        task("exit", inputs={"status": Status("body")}, join=Join.ALL_DONE),
    )
    run = Simulation(graph, scripted({"body/work": Fail("no disk") if fails else 1})).run()
    assert run.of("exit") == "succeeded"
    status = run.inputs("exit")["status"]
    assert status["state"] == expected
    why = "body/work failed: no disk (and 1 other task did not succeed)" if fails else ""
    assert (status["error"] or {}).get("message", "") == why
    assert run.state == expected, "the run stays failed although its exit task succeeded"


def test_an_optional_input_of_a_failed_upstream_is_left_out_or_null() -> None:
    graph = pipeline(
        task("bad"),
        task(
            "lenient",
            inputs={"x": Output("bad", absent=Absent.OMIT), "y": Output("bad", absent=Absent.NULL)},
            join=Join.ALL_DONE,
        ),
        task("strict", inputs={"x": Output("bad")}, join=Join.ALL_DONE),
        task("skips", inputs={"x": Output("bad", absent=Absent.SKIP)}, join=Join.ALL_DONE),
    )
    run = Simulation(graph, scripted({"bad": Fail()})).run()
    assert run.inputs("lenient") == {"y": None}
    assert (run.of("strict"), run.of("skips")) == ("failed", "skipped")
    assert run.cause("strict").message == "input 'x': output 'result' of bad has no value"


def test_an_optional_input_of_a_skipped_upstream_does_not_skip_the_node() -> None:
    graph = pipeline(task("off"), task("t", inputs={"x": Output("off", absent=Absent.OMIT)}), task("s", "off"))
    run = Simulation(graph, scripted({"off": Skipped()})).run()
    assert (run.of("t"), run.of("s"), run.inputs("t")) == ("succeeded", "skipped", {})


# --- branches ---


@pytest.mark.parametrize("value", [1, 5])
def test_first_of_takes_whichever_branch_ran(value: int) -> None:
    big = Binary(Op.GT, Read(Output("n")), Read(Const(3)))
    graph = pipeline(
        task("n"),
        sub("if_big", task("a"), when=big, outputs={"x": Output("if_big/a")}),
        sub("otherwise", task("b"), when=Unary(Fn.NOT, big)),
        task("end", inputs={"x": FirstOf((Output("if_big", "x"), Output("otherwise/b")))}),
    )
    run = Simulation(graph, scripted({"n": value, "if_big/a": "big", "otherwise/b": "small"})).run()
    assert run.state == "succeeded"
    assert run.inputs("end")["x"] == ("big" if value > 3 else "small")
    assert run.of("otherwise" if value > 3 else "if_big") == "skipped"


def test_first_of_nothing_skips_or_fails_as_it_says() -> None:
    graph = pipeline(
        task("a"),
        task("b"),
        task("s", inputs={"x": FirstOf((Output("a"), Output("b")), Absent.SKIP)}),
        task("f", inputs={"x": FirstOf((Output("a"), Output("b")))}),
    )
    run = Simulation(graph, scripted({"a": Skipped(), "b": Skipped()})).run()
    assert (run.of("s"), run.of("f")) == ("skipped", "failed")


def test_a_branch_spares_a_downstream_that_the_followed_branch_also_reaches() -> None:
    graph = pipeline(
        task("branch"),
        task("a", after=(After("branch"),)),
        task("b", after=(After("branch"),)),
        task("join", after=(After("branch"), After("a")), join=Join.NONE_FAILED_MIN_ONE_SUCCESS),
        task("after_b", after=(After("b"),)),
    )
    run = Simulation(graph, scripted({"branch": Done({}, Steer(follow=("a",)))})).run()
    assert run.states() == {
        "branch": "succeeded",
        "a": "succeeded",
        "b": "skipped",
        "join": "succeeded",
        "after_b": "skipped",
    }


def test_a_branch_to_nowhere_fails_the_task_and_a_none_branch_skips_all() -> None:
    graph = pipeline(task("branch"), task("model_a", after=(After("branch"),)))
    run = Simulation(graph, scripted({"branch": Done({}, Steer(follow=("model_x",)))})).run()
    assert run.of("branch") == "failed"
    assert "no task 'model_x'" in run.cause("branch").message
    assert "'model_a'" in run.cause("branch").message
    run = Simulation(graph, scripted({"branch": Done({}, Steer(follow=()))})).run()
    assert run.of("model_a") == "skipped"


def test_a_transitive_short_circuit_ignores_joins_but_spares_teardowns() -> None:
    graph = pipeline(
        task("check"),
        task("a", after=(After("check"),)),
        task("b", after=(After("a"),), join=Join.ALL_DONE),
        task("clean", after=(After("b"),), role=Role.TEARDOWN, join=Join.ALL_DONE),
        task("direct", after=(After("check"),)),
    )
    run = Simulation(graph, scripted({"check": Done({}, Steer(follow=(), transitive=True))})).run()
    assert run.states() == {
        "check": "succeeded",
        "a": "skipped",
        "b": "skipped",
        "clean": "succeeded",
        "direct": "skipped",
    }
    run = Simulation(graph, scripted({"check": Done({}, Steer(follow=()))})).run()
    assert run.of("b") == "succeeded", "without `transitive` the join rule of b decides"


# --- setup and teardown ---


def cluster(**options: Any) -> Any:
    return pipeline(
        task("create", role=Role.SETUP),
        task("work", after=(After("create"),)),
        task("late", after=(After("work"),)),
        task(
            "delete",
            after=(After("late"),),
            role=Role.TEARDOWN,
            setups=("create",),
            join=Join.ALL_DONE_SETUP_SUCCESS,
            counts_for_outcome=False,
        ),
        **options,
    )


def test_a_teardown_runs_when_the_work_failed() -> None:
    run = Simulation(cluster(), scripted({"work": Fail()})).run()
    assert run.states() == {"create": "succeeded", "work": "failed", "late": "upstream_failed", "delete": "succeeded"}
    assert run.state == "failed"


def test_a_teardown_does_not_run_without_its_setup_and_nothing_relies_on_a_missing_setup() -> None:
    run = Simulation(cluster(), scripted({"create": Fail()})).run()
    assert run.of("delete") == "upstream_failed"
    run = Simulation(cluster(), scripted({"create": Skipped()})).run()
    assert (run.of("work"), run.of("late"), run.of("delete")) == ("skipped", "skipped", "skipped")


def test_an_indirect_setup_must_have_succeeded() -> None:
    graph = pipeline(
        task("create", role=Role.SETUP),
        task("work", after=(After("create"),)),
        task("late", after=(After("work"),), join=Join.ALL_DONE),
    )
    run = Simulation(graph, scripted({"create": Fail()})).run()
    assert run.of("late") == "upstream_failed"


def test_a_failed_teardown_does_not_fail_a_run_it_does_not_count_for() -> None:
    run = Simulation(cluster(outcome=Outcome.LEAVES), scripted({"delete": Fail()})).run()
    assert (run.of("delete"), run.state) == ("failed", "succeeded")


def test_a_teardown_runs_when_the_run_is_cancelled() -> None:
    run = Simulation(cluster(), scripted({"work": Stays()})).run(until=lambda run: bool(run.ran("work")))
    run.send(Cancel("ann"))
    run.go_on()
    assert run.states() == {"create": "succeeded", "work": "cancelled", "late": "cancelled", "delete": "succeeded"}
    assert run.state == "cancelled"
    assert "cancelled by ann" in run.cause("work").message


# --- waits ---


def test_a_wait_for_a_time_and_for_a_while_hold_no_slot() -> None:
    graph = pipeline(
        Node("until", Wait(UntilTime(Const(datetime.fromisoformat("2026-01-01T03:00:00+00:00"))))),
        Node("pause", Wait(UntilTime(Const(90))), after=(After("until"),)),
        task("end", after=(After("pause"),)),
    )
    run = Simulation(graph, slots=1).run()
    assert run.state == "succeeded"
    assert run.clock.now() == EPOCH + timedelta(hours=3, seconds=90)


def test_a_wait_for_an_event_takes_its_payload() -> None:
    graph = pipeline(Node("wait", Wait(UntilEvent(Const("data"), Const("eu")))), task("end", "wait"))
    run = Simulation(graph).run()
    assert run.of("wait") == "suspended"
    run.send(Happened("data", "us", 1))
    run.send(Happened("other", "eu", 2))
    assert run.of("wait") == "suspended"
    run.send(Happened("data", "eu", {"rows": 3}))
    assert run.go_on().inputs("end") == {"wait": {"rows": 3}}


@pytest.mark.parametrize("answer", ["yes", "no", "late", "stranger"])
def test_a_wait_for_an_approval_with_a_deadline(answer: str) -> None:
    graph = pipeline(
        Node(
            "ask", Wait(UntilApproval(Template((Const("release "), Param("v"))), ("ann",)), deadline=3600), retry=None
        ),
        task("release", "ask"),
        params=(Parameter("v"),),
    )
    run = Simulation(graph, params={"v": 3}).run(until=lambda run: run.states().get("ask") == "suspended")
    key = run.key("ask")
    wake = run.progress.units[key].wake
    assert wake is not None
    assert wake.approval == "release 3"
    if answer == "stranger":
        run.send(Approved(key, True, "bob"))
        assert run.of("ask") == "suspended"
    if answer in ("yes", "no"):
        run.send(Approved(key, answer == "yes", "ann", "fine"))
    run.go_on()
    if answer == "yes":
        assert run.inputs("release") == {"ask": {"approved": True, "by": "ann", "comment": "fine"}}
    else:
        assert (run.of("ask"), run.of("release"), run.state) == ("failed", "upstream_failed", "failed")
        expected = "refused by ann: fine" if answer == "no" else "its deadline has passed"
        assert run.cause("ask").message == expected


@pytest.mark.parametrize(("overdue", "state"), [(Overdue.SKIP, "skipped"), (Overdue.SUCCEED, "succeeded")])
def test_an_overdue_wait_may_be_skipped_or_succeed(overdue: Overdue, state: str) -> None:
    graph = pipeline(Node("w", Wait(UntilEvent(Const("e")), deadline=10, overdue=overdue)))
    run = Simulation(graph).run()
    assert (run.of("w"), run.state, run.clock.now()) == (state, "succeeded", EPOCH + timedelta(seconds=10))


def test_a_poll_suspends_between_tries_and_is_no_retry() -> None:
    graph = pipeline(
        Node("ready", Wait(UntilTrue(FunctionRef("user", "ready"), 60), deadline=1000)), task("end", "ready")
    )
    run = Simulation(
        graph, scripted({"ready": lambda t: "yes" if t.number == 3 else Wake(after_s=60, resume=t.number)})
    ).run()
    assert run.state == "succeeded"
    assert [(told.number, told.resume) for told in run.ran("ready")] == [(1, None), (2, 1), (3, 2)]
    assert run.clock.now() == EPOCH + timedelta(seconds=120)


def test_a_poll_gives_up_at_its_deadline() -> None:
    graph = pipeline(Node("ready", Wait(UntilTrue(FunctionRef("user", "ready"), 60), deadline=150)))
    run = Simulation(graph, lambda t: Wake(after_s=60)).run()
    assert (run.state, run.clock.now()) == ("failed", EPOCH + timedelta(seconds=150))


def test_a_task_may_suspend_itself_and_is_resumed_with_what_it_kept() -> None:
    graph = pipeline(task("job"))
    run = Simulation(graph, lambda t: t.resume if t.resume else Wake(event="finished", resume="id-7")).run()
    run.send(Happened("finished", payload="result of id-7"))
    run.go_on()
    assert run.progress.units[run.key("job")].outputs == {"result": "result of id-7"}


# --- the previous run ---


def test_a_task_holds_for_the_previous_run() -> None:
    graph = pipeline(
        task("a", previous_run=PreviousRun.SELF),
        task("b", previous_run=PreviousRun.SELF_AND_DOWNSTREAM),
        task("c", "b"),
    )
    run = Simulation(graph, previous="before").run()
    assert run.states() == {"a": "pending", "b": "pending", "c": "pending"}
    run.send(PreviousChanged({"a": TaskState.SUCCEEDED, "b": TaskState.SUCCEEDED, "c": TaskState.RUNNING}))
    run.go_on()
    assert run.states() == {"a": "succeeded", "b": "pending", "c": "pending"}
    run.send(PreviousChanged({"a": TaskState.SUCCEEDED, "b": TaskState.SKIPPED, "c": TaskState.SUCCEEDED}))
    assert run.go_on().state == "succeeded"
    first = Simulation(graph).run()
    assert first.state == "succeeded", "the first run has nothing to hold for"


# --- what is read from rows ---


def test_resources_and_limits_are_read_from_an_output() -> None:
    graph = pipeline(
        task("size"),
        task(
            "t",
            resources={"memory": Output("size", path=("memory",))},
            limits=(
                LimitUse(Template((Const("pool:"), Output("size", path=("pool",)))), Output("size", path=("slots",))),
            ),
        ),
    )
    run = Simulation(graph, scripted({"size": {"memory": 512, "pool": "gpu", "slots": 2}}), slots=1)
    run.run(until=lambda run: run.of("size") == "succeeded")
    execute = run.progress.units[run.key("t")].execute
    assert execute is not None
    assert execute.limits == (("pool:gpu", 2),)
    run.send(Dispatch(1, frozenset({"pool:gpu"})))
    assert run.of("t") == "ready", "a full limit holds it back"
    run.go_on()
    assert run.ran("t")[0].resources == {"memory": 512}


@pytest.mark.parametrize(("rows", "state"), [(100, "succeeded"), (3, "skipped")])
def test_a_condition_on_artifact_metadata(rows: int, state: str) -> None:
    frame = Artifact("f", "Dataset", {"rows": rows}, digest="blake2b:11")
    enough = Binary(Op.GE, Read(Metadata(Output("load"), ("rows",))), Read(Const(10)))
    graph = pipeline(task("load"), task("train", "load", when=enough))
    run = Simulation(graph, scripted({"load": Done({RESULT: ArtifactRef("f")}, artifacts=(frame,))})).run()
    assert run.of("train") == state


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Read(Output("n", path=("missing",))), "output 'result'['missing'] of n has no value"),
        (Binary(Op.GT, Read(Output("n", path=("text",))), Read(Const(3))), "cannot order text 'x' and number 3"),
        (Read(Output("n", path=("text",))), "a condition must be true or false, not text 'x'"),
        (Binary(Op.EQ, Read(Output("n", path=("ref",))), Read(Const(3))), "cannot read the content of an artifact"),
    ],
)
def test_a_condition_that_cannot_be_decided_fails_the_node(condition: Any, message: str) -> None:
    art = Artifact("f", "Dataset", {}, digest="blake2b:11")
    graph = pipeline(task("n"), task("t", when=condition))
    value = {"text": "x", "ref": ArtifactRef("f")}
    run = Simulation(graph, scripted({"n": Done({RESULT: value}, artifacts=(art,))})).run()
    assert run.of("t") == "failed"
    assert message in run.cause("t").message


def test_run_info_parameters_and_lists_of_bindings() -> None:
    graph = pipeline(
        task("a"),
        task(
            "t",
            inputs={
                "id": RunInfo(RunField.RUN_ID),
                "p": Param("p", path=("k",)),
                "both": ListOf((Output("a"), Const(2))),
            },
        ),
        params=(Parameter("p"),),
    )
    run = Simulation(graph, params={"p": {"k": 1.5}}).run()
    assert run.inputs("t") == {"id": "r", "p": 1.5, "both": ["a", 2]}


def test_inputs_of_a_scope_have_defaults_and_are_checked() -> None:
    inside = task("t", inputs={"x": Param("x", "s"), "y": Param("y", "s")})
    parameters = (Parameter("x", Type("int")), Parameter("y", Type("int"), 5))
    good = pipeline(Node("s", Sub(Scope((inside,), parameters)), inputs={"x": Const(1)}))
    run = Simulation(good).run()
    assert run.inputs("s/t") == {"x": 1, "y": 5}
    bad = pipeline(Node("s", Sub(Scope((inside,), parameters)), inputs={"x": Const("one")}))
    run = Simulation(bad).run()
    assert run.cause("s").message == "x: 'one' is not int"
    assert run.of("s") == "failed"


# --- edges across scopes ---


def test_an_edge_into_a_scope_and_one_out_of_it() -> None:
    graph = pipeline(
        task("slow"),
        sub("s", task("free"), task("needs", "slow")),
        task("after_free", "s/free"),
    )
    order: list[str] = []

    def script(told: Started) -> Any:
        if told.path == "slow" and "after_free" not in order:
            return Stays()
        order.append(told.path)
        return told.path

    run = Simulation(graph, script).run()
    assert run.state == "succeeded"
    assert order.index("after_free") < order.index("slow"), "what is inside is read from outside as soon as it ended"


def test_what_is_inside_a_skipped_scope_counts_as_skipped_outside() -> None:
    graph = pipeline(
        sub("s", task("a"), when=Read(Const(False))),
        task("b", "s/a"),
        task("c", after=(After("s/a"),), join=Join.ALL_SKIPPED),
    )
    run = Simulation(graph).run()
    assert run.states() == {"s": "skipped", "b": "skipped", "c": "succeeded"}


def test_an_edge_may_count_a_mapped_upstream_by_instances() -> None:
    graph = pipeline(
        task("m", each=over("n", [0, 1, 2]), inputs={"n": Item("n")}),
        task("whole", after=(After("m"),), join=Join.ONE_FAILED),
        task("each_one", after=(After("m", instances=True),), join=Join.ONE_FAILED),
    )
    order: list[str] = []

    def script(told: Started) -> Any:
        order.append(f"{told.path}{told.index}")
        return Fail() if told.path == "m" and told.index == 0 else 1

    run = Simulation(graph, script, slots=1).run()
    assert (run.of("whole"), run.of("each_one")) == ("succeeded", "succeeded")
    assert order.index("each_one-1") < len(order) - 1
    assert order.index("whole-1") > order.index("m2")


# --- join rules ---

S, F, U, K = "succeeded", "failed", "upstream_failed", "skipped"
JOINS = [
    (Join.ALL_SUCCESS, "ss", S), (Join.ALL_SUCCESS, "sf", U), (Join.ALL_SUCCESS, "sk", K), (Join.ALL_SUCCESS, "su", U),
    (Join.ALL_FAILED, "ff", S), (Join.ALL_FAILED, "fu", S), (Join.ALL_FAILED, "fs", K), (Join.ALL_FAILED, "fk", K),
    (Join.ALL_DONE, "sfk", S), (Join.ALL_DONE, "uu", S),
    (Join.ALL_DONE_MIN_ONE_SUCCESS, "sf", S), (Join.ALL_DONE_MIN_ONE_SUCCESS, "ff", U),
    (Join.ALL_DONE_MIN_ONE_SUCCESS, "sk", K),
    (Join.ALL_SKIPPED, "kk", S), (Join.ALL_SKIPPED, "ks", K),
    (Join.ONE_FAILED, "sf", S), (Join.ONE_FAILED, "su", S), (Join.ONE_FAILED, "sk", K),
    (Join.ONE_SUCCESS, "sf", S), (Join.ONE_SUCCESS, "kk", K), (Join.ONE_SUCCESS, "fk", U),
    (Join.ONE_DONE, "fk", S), (Join.ONE_DONE, "kk", K), (Join.ONE_DONE, "uk", K),
    (Join.NONE_FAILED, "sk", S), (Join.NONE_FAILED, "sf", U), (Join.NONE_FAILED, "kk", S),
    (Join.NONE_FAILED_MIN_ONE_SUCCESS, "sk", S), (Join.NONE_FAILED_MIN_ONE_SUCCESS, "kk", K),
    (Join.NONE_FAILED_MIN_ONE_SUCCESS, "sf", U),
    (Join.NONE_SKIPPED, "sf", S), (Join.NONE_SKIPPED, "sk", K),
    (Join.ALWAYS, "fk", S),
    (Join.ALL_DONE_SETUP_SUCCESS, "sfk", S),
]  # fmt: skip


@pytest.mark.parametrize(("join", "ups", "expected"), JOINS)
def test_each_join_rule(join: Join, ups: str, expected: str) -> None:
    results: dict[str, Any] = {}
    nodes: list[Node] = [task("bad")]
    results["bad"] = Fail()
    for position, how in enumerate(ups):
        name = f"up{position}"
        nodes.append(task(name, *(["bad"] if how == "u" else [])))
        results[name] = {"s": 1, "f": Fail(), "k": Skipped(), "u": None}[how]
    nodes.append(task("t", after=tuple(After(f"up{n}") for n in range(len(ups))), join=join))
    run = Simulation(pipeline(*nodes), scripted(results)).run()
    assert run.of("t") == expected


# --- outcomes, deadlines and cancellation ---


def test_outcome_by_leaves_forgives_what_was_handled() -> None:
    nodes = (task("bad"), task("handler", after=(After("bad"),), join=Join.ALL_DONE))
    assert Simulation(pipeline(*nodes), scripted({"bad": Fail()})).run().state == "failed"
    assert Simulation(pipeline(*nodes, outcome=Outcome.LEAVES), scripted({"bad": Fail()})).run().state == "succeeded"


def test_the_deadline_of_a_run_and_of_a_scope() -> None:
    run = Simulation(pipeline(task("a"), task("b", "a"), timeout=60), scripted({"a": Stays()})).run()
    assert (run.state, run.of("a"), run.of("b")) == ("failed", "cancelled", "cancelled")
    assert "longer than its 60 s" in run.cause("b").message
    graph = pipeline(sub("s", task("a"), task("b", "s/a"), timeout=60), task("c", "s/b"), task("d"))
    run = Simulation(graph, scripted({"s/a": Stays()})).run()
    assert (run.of("s"), run.of("c"), run.of("d")) == ("failed", "upstream_failed", "succeeded")
    assert run.cause("s").message == "it took longer than its 60 s"


def test_cancelling_a_large_map_ends_all_of_it() -> None:
    graph = pipeline(
        task("m", each=over("n", list(range(2000))), inputs={"n": Item("n")}), task("end", inputs={"x": Collect("m")})
    )
    run = Simulation(graph, scripted({"m": Stays()})).run(until=lambda run: len(run.started) == 4)
    run.send(Cancel("ann", "enough"))
    run.go_on()
    assert (run.state, run.of("m"), run.of("end"), run.of("m[0]")) == (
        "cancelled",
        "cancelled",
        "cancelled",
        "cancelled",
    )


def test_priority_goes_first_and_the_pipeline_bounds_its_attempts() -> None:
    graph = pipeline(task("low"), task("high", priority=5), task("mid", priority=1), parallelism=1)
    run = Simulation(graph, slots=3).run()
    assert [told.path for told in run.started] == ["high", "mid", "low"]


def test_the_value_of_the_pipeline_is_kept() -> None:
    graph = pipeline(task("a"), outputs={"answer": Output("a")})
    run = Simulation(graph, scripted({"a": 42})).run()
    assert run.progress.root.outputs == {"answer": 42}


def test_a_graph_that_waits_for_itself_fails_instead_of_waiting_for_ever() -> None:
    graph = pipeline(task("a", "b"), task("b", "a"), task("free"))
    run = Simulation(graph).run()
    assert run.state == "failed"
    assert run.states() == {"a": "upstream_failed", "b": "upstream_failed", "free": "succeeded"}
    assert run.cause("a").message == "it waits for something that can no longer end"


def test_a_scope_that_gives_out_what_lies_outside_of_it_waits_for_that() -> None:
    graph = pipeline(
        sub("s", task("inner"), outputs={"x": Output("outer")}),
        task("outer"),
        task("end", inputs={"x": Output("s", "x")}),
    )
    run = Simulation(graph, scripted({"outer": 7})).run()
    assert run.inputs("end") == {"x": 7}


def test_the_status_of_a_node_decides_a_condition() -> None:
    failed = Binary(Op.EQ, Read(Status("work", ("state",))), Read(Const("failed")))
    graph = pipeline(
        task("work"),
        task("alarm", when=failed, join=Join.ALL_DONE, inputs={"why": Status("work", ("error", "message"))}),
    )
    assert Simulation(graph, scripted({"work": Fail("disk full")})).run().inputs("alarm") == {"why": "disk full"}
    assert Simulation(graph).run().of("alarm") == "skipped"


def test_what_ends_because_of_others_names_them() -> None:
    graph = pipeline(
        task("bad"),
        task("off"),
        task("after_bad", "bad"),
        task("later", "after_bad", "bad"),
        task("after_off", "off"),
        task("m", each=over("n", [1, 2]), inputs={"n": Item("n")}),
        task("follows", each=Each((Over("x", Output("m"), follow=True),)), inputs={"x": Item("x")}),
        task("rule", after=(After("off"),), join=Join.ALL_FAILED),
    )
    script = {"bad": Fail(), "off": Skipped(), "m": lambda told: Fail() if told.index else 1}
    run = Simulation(graph, scripted(script)).run()
    said = {name: run.cause(name).message for name in ("after_bad", "later", "after_off", "follows[1]", "rule")}
    assert said == {
        "after_bad": "bad, which it needs, did not succeed",
        "later": "bad, which it needs, did not succeed (and 1 more)",
        "after_off": "off, which it needs, was skipped",
        "follows[1]": "the instance of m that it follows did not succeed",
        "rule": "its join rule all_failed does not hold: off skipped",
    }


def test_a_failure_inside_of_scopes_is_told_once() -> None:
    inner = Node("inner", Sub(Scope((task("bad"), task("after", "outer/inner/bad")))))
    outer = Node("outer", Sub(Scope((inner,))))
    run = Simulation(pipeline(outer, task("last", "outer")), scripted({"outer/inner/bad": Fail("no disk")})).run()
    told = "outer/inner/bad failed: no disk (and 1 other task did not succeed)"
    assert [run.cause(path).message for path in ("outer/inner", "outer", "")] == [told, told, told]
    assert run.cause("").by == "outer/inner/bad"


def test_the_status_of_a_map_that_failed_says_why() -> None:
    graph = pipeline(
        task("m", each=over("n", [1, 2, 3]), inputs={"n": Item("n")}),
        task("tell", inputs={"status": Status("m")}, join=Join.ALL_DONE),
    )
    run = Simulation(graph, scripted({"m": lambda told: Fail("no disk") if told.index == 1 else 1})).run()
    status = run.inputs("tell")["status"]
    assert status["state"] == "failed"
    assert status["error"]["message"] == run.cause("m").message
    assert run.cause("m").message == "of 3 instances 1 failed, 2 succeeded; first: no disk"


def test_an_item_without_what_was_skipped_in_it_skips_what_follows_it() -> None:
    branch = Node("branch", Sub(Scope((task("a"),))), when=Binary(Op.GT, Read(Item("v")), Read(Const(0))))
    block = sub(
        "block",
        branch,
        each=over("v", [0, 1]),
        outputs={"result": Output("block/branch/a", absent=Absent.OMIT)},
    )
    follow = Each((Over("x", Output("block", absent=Absent.SKIP), follow=True),))
    graph = pipeline(block, task("next", each=follow, inputs={"x": Item("x")}))
    run = Simulation(graph, scripted({"block/branch/a": "there"})).run()
    assert (run.of("next[0]"), run.of("next[1]"), run.state) == ("skipped", "succeeded", "succeeded")
