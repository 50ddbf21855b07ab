"""The cases that are always run: each join rule in each place over each end, and what chance seldom draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.matrix.generated import EARLY, FILE, Case, generated, pipeline, task
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
    Output,
    Param,
    Status,
)
from tidemill.core.graph import (
    After,
    Combine,
    Each,
    Empty,
    Import,
    Node,
    Outcome,
    Over,
    Overdue,
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
from tidemill.core.types import Parameter

FAILS, SKIPS, WORKS = {"ends": [["fail"]]}, {"ends": [["skip"]]}, {"ends": [["ok"]]}
ENDS = {"good": WORKS, "bad": FAILS, "off": SKIPS}
SEEDS = range(60)
"""Those of the generated cases that belong to the corpus."""


def corpus() -> list[Case]:
    return [*cells(), *named(), *(generated(seed, 6 + seed % 3 * 6) for seed in SEEDS)]


# --- every join rule ---


def cells() -> Iterator[Case]:
    for join in Join:
        yield Case(f"{join.value} after tasks", *_after_tasks(join), {})
        yield Case(f"{join.value} in a map", *_in_a_map(join), {})
        yield Case(f"{join.value} after a map", *_after_a_map(join), {})
        yield Case(f"{join.value} along a map", *_along_a_map(join), {})


def _after_tasks(join: Join) -> tuple[Any, dict[str, Any]]:
    """Tasks and maps after one task of each end, and after two."""
    role = Role.SETUP if join is Join.ALL_DONE_SETUP_SUCCESS else Role.NORMAL
    nodes = [task("good", role=role), task("bad", role=role), task("off", role=role), task("late", "bad", role=role)]
    ups = [node.id for node in nodes]
    for number, one in enumerate(ups):
        nodes.append(task(f"after_{one}", one, join=join))
        nodes.append(task(f"each_{one}", one, join=join, each=over("n", [1, 2]), inputs={"n": Item("n")}))
        nodes.extend(task(f"{one}_and_{other}", one, other, join=join) for other in ups[number + 1 :])
    nodes.append(task("free", join=join))
    return pipeline(*nodes), dict(ENDS)


def _in_a_map(join: Join) -> tuple[Any, dict[str, Any]]:
    """Inside of a mapped scope each item follows its own index; after it, what is inside is one node."""
    inside = [task("up", "s/first"), task("first"), task("down", "s/up", join=join)]
    graph = pipeline(sub("s", *inside, each=over("n", [1, 2, 3, 4])), task("end", "s/up", join=join))
    return graph, {
        "s/first": {"ends": [["ok"], ["fail"], ["ok"], ["ok"]]},
        "s/up": {"ends": [["ok"], [], ["fail"], ["skip"]]},
    }


def _after_a_map(join: Join) -> tuple[Any, dict[str, Any]]:
    """A map counts as one, or by its instances; one of them may not even be expanded."""
    nodes = [
        task("mixed", each=over("n", [0, 1, 2])),
        task("bad"),
        task("good", each=over("n", [0, 1])),
        task("late", "bad", each=over("n", [0, 1])),
        task("off", each=over("n", [0, 1])),
        task("none", each=over("n", [], empty=Empty.SKIP)),
    ]
    for up in [node.id for node in nodes if node.each]:
        nodes.append(task(f"as_one_{up}", join=join, after=(After(up),)))
        nodes.append(task(f"by_item_{up}", join=join, after=(After(up, instances=True),)))
    return pipeline(*nodes), {**ENDS, "mixed": {"ends": [["ok"], ["fail"], ["skip"]]}}


def _along_a_map(join: Join) -> tuple[Any, dict[str, Any]]:
    """Each instance of a map follows the one of another map, however that one ends."""
    null = Absent.NULL
    follow = Each((Over("x", Output("lead"), follow=True),))
    soft = (Over("x", Output("lead", absent=null), follow=True), Over("k", Const(["a", "b"])))
    # What may start before its item is there does not read it.
    reads = {"k": Item("k")} if join in EARLY else {"k": Item("k"), "x": Item("x")}
    graph = pipeline(
        task("none", each=over("n", [], empty=Empty.SKIP)),
        task("after_none", join=join, each=Each((Over("x", Output("none"), follow=True),))),
        task("next", join=join, each=follow, inputs={"at": Index()}),
        task("pairs", join=join, each=Each(soft), inputs=reads),
        sub("block", task("in"), join=join, each=follow, retry=Retry(1)),
        task("inside", "block/in", join=Join.ALL_DONE),
        task("lead", each=Each((Over("x", Output("first", absent=null), follow=True),)), inputs={"x": Item("x")}),
        task("first", each=over("n", Output("list"))),
        task("list"),
    )
    ends = [["ok"], [], ["fail"], ["skip"]]
    first = {"ends": [["ok"], ["fail"], ["ok"], ["ok"]]}
    return graph, {"list": {"kind": "list", "length": 4}, "first": first, "lead": {"ends": ends}}


# --- what chance seldom draws ---


def named() -> Iterator[Case]:
    yield Case("bodies", *_bodies())
    yield Case("leaves", _leaves(), {"bad": FAILS, "worse": FAILS}, {})
    yield Case("rounds of items", _rounds(), {"s/b": {"ends": [["ok"], ["fail", "ok"], ["fail"]]}}, {})
    yield Case("a word inside of a map", _word(), {"s/tell": {"follow": [], "transitive": True}}, {})
    yield Case("a word that goes on", *_short_circuit())
    yield Case("setups", _setups(), {"up": {"ends": [["later", "ok"]]}, "off": SKIPS, "use": FAILS}, {})
    yield Case("items that never began", _never_began(), {"bad": FAILS}, {})
    yield Case("lists that change", *_lists())
    yield Case(
        "nested maps",
        _nested(),
        {"outer/inner": {"ends": [["ok"], ["fail"], ["skip"]]}, "list": {"kind": "list", "length": 2}},
        {},
    )
    yield Case("imported again", *_imported())


def _bodies() -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Waits of each kind, in time and too late; and what each leads to."""
    waits = {
        "time": Wait(UntilTime(Const(10)), 20.0),
        "late": Wait(UntilTime(Const(50)), 20.0, Overdue.FAIL),
        "later": Wait(UntilTime(Const(50)), 20.0, Overdue.SKIP),
        "event": Wait(UntilEvent(Const("go"))),
        "never": Wait(UntilEvent(Const("never")), 20.0, Overdue.SKIP),
        "yes": Wait(UntilApproval(Const("may it?"))),
        "deny": Wait(UntilApproval(Const("may it?"))),
        "poll": Wait(UntilTrue(FunctionRef("behaviour", "poll", FILE), 30.0), 100.0),
        "tired": Wait(UntilTrue(FunctionRef("behaviour", "poll", FILE), 30.0), 45.0),
    }
    folder = {"folder": Param("folder")}
    nodes = [Node(id, body, inputs=folder if isinstance(body.until, UntilTrue) else {}) for id, body in waits.items()]
    nodes += [task(f"after_{id}", id, join=Join.NONE_FAILED) for id in waits]
    assert Case.approves("yes")
    assert not Case.approves("deny")
    behaviours = {"poll": {"ends": [["later", "later", "ok"]]}, "tired": {"ends": [["later"]]}}
    return pipeline(*nodes), behaviours, {"poll": FAILS, "tired": WORKS}


def _leaves() -> Any:
    """Teardowns and what does not count handle nobody's failure."""
    return pipeline(
        task("bad"),
        task("down", "bad", role=Role.TEARDOWN, join=Join.ALL_DONE, counts_for_outcome=False),
        sub("handled", task("worse"), task("handler", "handled/worse", join=Join.ALL_DONE), outcome=Outcome.LEAVES),
        outcome=Outcome.LEAVES,
    )


def _rounds() -> Any:
    """Of a mapped scope that is tried again some items succeed at once, some later, some never."""
    inside = [task("a", inputs={"n": Item("n")}), task("b", "s/a", inputs={"a": Output("s/a")})]
    block = sub("s", *inside, each=over("n", [5, 6, 7]), retry=Retry(2, delay=5.0), outputs={RESULT: Output("s/b")})
    return pipeline(
        block,
        task("look", join=Join.ALL_DONE, inputs={"a": Collect("s/a")}),
        task("peek", join=Join.ALL_DONE, inputs={"a": Collect("s/a"), "b": Collect("s/b", missing=Gap.NULL)}),
        task("end", join=Join.ALL_DONE, inputs={"x": Collect("s", missing=Gap.NULL), "state": Status("s", ("state",))}),
    )


def _word() -> Any:
    """What one item says of what comes after it holds in that item."""
    inside = [task("tell"), task("next", "s/tell"), task("on", "s/next", join=Join.ALL_DONE)]
    return pipeline(
        sub("s", *inside, each=over("n", [0, 1]), retry=Retry(1)),
        task("outside", "s/next", join=Join.ALL_DONE),
        task("further", "outside"),
    )


def _short_circuit() -> tuple[Any, dict[str, Any], dict[str, Any]]:
    nodes = [
        task("tell"),
        task("left", "tell"),
        task("right", "tell"),
        task("after", "left", join=Join.ALL_DONE),
        task("meet", "right", "after", join=Join.ALL_DONE),
        task("down", "after", role=Role.TEARDOWN, join=Join.ALL_DONE),
        task("close", "tell", role=Role.TEARDOWN, join=Join.ALL_DONE),
        task("bad", "right"),
    ]
    said = {"tell": {"follow": ["right"], "transitive": True}, "bad": FAILS}
    return pipeline(*nodes), said, {"tell": {"follow": ["left"]}}


def _setups() -> Any:
    return pipeline(
        task("up", role=Role.SETUP),
        task("off", role=Role.SETUP),
        task("use", "up"),
        task("also", "off", join=Join.ALL_DONE),
        task("late", "use", join=Join.ALL_DONE),
        task("later", "also", join=Join.ALL_DONE),
        task("both", "late", "later", join=Join.ALL_DONE),
        task("down", "use", role=Role.TEARDOWN, setups=("up",), join=Join.ALL_DONE_SETUP_SUCCESS),
        task("down_off", "also", role=Role.TEARDOWN, setups=("off",), join=Join.ALL_DONE_SETUP_SUCCESS),
    )


def _never_began() -> Any:
    """What stands for all that would have been inside."""
    need = (Parameter("p"),)
    fails = {"p": Output("bad")}
    again: dict[str, Any] = {"join": Join.ALL_DONE, "each": over("n", [0, 1]), "inputs": fails}
    return pipeline(
        task("bad"),
        Node("s", Sub(Scope((task("a"), Node("deep", Sub(Scope((task("b"),))), retry=Retry(1))), need)), **again),
        Node("t", Sub(Scope((task("a"),), need)), retry=Retry(1), **again),
        task("a", join=Join.ALL_FAILED, inputs={"x": Collect("s/a", missing=Gap.NULL)}),
        task("b", join=Join.ALL_FAILED, inputs={"x": Collect("s/deep/b", missing=Gap.NULL)}),
        task("c", join=Join.ONE_FAILED, after=(After("t/a"),)),
    )


def _lists() -> tuple[Any, dict[str, Any], dict[str, Any]]:
    graph = pipeline(
        task("list", kind="text", retry=Retry(1)),
        task("m", each=over("n", Output("list")), inputs={"n": Item("n"), "at": Index()}),
        task(
            "zip",
            each=Each((Over("a", Output("list")), Over("b", Const([1, 2]))), Combine.ZIP),
            inputs={"b": Item("b")},
        ),
        task("all", inputs={"x": Collect("m")}),
        task("long", each=over("n", Output("list"), longest=2)),
    )
    first = {"list": {"ends": [["fail", "ok"]], "kind": "list", "length": 3}, "m": {"ends": [["ok"], ["fail"]]}}
    return graph, first, {"list": {"kind": "list", "length": 2}}


def _nested() -> Any:
    inner = task("inner", each=over("k", Output("list")), inputs={"n": Item("n", 1), "k": Item("k"), "at": Index(1)})
    total = task("total", join=Join.ALL_DONE, inputs={"x": Collect("outer/inner", missing=Gap.NULL)})
    return pipeline(
        task("list"),
        sub("outer", inner, total, each=over("n", {"one": 1, "two": 2}), outputs={RESULT: Output("outer/total")}),
        task("nested", join=Join.ALL_DONE, inputs={"x": Output("outer/inner"), "y": Collect("outer")}),
    )


def _imported() -> tuple[Any, dict[str, Any], dict[str, Any]]:
    metadata: dict[str, Any] = {"n": FirstOf((Output("bad"), Const("nothing")))}
    graph = pipeline(
        task("bad"), Node("in", Import(Const("file:///data"), metadata=metadata), join=Join.ALL_DONE), task("end", "in")
    )
    return graph, {"bad": FAILS}, {}


def over(name: str, source: Any, **options: Any) -> Each:
    return Each((Over(name, Const(source) if isinstance(source, list | dict) else source),), **options)


def sub(id: str, *nodes: Node, outputs: Any = None, outcome: Outcome = Outcome.ANY_FAILURE, **header: Any) -> Node:
    return Node(id, Sub(Scope(nodes, (), outputs or {}, outcome)), **header)
