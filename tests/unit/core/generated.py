"""Graphs made by hypothesis: sound ones, which hold to every rule, and nonsensical ones, which hold to none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.unit.core.graphs import INT, call, compare, function, over, pipeline, sub, wait
from tidemill.core.bindings import (
    RESULT,
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
    join_path,
)
from tidemill.core.joins import Join
from tidemill.core.types import ANY, Parameter, Type
from tidemill.core.values import MISSING, ArtifactRef

# --- sound graphs -----------------------------------------------------------------------------------------------------


class Known(NamedTuple):
    """A node that may be read: whether it has many instances, and whether one instance gives an int."""

    path: str
    mapped: bool
    gives_int: bool


@dataclass(frozen=True)
class Place:
    """Where a node is made: the path of its scope, how many maps are around it, what it may read."""

    at: str
    maps: int
    depth: int
    known: tuple[Known, ...]


class _Sound:
    """Grows one sound pipeline: what is read was defined before, can be read from there, and has the right type."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.left = 30

    def scope(self, at: str, maps: int, depth: int, outside: tuple[Known, ...]) -> tuple[tuple[Node, ...], Known]:
        """Nodes of one scope, and the last of them. They read each other and what was defined before the scope."""
        known = outside
        nodes: list[Node] = []
        for number in range(self.draw(st.integers(1, 3 if depth else 6))):
            node, gives_int = self.node(f"n{number}", Place(at, maps, depth, known))
            nodes.append(node)
            known = (*known, Known(join_path(at, node.id), node.each is not None, gives_int))
            self.left -= 1
        return tuple(nodes), known[-1]

    def node(self, id: str, place: Place) -> tuple[Node, bool]:
        each = self.each(place)
        header: dict[str, Any] = {
            "each": each,
            "join": self.draw(st.sampled_from([Join.ALL_SUCCESS, Join.ALL_DONE, Join.NONE_FAILED])),
            "when": self.condition(place),
        }
        after = [known.path for known in place.known if self.draw(st.integers(0, 5)) == 0]
        maps = place.maps + (each is not None)
        kind = self.draw(st.sampled_from(["call", "call", "call", "scope", "wait"]))
        if kind == "wait":
            orders = tuple(map(After, after))
            return wait(id, UntilEvent(Const("data")), 60.0, after=orders, **header), False
        if kind == "scope" and place.depth < 3 and self.left > 0:
            inner, last = self.scope(join_path(place.at, id), maps, place.depth + 1, place.known)
            return self.holder(id, inner, last, self.value(place, maps), after=after, **header), last.gives_int
        inputs, takes = {"x": self.value(place, maps)}, {"x": INT}
        ints = [known.path for known in place.known if known.gives_int and not known.mapped]
        if len(ints) > 1:
            inputs["y"], takes["y"] = FirstOf((Output(ints[0]), Output(ints[-1]))), INT
        if ints:
            inputs["one"], takes["one"] = Output(self.draw(st.sampled_from(ints))), INT
        if place.known:
            inputs["all"], takes["all"] = Collect(self.draw(st.sampled_from(place.known)).path), ANY
        return call(id, gives=INT, takes=takes, required=["x"], inputs=inputs, after=after, **header), True

    def holder(self, id: str, inner: tuple[Node, ...], last: Known, given: Binding, **header: Any) -> Node:
        outputs = {RESULT: Const(1) if last.mapped or not last.gives_int else Output(last.path)}
        retry = self.draw(st.none() | st.just(Retry(2)))
        takes = [Parameter("given", INT)]
        return sub(id, *inner, takes=takes, outputs=outputs, inputs={"given": given}, retry=retry, **header)

    def value(self, place: Place, maps: int) -> Binding:
        """An int that is known where a node is read from, inside so many maps."""
        choices: list[Binding] = [
            Const(self.draw(st.integers(-9, 9))),
            Param("given" if place.at else "limit", place.at),
        ]
        if maps:
            depth = self.draw(st.integers(0, maps - 1))
            choices += [Item("item", depth), Index(depth)]
        return self.draw(st.sampled_from(choices))

    def each(self, place: Place) -> Each | None:
        if self.draw(st.integers(0, 2)):
            return None
        leaders = [
            known.path
            for known in place.known
            if known.mapped and known.gives_int and known.path.rpartition("/")[0] == place.at
        ]
        if leaders and self.draw(st.booleans()):
            return Each((Over("item", Output(self.draw(st.sampled_from(leaders))), follow=True),))
        return over(item=self.draw(st.lists(st.integers(), max_size=3)))

    def condition(self, place: Place) -> Expression | None:
        if self.draw(st.integers(0, 2)):
            return None
        op = self.draw(st.sampled_from([Op.LT, Op.EQ, Op.GE]))
        return compare(self.value(place, place.maps), op, self.draw(st.integers(0, 5)))


@st.composite
def sound_pipelines(draw: st.DrawFn) -> Pipeline:
    nodes, _ = _Sound(draw).scope("", 0, 0, ())
    return pipeline(*nodes, params=[Parameter("limit", INT, 3)])


# --- nonsense ---------------------------------------------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "c", "s", "s/a", "s/s", "s/s/b", "a/b", "", "/", "s/", "x y", "\0"])
_keys = st.sampled_from([RESULT, "rows", "", "x"])
_paths = st.lists(st.sampled_from(["rows", "", 0, -1, True]), max_size=2).map(tuple)
_numbers = st.sampled_from([0, 1, -1, 0.5, 1001, -(10**400), float("nan"), float("inf"), float("-inf")])
_leaf_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
_odd_values = st.sampled_from(
    [{1}, b"x", object(), (1,), ArtifactRef("x"), {1: 2}, date(2026, 1, 1), timedelta(1), [[{1}]]]
)
values = st.recursive(
    _leaf_values | _odd_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=5,
)
_simple_types = st.sampled_from(
    ["any", "none", "bool", "int", "float", "str", "list", "dict", "date", "datetime", "path"]
)
_odd_types = st.sampled_from(["choice", "union", "Dataset", "Model", "Metrics", "shop.Order", "", "timedelta"])
types = st.recursive(
    st.builds(Type, _simple_types | _odd_types, choices=st.lists(_leaf_values, max_size=2).map(tuple)),
    lambda inner: st.builds(Type, _simple_types | _odd_types, st.lists(inner, max_size=3).map(tuple)),
    max_leaves=4,
)
_functions = st.builds(function, st.sampled_from(["f", ""]))


def _named(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(_keys, inner, max_size=2)


def _few(inner: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(inner, max_size=most).map(tuple)


_leaf_bindings: st.SearchStrategy[Any] = st.one_of(
    st.builds(Const, values),
    st.builds(Param, _keys, _names, _paths, st.sampled_from(Absent)),
    st.builds(Item, _keys, st.integers(-2, 3), _paths),
    st.builds(Index, st.integers(-2, 3)),
    st.builds(Output, _names, _keys, _paths, st.sampled_from(Absent)),
    st.builds(Collect, _names, _keys, _paths, st.sampled_from(Shape), st.sampled_from(Gap)),
    st.builds(Status, _names),
    st.builds(RunInfo, st.sampled_from(RunField)),
)
bindings: st.SearchStrategy[Any] = st.recursive(
    _leaf_bindings,
    lambda inner: st.one_of(
        st.builds(FirstOf, _few(inner)),
        st.builds(Template, _few(inner)),
        st.builds(ListOf, _few(inner)),
        st.builds(DictOf, _named(inner)),
        st.builds(Metadata, inner, _paths),
        st.builds(Apply, _functions, _named(inner)),
    ),
    max_leaves=4,
)
expressions: st.SearchStrategy[Any] = st.recursive(
    st.builds(Read, bindings),
    lambda inner: st.builds(Unary, st.sampled_from(Fn), inner) | st.builds(Binary, st.sampled_from(Op), inner, inner),
    max_leaves=4,
)
_maybe_number = st.none() | _numbers
_parameters = _few(st.builds(Parameter, _keys, types, st.just(MISSING) | values))
_takes = _named(types)
_specs = _named(st.builds(OutputSpec, types))
_leaf_bodies: st.SearchStrategy[Any] = st.one_of(
    st.builds(Call, _functions, _specs, takes=_takes, required=_few(_keys), acts=st.booleans()),
    st.builds(Container, bindings, _few(bindings), _named(bindings), _specs),
    st.builds(Import, bindings, types, _named(bindings)),
    st.builds(
        Wait,
        st.builds(UntilTime, bindings)
        | st.builds(UntilEvent, bindings, st.none() | bindings)
        | st.builds(UntilApproval, bindings)
        | st.builds(UntilTrue, _functions, _numbers, _takes),
        _maybe_number,
    ),
)
_eaches = st.builds(
    Each,
    _few(st.builds(Over, _keys, bindings, st.booleans())),
    st.sampled_from(Combine),
    st.none() | st.integers(-1, 2),
    longest=st.none() | st.integers(-1, 2),
)
_retries = st.builds(
    Retry,
    st.integers(-1, 2),
    _numbers,
    _numbers,
    _maybe_number,
    _numbers,
    _few(st.builds(RetryRule, _few(_keys), st.booleans(), st.none() | st.integers(-1, 1), _maybe_number)),
)


def _nodes(bodies: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        Node,
        _names,
        bodies,
        after=_few(st.builds(After, _names, st.booleans())),
        join=st.sampled_from(Join),
        inputs=_named(bindings),
        when=st.none() | expressions,
        each=st.none() | _eaches,
        retry=st.none() | _retries,
        timeout=_maybe_number,
        cache=st.none() | st.builds(Cache, _maybe_number, _named(bindings), _few(_keys)),
        limits=_few(st.builds(LimitUse, bindings, bindings), 1),
        priority=st.integers(-2000, 2000),
        role=st.sampled_from(Role),
        setups=_few(_names),
        counts_for_outcome=st.booleans(),
    )


def _scopes(nodes: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(Scope, _few(nodes, 3), _parameters, _named(bindings), st.sampled_from(Outcome))


_bodies = st.recursive(_leaf_bodies, lambda inner: st.builds(Sub, _scopes(_nodes(inner))), max_leaves=4)
nonsense = st.builds(
    Pipeline,
    _names,
    _scopes(_nodes(_bodies)),
    _parameters,
    timeout=_maybe_number,
    parallelism=st.none() | st.integers(-1, 2),
)
