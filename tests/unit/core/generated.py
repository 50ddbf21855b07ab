"""Graphs made by hypothesis: sound ones, which hold to every rule, and nonsensical ones, which hold to none."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tidemill.core.bindings import (
    Absent,
    Apply,
    Binding,
    Collect,
    Const,
    DictOf,
    FirstOf,
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
from tidemill.core.expressions import Binary, Expression, Fn, Op, Read, Unary
from tidemill.core.graph import (
    After,
    Cache,
    Call,
    Combine,
    Container,
    Each,
    Import,
    LimitUse,
    Node,
    Outcome,
    OutputSpec,
    Over,
    Pipeline,
    Retry,
    RetryRule,
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
from tidemill.core.types import Parameter, Type
from tidemill.core.values import ArtifactRef
from tests.unit.core.graphs import FLOAT, INT, STR, call, compare, function, is_binding, sub, wait

# --- sound graphs -----------------------------------------------------------------------------------------------------

_INTS = Type("list", (INT,))


class _Sound:
    """Grows one sound pipeline: every node returns an int, and reads only what was defined before it."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.nodes = 0

    def pipeline(self) -> Pipeline:
        nodes, _ = self.scope("", (), 0, ["limit"])
        return Pipeline("sound", Scope(nodes), (Parameter("limit", INT, 3),))

    def scope(
        self, at: str, around: tuple[str, ...], depth: int, names: list[str]
    ) -> tuple[tuple[Node, ...], list[tuple[str, bool]]]:
        """Nodes of one scope, and what may be read there: (path, whether it is mapped)."""
        known: list[tuple[str, bool]] = []
        nodes: list[Node] = []
        for number in range(self.draw(st.integers(1, 4 if depth else 6))):
            node = self.node(f"n{number}", at, around, depth, known, names)
            nodes.append(node)
            path = f"{at}/{node.id}" if at else node.id
            known.append((path, node.each is not None))
            self.nodes += 1
        return tuple(nodes), known

    def node(
        self,
        id: str,
        at: str,
        around: tuple[str, ...],
        depth: int,
        known: list[tuple[str, bool]],
        names: list[str],
    ) -> Node:
        path = f"{at}/{id}" if at else id
        each = self.each(known)
        maps = (*around, "item") if each else around
        header: dict[str, Any] = {
            "each": each,
            "after": self.draw(st.lists(st.sampled_from([path for path, _ in known]), max_size=2)) if known else [],
            "join": self.draw(st.sampled_from([Join.ALL_SUCCESS, Join.ALL_DONE, Join.NONE_FAILED])),
            "when": self.condition(at, around, known, names),
        }
        match self.draw(st.sampled_from(["call", "call", "call", "sub", "wait"])):
            case "sub" if depth < 3 and self.nodes < 30:
                inner, inside = self.scope(path, maps, depth + 1, ["given"])
                last, mapped = inside[-1]
                outputs: dict[str, Binding] = {"result": Collect(last) if mapped else Output(last)}
                retry = self.draw(st.none() | st.just(Retry(2)))
                given = {"given": self.binding(at, maps, known, names)}
                return sub(id, *inner, takes=[Parameter("given", INT)], outputs=outputs, inputs=given, retry=retry, **header)
            case "wait":
                return wait(id, UntilEvent(Const("data")), 60.0, **{**header, "after": tuple(map(After, header["after"]))})
        inputs = {"x": self.binding(at, maps, known, names)}
        takes = {"x": INT}
        several = [Output(path) for path, mapped in known if not mapped and self.is_int(path)]
        if len(several) > 1:
            inputs["y"], takes["y"] = FirstOf((several[0], several[-1])), INT
        lists = [path for path, mapped in known if mapped]
        if lists:
            inputs["all"], takes["all"] = Collect(self.draw(st.sampled_from(lists))), Type("list")
        return call(id, gives=INT, takes=takes, required=["x"], inputs=inputs, **header)

    def is_int(self, path: str) -> bool:
        return True

    def binding(self, at: str, maps: tuple[str, ...], known: list[tuple[str, bool]], names: list[str]) -> Binding:
        choices: list[Binding] = [Const(self.draw(st.integers(-9, 9))), Param(names[0], at)]
        if maps:
            depth = self.draw(st.integers(0, len(maps) - 1))
            choices += [Item("item", depth), Index(depth)]
        return self.draw(st.sampled_from(choices))

    def each(self, known: list[tuple[str, bool]]) -> Each | None:
        if self.draw(st.integers(0, 2)):
            return None
        mapped = [path for path, has_map in known if has_map]
        if mapped and self.draw(st.booleans()):
            # What is followed may be a wait or a scope, whose items are of no known type.
            return Each((Over("item", Output(self.draw(st.sampled_from(mapped))), follow=True),))
        return Each((Over("item", Const(self.draw(st.lists(st.integers(), max_size=3)))),))

    def condition(
        self, at: str, maps: tuple[str, ...], known: list[tuple[str, bool]], names: list[str]
    ) -> Expression | None:
        if self.draw(st.integers(0, 2)):
            return None
        op = self.draw(st.sampled_from([Op.LT, Op.EQ, Op.GE]))
        return compare(self.binding(at, maps, known, names), op, self.draw(st.integers(0, 5)))


@st.composite
def sound_pipelines(draw: st.DrawFn) -> Pipeline:
    return _Sound(draw).pipeline()
