"""The static index of a graph: edges across scopes, shared frames, followers, what comes after what."""

from __future__ import annotations

from hypothesis import given, settings

from tests.unit.core.generated import sound_pipelines
from tests.unit.core.graphs import call, compare, items, out, over, pipeline, setup, sub, teardown
from tidemill.core.bindings import Absent, Collect, Const, DictOf, FirstOf, Item, Output, Status, Template
from tidemill.core.expressions import Op
from tidemill.core.graph import After, Container, Each, LimitUse, Node, Over, Pipeline, Retry
from tidemill.core.instances import Step
from tidemill.core.joins import Join
from tidemill.core.types import Parameter
from tidemill.core.wiring import Edge, Frame, Wiring, ancestors


def _edge(wiring: Wiring, up: str, down: str) -> Edge:
    (edge,) = [edge for edge in wiring.site(down).ups if edge.up == up]
    return edge


def _folds() -> Wiring:
    """A mapped scope with a mapped node inside, something before, and something after."""
    return Wiring(
        pipeline(
            call("load"),
            sub(
                "fold",
                call("split", inputs={"rows": out("load"), "n": Item("n")}),
                call("fit", each=over(depth=[1, 2]), inputs={"rows": out("fold/split"), **items("depth")}),
                call("pick", inputs={"all": Collect("fold/fit")}),
                each=over(n=[1, 2, 3]),
            ),
            call("best", inputs={"all": Collect("fold/pick")}),
        )
    )


def test_sites_are_in_the_order_of_definition() -> None:
    wiring = _folds()
    assert list(wiring.sites) == ["load", "fold", "fold/split", "fold/fit", "fold/pick", "best"]
    assert [site.path for site in wiring.children("fold")] == ["fold/split", "fold/fit", "fold/pick"]
    assert [site.path for site in wiring.children("")] == ["load", "fold", "best"]
    assert [site.path for site in wiring.below("")] == list(wiring.sites)
    assert [site.path for site in wiring.below("load")] == []


def test_frames_are_the_maps_around_a_node() -> None:
    wiring = _folds()
    fold = Frame("fold", mapped=True, retried=False)
    assert wiring.site("fold").frames == ()
    assert wiring.site("fold").width == 1
    assert wiring.site("fold/fit").frames == (fold,)
    assert wiring.site("fold/fit").width == 2
    assert wiring.site("best").width == 0


def test_a_retried_scope_is_a_frame_of_what_is_inside() -> None:
    wiring = Wiring(pipeline(sub("s", call("a"), retry=Retry(2)), call("b", retry=Retry(2))))
    assert wiring.site("s/a").frames == (Frame("s", mapped=False, retried=True),)
    assert wiring.site("s").width == 0
    assert wiring.site("b").width == 0


def test_a_scope_that_is_neither_mapped_nor_retried_is_no_frame() -> None:
    wiring = Wiring(pipeline(sub("s", call("a", each=over(x=[1])))))
    assert wiring.site("s/a").frames == ()
    assert wiring.site("s/a").width == 1


def test_edges_know_how_many_frames_are_shared() -> None:
    wiring = _folds()
    assert _edge(wiring, "load", "fold/split").shared == 0
    assert _edge(wiring, "fold/split", "fold/fit").shared == 1
    assert _edge(wiring, "fold/fit", "fold/pick").shared == 1
    assert _edge(wiring, "fold/pick", "best").shared == 0
    assert wiring.site("fold/fit").levels == (1,)
    assert wiring.site("fold/pick").levels == (0,)
    assert wiring.site("best").levels == ()


def test_names_that_begin_alike_share_nothing() -> None:
    wiring = Wiring(pipeline(sub("s", call("a"), each=over(x=[1])), sub("s2", call("a"), each=over(x=[1]))))
    assert wiring.shared("s/a", "s2/a") == 0
    assert wiring.shared("s/a", "s/a") == 1


def test_edges_come_from_everywhere_a_value_is_read() -> None:
    ups = [f"u{n}" for n in range(10)]
    body = Container(out("u0"), (Template((Const("--x="), out("u1"))),), {"E": DictOf({"k": out("u2")})})
    node = Node(
        "all",
        body,
        after=(After("u3"),),
        inputs={"a": out("u4"), "b": Status("u5")},
        when=compare(out("u6"), Op.EQ, 1),
        each=Each((Over("x", out("u7")),)),
        limits=(LimitUse(out("u8"), Const(1)),),
        resources={"memory": out("u9")},
    )
    wiring = Wiring(pipeline(*map(call, ups), node))
    assert {edge.up for edge in wiring.site("all").ups} == set(ups)
    for up in ups:
        assert [edge.down for edge in wiring.site(up).downs] == ["all"]


def test_several_reasons_for_one_edge_are_one_edge() -> None:
    node = call("b", inputs={"x": out("a"), "y": out("a", "k")}, after=["a"])
    wiring = Wiring(pipeline(call("a"), node))
    assert len(wiring.site("b").ups) == len(wiring.site("a").downs) == 1


def test_a_follower_waits_for_one_instance_only() -> None:
    wiring = Wiring(
        pipeline(
            call("fit", each=over(x=[1, 2])),
            call("other", each=over(x=[1])),
            call(
                "score",
                each=Each((Over("o", out("other")), Over("m", out("fit"), follow=True))),
                inputs={**items("m", "o"), "all": Collect("fit")},
            ),
        )
    )
    follow, whole = sorted(
        (edge for edge in wiring.site("score").ups if edge.up == "fit"), key=lambda edge: not edge.follow
    )
    assert (follow.follow, follow.over, follow.shared) == (True, 1, 0)
    assert (whole.follow, whole.over) == (False, -1)
    assert _edge(wiring, "other", "score").follow is False
    assert wiring.site("fit").levels == (0, 1)


def test_an_optional_value_makes_a_soft_edge() -> None:
    wiring = Wiring(
        pipeline(
            *map(call, "abcd"),
            call("x", inputs={"i": out("a", absent=Absent.NULL), "j": FirstOf((out("b"), out("c"))), "k": out("d")}),
            call("y", inputs={"i": out("a", absent=Absent.OMIT), "j": out("a")}),
            call("z", inputs={"i": out("a", absent=Absent.SKIP)}, after=["a"]),
        )
    )
    assert {edge.up: edge.soft for edge in wiring.site("x").ups} == {"a": True, "b": True, "c": True, "d": False}
    assert _edge(wiring, "a", "y").soft is False, "one of the two readers needs it"
    assert _edge(wiring, "a", "z").soft is False, "the order does not ask for a value"


def test_setups_are_marked() -> None:
    wiring = Wiring(
        pipeline(
            setup("up"),
            call("work", after=["up"]),
            call("more", after=["work"]),
            call("late", inputs={"x": out("up")}, when=compare(out("up"), Op.EQ, 1)),
            teardown("down", after=["more"], setups=("up",), join=Join.ALL_DONE_SETUP_SUCCESS),
            call("behind", after=["down"]),
        )
    )
    assert _edge(wiring, "up", "work").setup
    assert _edge(wiring, "up", "late").setup
    assert _edge(wiring, "up", "down").setup
    assert _edge(wiring, "up", "down").instances
    assert not _edge(wiring, "more", "down").setup
    assert wiring.site("more").indirect_setups == ("up",)
    assert wiring.site("work").indirect_setups == ()
    assert wiring.site("down").indirect_setups == ()
    assert wiring.site("behind").indirect_setups == (), "what comes after the teardown does not rely on the setup"


def test_a_setup_read_only_in_a_condition_or_a_map_is_a_setup_too() -> None:
    wiring = Wiring(
        pipeline(
            setup("up"),
            call("a", when=compare(out("up"), Op.EQ, 1)),
            call("b", each=over(x=out("up"))),
        )
    )
    assert _edge(wiring, "up", "a").setup
    assert _edge(wiring, "up", "b").setup


def test_nobody_waits_for_what_is_inside_or_around_itself() -> None:
    wiring = Wiring(
        pipeline(
            sub("s", call("a"), call("b", inputs={"x": out("s")}), outputs={"result": out("s/a")}, after=["s/a", "x"])
        )
    )
    assert wiring.site("s").ups == []
    assert wiring.site("s/b").ups == []


def test_instances_of_the_scopes_around() -> None:
    wiring = Wiring(
        pipeline(
            sub(
                "m",
                sub("r", sub("p", call("a", each=over(y=[1]))), retry=Retry(1)),
                each=over(x=[1]),
                retry=Retry(1),
            )
        )
    )
    inner = (Step(2, 1), Step(0, 3), Step(4))
    assert wiring.unit_instance("", inner) == ()
    assert wiring.unit_instance("m", inner) == (Step(2, 0),), "the map's instance itself is not of a generation"
    assert wiring.unit_instance("m/r", inner) == (Step(2, 1),)
    assert wiring.unit_instance("m/r/p", inner) == (Step(2, 1), Step(0, 3))


def test_downstream_looks_through_scopes_both_ways() -> None:
    wiring = Wiring(
        pipeline(
            call("a"),
            sub("s", call("b", after=["a"]), call("c")),
            sub("t", call("d"), call("e", after=["t/d"]), after=["s"]),
            call("f", after=["t/e"]),
            call("g"),
        )
    )
    assert wiring.downstream("a") == {"s/b", "t", "t/d", "t/e", "f"}
    assert wiring.downstream("s/c") == {"t", "t/d", "t/e", "f"}
    assert wiring.downstream("s") == {"t", "t/d", "t/e", "f"}
    assert wiring.downstream("t/d") == {"t/e", "f"}
    assert wiring.downstream("g") == set()


def test_reachable_includes_the_start_and_passes_by_teardowns() -> None:
    wiring = Wiring(
        pipeline(call("a"), call("b", after=["a"]), teardown("t", after=["b"]), call("c", after=["t"]), call("d"))
    )
    assert wiring.reachable(["a"]) == {"a", "b"}
    assert wiring.reachable(["a"], without_teardowns=False) == {"a", "b", "t", "c"}
    assert wiring.reachable(["d", "b"]) == {"d", "b"}


def test_ancestors() -> None:
    assert list(ancestors("a")) == []
    assert list(ancestors("a/b/c")) == ["a", "a/b"]


@given(sound_pipelines())
@settings(max_examples=100)
def test_edges_of_any_graph_are_sound(graph: Pipeline) -> None:
    wiring = Wiring(graph)
    for path, site in wiring.sites.items():
        assert site.width == len(site.frames) + site.own
        for edge in site.ups:
            assert edge.down == path
            assert edge in wiring.site(edge.up).downs
            up = wiring.site(edge.up)
            assert up.frames[: edge.shared] == site.frames[: edge.shared], "shared frames are the same frames"
            assert path in wiring.downstream(edge.up)
            assert edge.shared + edge.follow in up.levels
        assert path not in wiring.downstream(path)
        for edge in site.downs:
            assert edge in wiring.site(edge.down).ups


def test_outputs_of_a_scope_are_no_edges() -> None:
    wiring = Wiring(pipeline(sub("s", call("a"), outputs={"x": Output("s/a")}, takes=[Parameter("y", default=1)])))
    assert wiring.site("s").ups == []
    assert wiring.site("s/a").downs == []
