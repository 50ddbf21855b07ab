"""Small builders for graphs written by hand, so that a test shows only what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidemill.core.bindings import RESULT, Binding, Const, FunctionRef, Item, Output
from tidemill.core.expressions import Binary, Expression, Op, Read
from tidemill.core.graph import (
    After,
    Call,
    Each,
    Node,
    Outcome,
    OutputSpec,
    Over,
    Pipeline,
    Role,
    Scope,
    Source,
    Sub,
    Until,
    Wait,
)
from tidemill.core.types import Parameter, Type
from tidemill.core.values import Value

STR, INT, FLOAT, BOOL, LIST, DICT = (Type(name) for name in ("str", "int", "float", "bool", "list", "dict"))
DATASET, MODEL, METRICS = Type("Dataset"), Type("Model"), Type("Metrics")

FILE = "flow.py"


def list_of(item: Type) -> Type:
    return Type("list", (item,))


def function(name: str) -> FunctionRef:
    return FunctionRef("flow", name)


def call(
    id: str,
    *,
    gives: Type | Mapping[str, Type] | None = None,
    takes: Mapping[str, Type] | None = None,
    required: Sequence[str] = (),
    acts: bool = False,
    after: Sequence[str] = (),
    line: int = 0,
    **header: Any,
) -> Node:
    """A node that calls the function of its own name; `gives` is the type of `result`, or of each output."""
    kinds = gives if isinstance(gives, Mapping) else {RESULT: gives or Type("any")}
    outputs = {key: OutputSpec(kind) for key, kind in kinds.items()}
    body = Call(function(id), outputs, takes=takes or {}, required=tuple(required), acts=acts)
    return Node(id, body, after=orders(after), source=source(line), **header)


def sub(
    id: str,
    *nodes: Node,
    takes: Sequence[Parameter] = (),
    outputs: Mapping[str, Binding] | None = None,
    outcome: Outcome = Outcome.ANY_FAILURE,
    after: Sequence[str] = (),
    line: int = 0,
    **header: Any,
) -> Node:
    """A node that holds a scope."""
    scope = Scope(nodes, tuple(takes), outputs or {}, outcome)
    return Node(id, Sub(scope), after=orders(after), source=source(line), **header)


def wait(id: str, until: Until, deadline: float | None = None, line: int = 0, **header: Any) -> Node:
    return Node(id, Wait(until, deadline), source=source(line), **header)


def setup(id: str, **header: Any) -> Node:
    return call(id, role=Role.SETUP, **header)


def teardown(id: str, **header: Any) -> Node:
    return call(id, role=Role.TEARDOWN, **header)


def pipeline(
    *nodes: Node,
    params: Sequence[Parameter] = (),
    outputs: Mapping[str, Binding] | None = None,
    outcome: Outcome = Outcome.ANY_FAILURE,
    name: str = "flow",
    **rest: Any,
) -> Pipeline:
    return Pipeline(name, Scope(nodes, outputs=outputs or {}, outcome=outcome), tuple(params), **rest)


def orders(paths: Sequence[str]) -> tuple[After, ...]:
    return tuple(map(After, paths))


def source(line: int) -> Source | None:
    return Source(FILE, line) if line else None


def out(node: str, *path: str | int, key: str = RESULT, **rest: Any) -> Output:
    return Output(node, key, path, **rest)


def over(**sources: Binding | Value) -> Each:
    """A map over the product of sources; what is not a binding is a constant."""
    return Each(tuple(Over(name, source if is_binding(source) else Const(source)) for name, source in sources.items()))


def is_binding(thing: object) -> bool:
    return isinstance(thing, Binding)  # type: ignore[arg-type]


def items(*names: str) -> dict[str, Binding]:
    """Inputs bound to the items of the node's own map."""
    return {name: Item(name) for name in names}


def compare(left: Binding | Value, op: Op, right: Binding | Value) -> Expression:
    sides = [Read(side if is_binding(side) else Const(side)) for side in (left, right)]
    return Binary(op, sides[0], sides[1])
