"""What a dry run says of each node, with what is known before anything has run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.unit.engine.simulation import pipeline, task
from tidemill.core.bindings import Collect, Const, FirstOf, Item, Output, Param
from tidemill.core.expressions import Binary, Op, Read
from tidemill.core.graph import Cache, Each, Node, Over, Pipeline, Scope, Sub, UntilEvent, Wait
from tidemill.core.records import Artifact
from tidemill.core.types import Parameter
from tidemill.core.wiring import Wiring
from tidemill.planning.dryrun import PlanLine, dry_run
from tidemill.planning.facts import CacheHit, CacheMiss

Kept = Mapping[str, Any]


def said(graph: Pipeline, params: Mapping[str, Any] | None = None, kept: Kept | None = None) -> dict[str, PlanLine]:
    """The lines by path. `kept` are the results in the cache, by path."""
    results = kept or {}

    def look_up(path: str, parts: Mapping[str, Any]) -> tuple[CacheHit | CacheMiss, Mapping[str, Artifact]]:
        if path not in results:
            return CacheMiss("code changed"), {}
        found = results[path]
        value = found(parts["inputs"]) if callable(found) else found
        return CacheHit({"result": value}, f"run before, {path}"), {}

    return {line.path: line for line in dry_run(Wiring(graph), params or {}, look_up)}


def cached(id: str, *names: str, **options: Any) -> Node:
    return task(id, *names, cache=Cache(), **options)


def with_code(*nodes: Node, **options: Any) -> Pipeline:
    return pipeline(*nodes, functions={f"user:{node.id}": "blake2b:1" for node in nodes}, **options)


def test_what_is_not_cached_runs_and_says_what_it_waits_for() -> None:
    lines = said(pipeline(task("a"), task("b", "a")))
    assert (lines["a"].action, lines["a"].waiting_for) == ("run", "")
    assert (lines["a"].reason, lines["b"].reason) == ("runs each time (no cache=True)", "")
    assert (lines["b"].action, lines["b"].waiting_for) == ("run", "a")


def test_a_kept_result_is_reused_and_makes_the_next_key_known() -> None:
    graph = with_code(cached("a"), cached("b", "a"), task("c", "b"))
    lines = said(graph, kept={"a": 3})
    assert (lines["a"].action, lines["a"].reason) == ("reuse", "kept from run before, a")
    assert (lines["b"].action, lines["b"].reason) == ("run", "not reused: code changed")
    assert (lines["c"].action, lines["c"].waiting_for) == ("run", "b")


def test_a_condition_is_decided_as_far_as_its_values_are_known() -> None:
    def branch(left: Any) -> Node:
        return Node("if", Sub(Scope((task("inside"),))), when=Binary(Op.GT, Read(left), Read(Const(3))))

    lines = said(pipeline(branch(Param("p")), params=(Parameter("p"),)), {"p": 5})
    assert (lines["if"].action, lines["if/inside"].action) == ("enter", "run")
    lines = said(pipeline(branch(Param("p")), params=(Parameter("p"),)), {"p": 1})
    assert (lines["if"].action, lines["if"].reason) == ("skip", "its condition is false")
    assert lines["if/inside"].action == "skip"
    lines = said(pipeline(task("n"), branch(Output("n"))))
    assert (lines["if"].action, lines["if"].waiting_for, lines["if/inside"].action) == ("undecided", "n", "undecided")


def test_what_follows_an_undecided_branch_is_undecided_and_what_follows_a_skipped_one_is_skipped() -> None:
    no = Read(Const(False))
    graph = pipeline(
        task("n"),
        task("maybe", when=Read(Output("n"))),
        task("after_maybe", "maybe"),
        task("off", when=no),
        task("after_off", "off"),
        task("either", inputs={"x": FirstOf((Output("off"), Output("n")))}),
    )
    lines = said(graph)
    actions = {path: line.action for path, line in lines.items()}
    assert actions == {
        "n": "run",
        "maybe": "undecided",
        "after_maybe": "undecided",
        "off": "skip",
        "after_off": "skip",
        "either": "run",
    }


def test_maps_are_counted_when_what_they_run_over_is_known() -> None:
    graph = with_code(
        task("items"),
        task("known", each=Each((Over("n", Const([1, 2, 3])),)), inputs={"n": Item("n")}),
        task("unknown", each=Each((Over("n", Output("items")),)), inputs={"n": Item("n")}),
        cached("half", each=Each((Over("n", Const([1, 2])),)), inputs={"n": Item("n")}),
        task("all", inputs={"x": Collect("known")}),
    )
    lines = said(graph, kept={"half": lambda inputs: inputs["n"]})
    assert (lines["known"].action, lines["known"].count) == ("map", 3)
    assert (lines["unknown"].action, lines["unknown"].count, lines["unknown"].waiting_for) == ("map", None, "items")
    assert (lines["half"].action, lines["half"].count, lines["half"].reason) == ("reuse", 2, "all 2 instances")
    assert lines["all"].waiting_for == "known"


def test_what_cannot_work_is_said_to_fail() -> None:
    graph = pipeline(task("m", each=Each((Over("n", Const(3)),)), inputs={"n": Item("n")}), task("after", "m"))
    lines = said(graph)
    assert lines["m"].action == "fail"
    assert "cannot be mapped over" in lines["m"].reason
    assert lines["after"].action == "fail"


def test_waits_are_told_and_inputs_of_scopes_are_followed() -> None:
    inner = task("inner", inputs={"x": Param("x", "s")})
    scope = Sub(Scope((inner,), (Parameter("x"),), {"y": Output("s/inner")}))
    graph = pipeline(
        Node("wait", Wait(UntilEvent(Const("data")))),
        Node("s", scope, inputs={"x": Const(1)}),
        task("after", inputs={"y": Output("s", "y")}),
    )
    lines = said(graph)
    assert (lines["wait"].action, lines["wait"].reason) == ("wait", "for event 'data'")
    assert (lines["s"].action, lines["s/inner"].action, lines["s/inner"].depth) == ("enter", "run", 1)
    assert lines["after"].action == "run"


def test_lines_come_in_the_order_in_which_things_would_happen() -> None:
    lines = list(said(pipeline(task("z", "y"), task("y", "x"), task("x"))))
    assert lines == ["x", "y", "z"]
