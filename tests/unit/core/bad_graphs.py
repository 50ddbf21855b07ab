"""Definitions with one mistake each, and word for word what the check says of them."""

from __future__ import annotations

from tests.unit.core.graphs import (
    BOOL,
    DATASET,
    FLOAT,
    INT,
    LIST,
    STR,
    call,
    compare,
    function,
    items,
    list_of,
    out,
    over,
    pipeline,
    setup,
    sub,
    teardown,
    wait,
)
from tidemill.core.bindings import (
    Absent,
    Apply,
    Binding,
    Collect,
    Const,
    FirstOf,
    Index,
    Item,
    ListOf,
    Metadata,
    Param,
    Status,
    Template,
)
from tidemill.core.expressions import Fn, Op, Read, Unary
from tidemill.core.graph import (
    Cache,
    Combine,
    Each,
    Import,
    LimitUse,
    Node,
    Outcome,
    Over,
    Pipeline,
    Retry,
    RetryRule,
    Role,
    Source,
    UntilApproval,
    UntilEvent,
    UntilTime,
    UntilTrue,
)
from tidemill.core.joins import Join
from tidemill.core.problems import Problem
from tidemill.core.types import Parameter


def nested(levels: int) -> Binding:
    binding: Binding = Const(1)
    for _ in range(levels):
        binding = ListOf((binding,))
    return binding


def deep(levels: int) -> Node:
    node = call("core")
    for _ in range(levels):
        node = sub("s", node)
    return node


Case = tuple[str, Pipeline, list[Problem]]

BAD: list[Case] = [
    # --- outline
    (
        "empty_pipeline",
        pipeline(),
        [Problem("empty-pipeline", "flow", "the pipeline 'flow' has no nodes", "call at least one task in it")],
    ),
    (
        "empty_pipeline_with_source",
        pipeline(source=Source("flow.py", 3)),
        [Problem("empty-pipeline", "flow.py:3", "the pipeline 'flow' has no nodes", "call at least one task in it")],
    ),
    (
        "name_missing",
        pipeline(call("a"), name=" "),
        [
            Problem(
                "bad-name",
                "pipeline",
                "the pipeline has no name",
                "use a name of 1 to 250 characters without '/' and control characters",
            )
        ],
    ),
    (
        "name_with_slash",
        pipeline(call("a"), name="a/b"),
        [
            Problem(
                "bad-name",
                "a/b",
                "the pipeline's name 'a/b' cannot be used",
                "use a name of 1 to 250 characters without '/' and control characters",
            )
        ],
    ),
    (
        "id_empty",
        pipeline(sub("s", call(""), line=2)),
        [
            Problem(
                "bad-id",
                "s/",
                "a node inside node 's' has an empty id",
                "use 1 to 250 of the characters A-Z a-z 0-9 _ . -",
            )
        ],
    ),
    (
        "id_with_slash",
        pipeline(call("a/b", line=7)),
        [
            Problem(
                "bad-id",
                "flow.py:7",
                "the id 'a/b' has characters that an id cannot have",
                "use 1 to 250 of the characters A-Z a-z 0-9 _ . -",
            )
        ],
    ),
    (
        "id_too_long",
        pipeline(call("x" * 251)),
        [
            Problem(
                "bad-id",
                f"{'x' * 133} ... {'x' * 67}",
                "the id 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ... xxxxxxxxxxxxxxxxxxxx' has 251 characters",
                "use 1 to 250 of the characters A-Z a-z 0-9 _ . -",
            )
        ],
    ),
    (
        "id_twice",
        pipeline(call("a", line=1), call("b"), call("a", line=9)),
        [
            Problem(
                "duplicate-id",
                "flow.py:9",
                "there are two nodes 'a'; the first is at flow.py:1",
                "give one of them another name",
            )
        ],
    ),
    (
        "id_twice_in_scope",
        pipeline(sub("s", call("a"), call("a")), call("a")),
        [Problem("duplicate-id", "s/a", "there are two nodes 's/a'", "give one of them another name")],
    ),
    (
        "constant_that_is_none",
        pipeline(call("a", inputs={"x": Const({1, 2})}, line=4)),
        [
            Problem(
                "not-a-value",
                "flow.py:4",
                "input 'x' of node 'a': builtins.set is not a plain value",
                "let a task make it, and pass on what that task returns",
            )
        ],
    ),
    (
        "binding_without_end",
        pipeline(call("a", inputs={"x": nested(200)})),
        [
            Problem(
                "too-deep",
                "a",
                "input 'x' of node 'a' is nested deeper than 100 levels or has too many parts",
                "let a task work it out",
            )
        ],
    ),
    (
        "scopes_without_end",
        pipeline(deep(40)),
        [
            Problem(
                "too-deep",
                "s",
                "scopes are nested deeper than 32 levels inside node 's'",
                "split it into pipelines of their own",
            )
        ],
    ),
    # --- parameters
    (
        "parameter_twice",
        pipeline(call("a"), params=[Parameter("x"), Parameter("x")]),
        [
            Problem(
                "duplicate-parameter",
                "flow",
                "'x' is more than one parameter of the pipeline",
                "give one of them another name",
            )
        ],
    ),
    (
        "parameter_without_name",
        pipeline(call("a"), params=[Parameter("")]),
        [Problem("bad-parameter", "flow", "one parameter of the pipeline has no name", "name it")],
    ),
    (
        "default_of_other_type",
        pipeline(call("a"), params=[Parameter("depth", INT, "deep")], source=Source("flow.py", 1)),
        [
            Problem(
                "wrong-default",
                "flow.py:1",
                "the default of 'depth', parameter of the pipeline: 'deep' is not int",
                "change the default or the annotation",
            )
        ],
    ),
    (
        "default_that_is_no_value",
        pipeline(call("a"), params=[Parameter("rows", LIST, [object])]),
        [
            Problem(
                "not-a-value",
                "flow",
                "the default of 'rows', parameter of the pipeline: builtins.type is not a plain value",
                "use text, numbers, lists, dicts, dates or None",
            )
        ],
    ),
    (
        "scope_default_of_other_type",
        pipeline(sub("s", call("a"), takes=[Parameter("x", BOOL, 1)], line=5)),
        [
            Problem(
                "wrong-default",
                "flow.py:5",
                "the default of 'x', input of the scope 's': 1 is not bool",
                "change the default or the annotation",
            )
        ],
    ),
    # --- names
    (
        "unknown_output_node",
        pipeline(call("load"), call("train", inputs={"rows": out("laod")}, line=3)),
        [
            Problem(
                "unknown-node",
                "flow.py:3",
                "node 'train' names the unknown node 'laod' (input 'rows')",
                "did you mean 'load'?",
            )
        ],
    ),
    (
        "unknown_node_meant_elsewhere",
        pipeline(sub("prepare", call("split")), call("train", inputs={"rows": out("split")})),
        [
            Problem(
                "unknown-node",
                "train",
                "node 'train' names the unknown node 'split' (input 'rows')",
                "did you mean 'prepare/split'?",
            )
        ],
    ),
    (
        "unknown_after",
        pipeline(call("load"), call("train", after=["loda"])),
        [
            Problem(
                "unknown-node",
                "train",
                "node 'train' names the unknown node 'loda' (its order)",
                "did you mean 'load'?",
            )
        ],
    ),
    (
        "unknown_collect",
        pipeline(call("a", inputs={"x": Collect("nowhere")})),
        [Problem("unknown-node", "a", "node 'a' names the unknown node 'nowhere' (input 'x')", "")],
    ),
    (
        "unknown_status",
        pipeline(call("work"), call("notify", inputs={"how": Status("wokr")})),
        [
            Problem(
                "unknown-node",
                "notify",
                "node 'notify' names the unknown node 'wokr' (input 'how')",
                "did you mean 'work'?",
            )
        ],
    ),
    (
        "unknown_setup",
        pipeline(call("a", role=Role.TEARDOWN, setups=("cluster",))),
        [Problem("unknown-node", "a", "node 'a' names the unknown node 'cluster' (as a setup)", "")],
    ),
    (
        "unknown_in_condition",
        pipeline(call("score"), call("a", when=compare(out("scores"), Op.GT, 1))),
        [
            Problem(
                "unknown-node", "a", "node 'a' names the unknown node 'scores' (the condition)", "did you mean 'score'?"
            )
        ],
    ),
    (
        "unknown_in_pipeline_outputs",
        pipeline(call("a"), outputs={"best": out("b")}),
        [Problem("unknown-node", "flow", "the pipeline names the unknown node 'b' (output 'best')", "known: a")],
    ),
    (
        "unknown_output_key",
        pipeline(
            call("split", gives={"train": DATASET, "test": DATASET}),
            call("fit", inputs={"rows": out("split", key="trian")}),
        ),
        [
            Problem(
                "unknown-output",
                "fit",
                "node 'fit' reads 'trian' of node 'split', which has no such output (input 'rows')",
                "did you mean 'train'?",
            )
        ],
    ),
    (
        "unknown_collected_key",
        pipeline(call("fit", each=over(x=[1])), call("pick", inputs={"all": Collect("fit", "model")})),
        [
            Problem(
                "unknown-output",
                "pick",
                "node 'pick' reads 'model' of node 'fit', which has no such output (input 'all')",
                "known: result",
            )
        ],
    ),
    (
        "unknown_scope_output",
        pipeline(
            sub("s", call("a"), outputs={"model": out("s/a")}),
            call("b", inputs={"x": out("s", key="modle", absent=Absent.NULL)}),
        ),
        [
            Problem(
                "unknown-output",
                "b",
                "node 'b' reads 'modle' of node 's', which has no such output (input 'x')",
                "did you mean 'model'?",
            )
        ],
    ),
    (
        "nothing_to_read",
        pipeline(sub("s", call("a")), call("b", inputs={"x": out("s")})),
        [
            Problem(
                "unknown-output",
                "b",
                "node 'b' reads 'result' of node 's', which has no such output (input 'x')",
                "it has no outputs at all",
            )
        ],
    ),
    (
        "unknown_parameter",
        pipeline(call("a", inputs={"x": Param("treshold")}), params=[Parameter("threshold", FLOAT, 0.5)]),
        [
            Problem(
                "unknown-parameter",
                "a",
                "input 'x' of node 'a' reads 'treshold', and the pipeline has no such parameter",
                "did you mean 'threshold'?",
            )
        ],
    ),
    (
        "unknown_scope_input",
        pipeline(sub("s", call("a", inputs={"x": Param("row", "s")}), takes=[Parameter("rows", default=1)])),
        [
            Problem(
                "unknown-parameter",
                "s/a",
                "input 'x' of node 's/a' reads 'row', and the scope 's' has no such input",
                "did you mean 'rows'?",
            )
        ],
    ),
    (
        "scope_not_around",
        pipeline(
            sub("one", call("a"), takes=[Parameter("x", default=1)]),
            sub("two", call("b", inputs={"x": Param("x", "one")}, line=8)),
        ),
        [
            Problem(
                "wrong-scope",
                "flow.py:8",
                "input 'x' of node 'two/b' reads 'x' of the scope 'one', which is not around it",
                "pass the value down as an input of the scopes in between",
            )
        ],
    ),
    (
        "own_scope_from_outside",
        pipeline(sub("s", call("a"), takes=[Parameter("x")], inputs={"x": Param("x", "s")})),
        [
            Problem(
                "wrong-scope",
                "s",
                "input 'x' of node 's' reads 'x' of the scope 's', which is not around it",
                "pass the value down as an input of the scopes in between",
            )
        ],
    ),
    (
        "item_without_map",
        pipeline(call("a", inputs={"x": Item("x")})),
        [
            Problem(
                "item-depth",
                "a",
                "input 'x' of node 'a' reads 'item x' at depth 0, and there is no map around it",
                "depth 0 is the innermost map",
            )
        ],
    ),
    (
        "item_too_deep",
        pipeline(call("a", each=over(x=[1]), inputs={"x": Item("x", 1)})),
        [
            Problem(
                "item-depth",
                "a",
                "input 'x' of node 'a' reads 'item x' at depth 1, and there is 1 map around it",
                "depth 0 is the innermost map",
            )
        ],
    ),
    (
        "index_too_deep",
        pipeline(call("a", inputs={"n": Index()})),
        [
            Problem(
                "item-depth",
                "a",
                "input 'n' of node 'a' reads 'index' at depth 0, and there is no map around it",
                "depth 0 is the innermost map",
            )
        ],
    ),
    (
        "unknown_item",
        pipeline(call("a", each=over(depth=[1]), inputs={"x": Item("dept")})),
        [
            Problem(
                "unknown-item",
                "a",
                "input 'x' of node 'a' reads 'item dept', and the map of 'a' has no such item",
                "did you mean 'depth'?",
            )
        ],
    ),
    (
        "own_item_in_condition",
        pipeline(call("a", each=over(x=[1]), inputs=items("x"), when=compare(Item("x"), Op.GT, 1))),
        [
            Problem(
                "own-item",
                "a",
                "the condition of node 'a' reads 'item x' of its own map, which is expanded only after it",
                "put the node into a scope, map that scope, and read its item inside",
            )
        ],
    ),
    (
        "own_item_in_map",
        pipeline(call("a", each=Each((Over("x", Const([1])), Over("y", ListOf((Item("x"),))))))),
        [
            Problem(
                "own-item",
                "a",
                "the map over 'y' of node 'a' reads 'item x' of its own map, which is expanded only after it",
                "put the node into a scope, map that scope, and read its item inside",
            )
        ],
    ),
    (
        "first_of_nothing",
        pipeline(call("a", inputs={"x": FirstOf(())})),
        [
            Problem(
                "first-of-few",
                "a",
                "input 'x' of node 'a' picks the first of no value",
                "give at least two, or bind the value itself",
            )
        ],
    ),
    (
        "first_of_one",
        pipeline(call("a"), call("b", inputs={"x": FirstOf((out("a"),))})),
        [
            Problem(
                "first-of-few",
                "b",
                "input 'x' of node 'b' picks the first of one value only",
                "give at least two, or bind the value itself",
            )
        ],
    ),
    (
        "function_applied_by_engine",
        pipeline(call("a"), call("b", resources={"memory": Apply(function("half"), {"x": out("a")})})),
        [
            Problem(
                "apply-outside-worker",
                "b",
                "resource 'memory' of node 'b' applies the function flow:half, which only a worker can do",
                "make the function a task and bind its result",
            )
        ],
    ),
    (
        "metadata_of_a_number",
        pipeline(call("a", inputs={"x": Metadata(Const(3), ("rows",))})),
        [
            Problem(
                "no-artifact",
                "a",
                "input 'x' of node 'a' asks 3 for metadata, and only artifacts have it",
                "read the value itself",
            )
        ],
    ),
    # --- circles
    (
        "circle_of_two",
        pipeline(call("a", inputs={"x": out("b")}, line=1), call("b", inputs={"x": out("a")}, line=2)),
        [
            Problem(
                "circle",
                "flow.py:1",
                "these nodes wait for each other in a circle: a -> b -> a",
                "remove one of these dependencies",
            )
        ],
    ),
    (
        "circle_of_one",
        pipeline(call("a", inputs={"x": out("a")}, line=1)),
        [Problem("waits-for-itself", "flow.py:1", "node 'a' waits for itself (input 'x')", "remove this dependency")],
    ),
    (
        "circle_through_scope",
        pipeline(call("x", after=["s"]), sub("s", call("y", after=["x"]), call("z"))),
        [
            Problem(
                "circle",
                "x",
                "these nodes wait for each other in a circle: x -> s/y -> s -> x",
                "remove one of these dependencies",
            )
        ],
    ),
    (
        "circle_between_scopes",
        pipeline(sub("s", call("a", after=["t/b"])), sub("t", call("b", after=["c"])), call("c", after=["s"])),
        [
            Problem(
                "circle",
                "s",
                "these nodes wait for each other in a circle: s -> c -> t/b -> s/a -> s",
                "remove one of these dependencies",
            )
        ],
    ),
    (
        "circle_through_scope_output",
        pipeline(call("x", inputs={"v": out("s")}), sub("s", call("y"), outputs={"result": out("x")})),
        [
            Problem(
                "circle",
                "x",
                "these nodes wait for each other in a circle: x -> s -> x",
                "remove one of these dependencies",
            )
        ],
    ),
    (
        "two_circles",
        pipeline(
            call("a", after=["b"]),
            call("b", after=["a"]),
            call("c", after=["d"]),
            call("d", after=["e"]),
            call("e", after=["c"]),
        ),
        [
            Problem(
                "circle",
                "a",
                "these nodes wait for each other in a circle: a -> b -> a",
                "remove one of these dependencies",
            ),
            Problem(
                "circle",
                "c",
                "these nodes wait for each other in a circle: c -> e -> d -> c",
                "remove one of these dependencies",
            ),
        ],
    ),
    (
        "part_waits_for_holder",
        pipeline(sub("s", call("a", inputs={"x": out("s")}, line=4), outputs={"result": Const(1)})),
        [
            Problem(
                "waits-for-holder",
                "flow.py:4",
                "node 's/a' waits for 's', which it is part of (input 'x')",
                "depend on what 's' depends on, or move the node out of it",
            )
        ],
    ),
    (
        "holder_waits_for_part",
        pipeline(sub("s", call("a"), inputs={"x": out("s/a")}, takes=[Parameter("x")], line=6)),
        [
            Problem(
                "waits-for-part",
                "flow.py:6",
                "node 's' waits for 's/a', which is part of it (input 'x')",
                "what is inside starts only after it: read it inside, or through the outputs of the scope",
            )
        ],
    ),
    # --- maps
    (
        "map_over_nothing",
        pipeline(call("a", each=Each(()))),
        [Problem("map-over-nothing", "a", "node 'a' is mapped over nothing", "name what it runs over")],
    ),
    (
        "map_twice_over_one",
        pipeline(call("a", each=Each((Over("x", Const([1])), Over("x", Const([2])))))),
        [Problem("duplicate-item", "a", "node 'a' is mapped twice over 'x'", "give one of them another name")],
    ),
    (
        "map_without_parallelism",
        pipeline(call("a", each=Each((Over("x", Const([1])),), parallelism=0))),
        [Problem("bad-map", "a", "node 'a': parallelism of its map is 0", "use 1 or more, or leave it out")],
    ),
    (
        "map_of_no_length",
        pipeline(call("a", each=Each((Over("x", Const([1])),), longest=-1))),
        [Problem("bad-map", "a", "node 'a': longest of its map is -1", "use 1 or more, or leave it out")],
    ),
    (
        "map_over_text",
        pipeline(call("a", each=over(x="abc"))),
        [
            Problem(
                "not-mappable",
                "a",
                "the map over 'x' of node 'a': 'abc' is str, not a list or a dict",
                "map over a list, a dict or the result of a task",
            )
        ],
    ),
    (
        "map_over_number_of_task",
        pipeline(call("count", gives=INT), call("a", each=over(x=out("count")), line=2)),
        [
            Problem(
                "not-mappable",
                "flow.py:2",
                "the map over 'x' of node 'a': 'count' is int, not a list or a dict",
                "map over a list, a dict or the result of a task",
            )
        ],
    ),
    (
        "zip_of_different_lengths",
        pipeline(call("a", each=Each((Over("x", Const([1, 2])), Over("y", Const([1, 2, 3]))), Combine.ZIP))),
        [
            Problem(
                "zip-lengths",
                "a",
                "node 'a' zips lists of different lengths (x: 2, y: 3)",
                "make them equally long, or map over their product",
            )
        ],
    ),
    (
        "follow_what_is_not_mapped",
        pipeline(call("a"), call("b", each=Each((Over("x", out("a"), follow=True),)))),
        [
            Problem(
                "cannot-follow",
                "b",
                "node 'b' follows 'a' item by item, which is not mapped",
                "follow the result of a map in the same scope, or map over the collected list",
            )
        ],
    ),
    (
        "follow_into_scope",
        pipeline(call("a", each=over(x=[1])), sub("s", call("b", each=Each((Over("x", out("a"), follow=True),))))),
        [
            Problem(
                "cannot-follow",
                "s/b",
                "node 's/b' follows 'a' item by item, which is in another scope",
                "follow the result of a map in the same scope, or map over the collected list",
            )
        ],
    ),
    (
        "follow_a_parameter",
        pipeline(call("b", each=Each((Over("x", Param("xs"), follow=True),))), params=[Parameter("xs", LIST, [])]),
        [
            Problem(
                "cannot-follow",
                "b",
                "node 'b' follows 'xs' item by item, which is not the output of a node",
                "follow the result of a map in the same scope, or map over the collected list",
            )
        ],
    ),
    # --- flow
    (
        "missing_input",
        pipeline(call("train", takes={"rows": DATASET}, required=["rows"], line=5)),
        [
            Problem(
                "missing-input",
                "flow.py:5",
                "node 'train' has no value for its input 'rows'",
                "pass rows=... or give it a default",
            )
        ],
    ),
    (
        "missing_scope_input",
        pipeline(sub("s", call("a"), takes=[Parameter("rows", LIST)])),
        [
            Problem(
                "missing-input", "s", "node 's' has no value for its input 'rows'", "pass rows=... or give it a default"
            )
        ],
    ),
    (
        "unknown_input",
        pipeline(call("train", takes={"depth": INT}, inputs={"dept": Const(3)})),
        [Problem("unknown-input", "train", "node 'train' has no input 'dept'", "did you mean 'depth'?")],
    ),
    (
        "unknown_scope_input_given",
        pipeline(sub("s", call("a"), inputs={"x": Const(1)})),
        [Problem("unknown-input", "s", "node 's' has no input 'x'", "")],
    ),
    (
        "constant_of_other_type",
        pipeline(call("train", takes={"depth": INT}, inputs={"depth": Const("deep")})),
        [
            Problem(
                "wrong-type",
                "train",
                "input 'depth' of node 'train': 'deep' is not int",
                "bind a value of type int, or change the annotation",
            )
        ],
    ),
    (
        "type_of_edge",
        pipeline(
            call("count", gives=INT), call("train", takes={"rows": DATASET}, inputs={"rows": out("count")}, line=2)
        ),
        [
            Problem(
                "wrong-type",
                "flow.py:2",
                "input 'rows' of node 'train': 'count' is int, not Dataset",
                "bind a value of type Dataset, or change the annotation",
            )
        ],
    ),
    (
        "type_of_collected",
        pipeline(
            call("fit", gives=STR, each=over(x=[1])),
            call("pick", takes={"all": list_of(INT)}, inputs={"all": Collect("fit")}),
        ),
        [
            Problem(
                "wrong-type",
                "pick",
                "input 'all' of node 'pick': 'all fit' is list[str], not list[int]",
                "bind a value of type list[int], or change the annotation",
            )
        ],
    ),
    (
        "type_of_mapped_result",
        pipeline(
            call("fit", gives=STR, each=over(x=[1])), call("pick", takes={"one": STR}, inputs={"one": out("fit")})
        ),
        [
            Problem(
                "wrong-type",
                "pick",
                "input 'one' of node 'pick': 'fit' is list[str], not str",
                "bind a value of type str, or change the annotation",
            )
        ],
    ),
    (
        "type_of_parameter",
        pipeline(call("a", takes={"x": INT}, inputs={"x": Param("x")}), params=[Parameter("x", STR, "1")]),
        [
            Problem(
                "wrong-type",
                "a",
                "input 'x' of node 'a': 'x' is str, not int",
                "bind a value of type int, or change the annotation",
            )
        ],
    ),
    (
        "type_of_item",
        pipeline(
            call("names", gives=list_of(STR)), call("a", takes={"n": INT}, each=over(n=out("names")), inputs=items("n"))
        ),
        [
            Problem(
                "wrong-type",
                "a",
                "input 'n' of node 'a': 'item n' is str, not int",
                "bind a value of type int, or change the annotation",
            )
        ],
    ),
    (
        "type_of_constant_item",
        pipeline(call("a", takes={"n": INT}, each=over(n=[1, 2, "three"]), inputs=items("n"))),
        [
            Problem(
                "wrong-type",
                "a",
                "input 'n' of node 'a': an item of 'n': 'three' is not int",
                "bind a value of type int, or change the annotation",
            )
        ],
    ),
    (
        "item_without_key",
        pipeline(call("a", takes={"n": INT}, each=over(n=[{"m": 1}]), inputs={"n": Item("n", path=("n",))})),
        [
            Problem(
                "wrong-type",
                "a",
                "input 'n' of node 'a': an item of 'n' has nothing at .n",
                "bind a value of type int, or change the annotation",
            )
        ],
    ),
    (
        "type_of_alternative",
        pipeline(
            call("a", gives=INT),
            call("b", gives=STR),
            call("c", takes={"x": INT}, inputs={"x": FirstOf((out("a"), out("b")))}),
        ),
        [
            Problem(
                "wrong-type",
                "c",
                "input 'x' of node 'c': 'b' is str, not int",
                "bind a value of type int, or change the annotation",
            )
        ],
    ),
    (
        "type_through_scope",
        pipeline(
            sub("s", call("a", gives=STR), outputs={"n": out("s/a")}),
            call("b", takes={"n": INT}, inputs={"n": out("s", key="n")}),
        ),
        [
            Problem(
                "wrong-type",
                "b",
                "input 'n' of node 'b': 's.n' is str, not int",
                "bind a value of type int, or change the annotation",
            )
        ],
    ),
    (
        "type_into_scope",
        pipeline(sub("s", call("a"), takes=[Parameter("n", INT)], inputs={"n": Const("one")})),
        [
            Problem(
                "wrong-type",
                "s",
                "input 'n' of node 's': 'one' is not int",
                "bind a value of type int, or change the annotation",
            )
        ],
    ),
    (
        "type_of_time",
        pipeline(wait("w", UntilTime(Const([1])))),
        [
            Problem(
                "wrong-type",
                "w",
                "the time of node 'w': [1] is not datetime | timedelta | float | str",
                "bind a value of type datetime | timedelta | float | str, or change the annotation",
            )
        ],
    ),
    (
        "time_that_is_none",
        pipeline(wait("w", UntilTime(Const("tomorrow")), line=2)),
        [
            Problem(
                "bad-time",
                "flow.py:2",
                "the time that the wait 'w' waits for, 'tomorrow', is no time",
                "use a datetime with a zone, its ISO text, a timedelta or a number of seconds",
            )
        ],
    ),
    (
        "time_without_zone",
        pipeline(wait("w", UntilTime(Const("2026-01-02 03:04")))),
        [
            Problem(
                "bad-time",
                "w",
                "the time that the wait 'w' waits for, 2026-01-02T03:04:00, has no time zone",
                "use a datetime with a zone, its ISO text, a timedelta or a number of seconds",
            )
        ],
    ),
    (
        "type_of_list_part",
        pipeline(
            call("a", gives=STR), call("b", takes={"xs": list_of(INT)}, inputs={"xs": ListOf((Const(1), out("a")))})
        ),
        [
            Problem(
                "wrong-type",
                "b",
                "input 'xs' of node 'b': 'a' is str, not int",
                "bind a value of type list[int], or change the annotation",
            )
        ],
    ),
    (
        "path_into_number",
        pipeline(call("a", gives=INT), call("b", inputs={"x": out("a", "rows", 0)})),
        [
            Problem(
                "no-such-item",
                "b",
                "input 'x' of node 'b' reads 'a.rows[0]', and int has nothing at .rows[0]",
                "read the value itself",
            )
        ],
    ),
    (
        "path_into_list",
        pipeline(call("a", gives=LIST), call("b", inputs={"x": out("a", "rows")})),
        [
            Problem(
                "no-such-item",
                "b",
                "input 'x' of node 'b' reads 'a.rows', and list has nothing at .rows",
                "read the value itself",
            )
        ],
    ),
    (
        "dataset_in_text",
        pipeline(call("a", gives=DATASET), call("b", inputs={"x": Template((Const("see "), out("a")))})),
        [
            Problem(
                "artifact-in-text",
                "b",
                "input 'x' of node 'b' puts 'a' into a text, and it is of type Dataset",
                "use its metadata, or a plain value that the task returns",
            )
        ],
    ),
    # --- conditions
    (
        "text_with_number",
        pipeline(call("load", gives=STR), call("a", when=compare(out("load"), Op.GE, 5), line=3)),
        [
            Problem(
                "bad-condition",
                "flow.py:3",
                "the condition of node 'a' can never compare text >= number: load >= 5",
                "use values of the same kind; int, float and str convert",
            )
        ],
    ),
    (
        "constants_that_differ",
        pipeline(call("a", when=compare("5", Op.EQ, 5))),
        [
            Problem(
                "bad-condition",
                "a",
                "the condition of node 'a' can never compare text == number: '5' == 5",
                "use values of the same kind; int, float and str convert",
            )
        ],
    ),
    (
        "condition_that_is_a_number",
        pipeline(call("count", gives=INT), call("a", when=Read(out("count")))),
        [
            Problem(
                "bad-condition",
                "a",
                "the condition of node 'a' gives number, not true or false: count",
                "compare it with something",
            )
        ],
    ),
    (
        "condition_that_is_a_sum",
        pipeline(call("count", gives=INT), call("a", when=compare(out("count"), Op.ADD, 1))),
        [
            Problem(
                "bad-condition",
                "a",
                "the condition of node 'a' gives number, not true or false: count + 1",
                "compare it with something",
            )
        ],
    ),
    (
        "and_of_numbers",
        pipeline(call("count", gives=INT), call("a", when=compare(out("count"), Op.AND, True))),
        [
            Problem(
                "bad-condition",
                "a",
                "the condition of node 'a' can never compare number and bool: count and True",
                "use values of the same kind; int, float and str convert",
            )
        ],
    ),
    (
        "not_of_text",
        pipeline(call("a", when=Unary(Fn.NOT, Read(Const("no"))))),
        [
            Problem(
                "bad-condition",
                "a",
                "the condition of node 'a' asks for not of text: not ('no')",
                "use values of the same kind; int, float and str convert",
            )
        ],
    ),
    (
        "content_of_dataset",
        pipeline(call("load", gives=DATASET), call("a", when=compare(out("load", "rows"), Op.GT, 0), line=4)),
        [
            Problem(
                "content-in-condition",
                "flow.py:4",
                "the condition of node 'a' reads 'load.rows', the content of a Dataset",
                "use its metadata, or let the task return a plain value beside it",
            )
        ],
    ),
    # --- policies
    (
        "timeout_of_nothing",
        pipeline(call("a", timeout=0.0)),
        [
            Problem(
                "bad-timeout", "a", "the timeout of node 'a' is 0.0", "use a number of seconds above 0, or leave it out"
            )
        ],
    ),
    (
        "timeout_of_the_past",
        pipeline(call("a"), timeout=-1.0),
        [
            Problem(
                "bad-timeout",
                "flow",
                "the timeout of the pipeline is -1.0",
                "use a number of seconds above 0, or leave it out",
            )
        ],
    ),
    (
        "timeout_without_end",
        pipeline(call("a", timeout=float("inf"))),
        [
            Problem(
                "bad-timeout", "a", "the timeout of node 'a' is inf", "use a number of seconds above 0, or leave it out"
            )
        ],
    ),
    (
        "no_parallelism",
        pipeline(call("a"), parallelism=0),
        [Problem("bad-parallelism", "flow", "the parallelism of the pipeline is 0", "use 1 or more, or leave it out")],
    ),
    (
        "deadline_at_once",
        pipeline(wait("w", UntilApproval(Const("ok?")), 0.0)),
        [
            Problem(
                "bad-deadline",
                "w",
                "the deadline of the wait 'w' is 0.0",
                "use a number of seconds above 0, or leave it out",
            )
        ],
    ),
    (
        "poll_without_pause",
        pipeline(wait("w", UntilTrue(function("ready"), 0.0))),
        [Problem("bad-interval", "w", "the wait 'w' polls every 0.0 seconds", "use a number of seconds above 0")],
    ),
    (
        "wait_that_retries",
        pipeline(wait("w", UntilEvent(Const("data")), retry=Retry(2))),
        [
            Problem(
                "wait-with-retry",
                "w",
                "the wait 'w' has a retry policy",
                "give it a deadline, or retry the scope around it",
            )
        ],
    ),
    (
        "retry_of_minus_one",
        pipeline(call("a", retry=Retry(-1))),
        [Problem("bad-retry", "a", "the retry policy of node 'a': limit is -1", "use 0 or more")],
    ),
    (
        "retry_before_the_end",
        pipeline(call("a", retry=Retry(1, delay=-2.0))),
        [
            Problem(
                "bad-retry", "a", "the retry policy of node 'a': delay is -2.0", "use a number of seconds, 0 or more"
            )
        ],
    ),
    (
        "retry_that_hurries",
        pipeline(call("a", retry=Retry(1, factor=0.5))),
        [
            Problem(
                "bad-retry", "a", "the retry policy of node 'a': factor is 0.5", "use 1 (always the same delay) or more"
            )
        ],
    ),
    (
        "retry_that_jumps",
        pipeline(call("a", retry=Retry(1, jitter=1.5))),
        [
            Problem(
                "bad-retry", "a", "the retry policy of node 'a': jitter is 1.5", "use a share of the delay from 0 to 1"
            )
        ],
    ),
    (
        "retry_with_low_cap",
        pipeline(call("a", retry=Retry(1, delay=60.0, cap=30.0))),
        [
            Problem(
                "bad-retry",
                "a",
                "the retry policy of node 'a': cap is 30.0, less than the delay of 60.0",
                "raise the cap or lower the delay",
            )
        ],
    ),
    (
        "retry_of_no_exception",
        pipeline(call("a", retry=Retry(1, rules=(RetryRule(()),)))),
        [
            Problem(
                "bad-retry",
                "a",
                "the retry policy of node 'a': rule 1 names no exception",
                "name the classes it is for",
            )
        ],
    ),
    (
        "cache_of_an_action",
        pipeline(call("register", acts=True, cache=Cache(), line=6)),
        [
            Problem(
                "cannot-cache",
                "flow.py:6",
                "node 'register' is cached, and it acts on the world outside",
                "split it into a task that works out and one that acts, and cache the first",
            )
        ],
    ),
    (
        "cache_of_a_wait",
        pipeline(wait("w", UntilEvent(Const("data")), cache=Cache())),
        [Problem("cannot-cache", "w", "node 'w' is cached, and it waits for something", "leave the cache out")],
    ),
    (
        "cache_of_an_import",
        pipeline(Node("i", Import(Const("s3://bucket/x")), cache=Cache())),
        [Problem("cannot-cache", "i", "node 'i' is cached, and it imports what lies outside", "leave the cache out")],
    ),
    (
        "cache_for_no_time",
        pipeline(call("a", cache=Cache(ttl=0.0))),
        [
            Problem(
                "bad-ttl",
                "a",
                "the cached result of node 'a' is good for 0.0 seconds",
                "use a number of seconds above 0, or leave it out",
            )
        ],
    ),
    (
        "cache_without_unknown",
        pipeline(call("a", takes={"seed": INT}, cache=Cache(ignore=("sed",)))),
        [
            Problem(
                "unknown-input", "a", "the cache of node 'a' ignores the unknown input 'sed'", "did you mean 'seed'?"
            )
        ],
    ),
    (
        "limit_of_no_slot",
        pipeline(call("a", limits=(LimitUse(Const("pool:gpu"), Const(0)),))),
        [Problem("bad-limit", "a", "node 'a' takes 0 slots of a limit", "take 1 or more, or leave the limit out")],
    ),
    (
        "priority_beyond",
        pipeline(call("a", priority=1001)),
        [Problem("bad-priority", "a", "the priority of node 'a' is 1001", "use a number from -1000 to 1000")],
    ),
    # --- roles
    (
        "setup_that_is_none",
        pipeline(call("a"), teardown("b", setups=("a",))),
        [
            Problem(
                "no-setup",
                "b",
                "node 'b' names 'a' as its setup, and that one is a normal node",
                "give 'a' the role of a setup",
            )
        ],
    ),
    (
        "setup_elsewhere",
        pipeline(setup("a"), sub("s", teardown("b", setups=("a",)))),
        [
            Problem(
                "no-setup",
                "s/b",
                "node 's/b' names 'a' as its setup, and that one is in another scope",
                "put both into the same scope",
            )
        ],
    ),
    (
        "setup_of_nothing",
        pipeline(setup("cluster", line=2), call("a")),
        [
            Problem(
                "idle-setup",
                "flow.py:2",
                "nothing comes after the setup 'cluster'",
                "let the tasks that need it come after it",
            )
        ],
    ),
    (
        "join_without_setup",
        pipeline(call("a"), teardown("b", after=["a"], join=Join.ALL_DONE_SETUP_SUCCESS)),
        [
            Problem(
                "join-without-setup",
                "b",
                "node 'b' joins by all_done_setup_success, and no setup comes before it",
                "join by all_done, or name its setup",
            )
        ],
    ),
    (
        "leaves_that_do_not_count",
        pipeline(call("a", counts_for_outcome=False), teardown("b"), outcome=Outcome.LEAVES),
        [
            Problem(
                "no-outcome",
                "flow",
                "the outcome of the pipeline is told by its leaves, and no node in it counts",
                "let at least one node count for the outcome",
            )
        ],
    ),
    (
        "scope_leaves_that_do_not_count",
        pipeline(sub("s", call("a", counts_for_outcome=False), outcome=Outcome.LEAVES)),
        [
            Problem(
                "no-outcome",
                "s",
                "the outcome of the scope 's' is told by its leaves, and no node in it counts",
                "let at least one node count for the outcome",
            )
        ],
    ),
]
