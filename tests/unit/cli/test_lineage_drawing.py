"""Lineages as trees and flowcharts: shared parents once, no loops, nothing too deep, names harmless."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tidemill.actions.drawing.lineage_mermaid import draw_lineage
from tidemill.actions.drawing.lineage_tree import DEEPEST, Aside, Branch, LineageTree
from tidemill.actions.lineage import Line, Lineage, Point, Relation
from tidemill.core.records import Artifact
from tidemill.storage.metadata.artifacts import TaskKey


def task(name: str) -> TaskKey:
    run, _, path = name.partition(":")
    return TaskKey(run, path, "", 0)


def lineage(
    starts: Sequence[Point],
    made: Iterable[tuple[str, str]],
    used: Iterable[tuple[str, str]],
    reused: Iterable[tuple[str, str]] = (),
    run: str = "",
    cut: Iterable[Point] = (),
) -> Lineage:
    makers = {artifact: task(maker) for maker, artifact in made}
    lines = [Line(maker, artifact, Relation.MADE) for artifact, maker in makers.items()]
    lines += [Line(artifact, task(user), Relation.USED) for artifact, user in used]
    lines += [Line(artifact, task(user), Relation.REUSED) for artifact, user in reused]
    known = {artifact: Artifact(artifact, "lib.Thing") for artifact in makers}
    return Lineage(tuple(starts), run, known, makers, tuple(lines), frozenset(cut))


def drawn(branches: Iterable[Branch]) -> list[str]:
    def name(point: Point) -> str:
        return point if isinstance(point, str) else f"{point.run}:{point.path}"

    marks = {Aside.NOTHING: "", Aside.ABOVE: " ^", Aside.MORE: " ..."}
    return [branch.guide + name(branch.point) + marks[branch.aside] for branch in branches]


DIAMOND = lineage(
    ["model"],
    made=[("r:load", "rows"), ("r:a", "left"), ("r:b", "right"), ("r:fit", "model"), ("s:score", "scores")],
    used=[
        ("rows", "r:a"),
        ("rows", "r:b"),
        ("left", "r:fit"),
        ("right", "r:fit"),
        ("model", "s:score"),
        ("model", "r:gate"),
    ],
    reused=[("model", "t:fit")],
)


def test_a_shared_parent_is_said_once() -> None:
    assert drawn(LineageTree(DIAMOND).up()) == ["model", "├─ left", "│  └─ rows", "└─ right", "   └─ rows"]
    again = lineage(
        ["d"],
        made=[("r:0", "a"), ("r:1", "b"), ("r:2", "c"), ("r:3", "d")],
        used=[("a", "r:1"), ("b", "r:2"), ("b", "r:3"), ("c", "r:3")],
    )
    assert drawn(LineageTree(again).up()) == ["d", "├─ b", "│  └─ a", "└─ c", "   └─ b ^"]


def test_the_way_down_ends_at_tasks_that_made_nothing() -> None:
    down = list(LineageTree(DIAMOND).down())
    assert drawn(down) == ["model", "├─ scores", "├─ r:gate", "└─ t:fit"]
    assert [branch.took_over for branch in down] == [False, False, False, True]
    assert down[1].by == task("s:score")


def test_nothing_goes_round_for_ever() -> None:
    ring = lineage(["a"], made=[("r:x", "a"), ("r:y", "b")], used=[("a", "r:y"), ("b", "r:x")])
    assert drawn(LineageTree(ring).up()) == ["a", "└─ b", "   └─ a ^"]
    assert drawn(LineageTree(ring).down()) == ["a", "└─ b", "   └─ a ^"]


def test_a_long_chain_ends_with_a_hint() -> None:
    count = 5000
    chain = lineage(
        ["a0"],
        made=[(f"r:t{n}", f"a{n}") for n in range(count)],
        used=[(f"a{n + 1}", f"r:t{n}") for n in range(count - 1)],
    )
    shown = drawn(LineageTree(chain).up())
    assert len(shown) == DEEPEST + 1
    assert shown[-1].endswith(f"a{DEEPEST} ...")


def test_what_was_cut_is_marked() -> None:
    short = lineage(["b"], made=[("r:1", "a"), ("r:2", "b")], used=[("a", "r:2")], cut=["a"])
    assert drawn(LineageTree(short).up()) == ["b", "└─ a ..."]


def test_a_run_begins_with_what_nothing_else_in_it_was_made_from() -> None:
    starts: list[Point] = ["left", "model", task("r:a"), task("r:fit"), task("r:gate"), task("r:load"), task("r:old")]
    run = lineage(
        starts,
        made=[("q:load", "rows"), ("q:old", "unused"), ("r:a", "left"), ("r:fit", "model"), ("s:score", "scores")],
        used=[("rows", "r:a"), ("left", "r:fit"), ("left", "r:gate"), ("model", "s:score"), ("left", "r:a")],
        reused=[("rows", "r:load"), ("unused", "r:old")],
        run="r",
    )
    up = list(LineageTree(run).up())
    # `load` goes without saying: what it took over has been told, and that it did.
    assert drawn(up) == [
        "model",
        "└─ left",
        "   ├─ rows",
        "   └─ left ^",
        "r:gate",
        "└─ left ^",
        "r:old",
        "└─ unused",
    ]
    assert up[2].reused == (task("r:load"),)
    assert drawn(LineageTree(run).down()) == ["model", "└─ scores"]


def test_a_flowchart_has_a_box_for_each_run_and_takes_no_name_for_syntax() -> None:
    evil = lineage(["x"], made=[('r:a"]\n<b>', "x")], used=[], reused=[("x", "s:a")])
    text = draw_lineage(evil)
    assert text.startswith('flowchart LR\n  subgraph r0["run r"]\n    n0(["Thing<br>x"])\n')
    assert 'n1["a#34;#93;#10;#60;b#62;"]' in text
    assert '  subgraph r1["run s"]' in text
    assert "  n1 --> n0\n  n0 -. reused .-> n2\n" in text
    assert text.endswith("  class n0 asked\n")
