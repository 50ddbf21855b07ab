"""A graph laid out for the rules: every node in its place, every binding with its role, every reference to a node.

Unlike `core.wiring` it holds for graphs that make no sense: two nodes of one name, scopes without end, unknown paths.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from tidemill.core.bindings import Binding, Collect, Const, Output, Status, children, walk
from tidemill.core.checks.spots import Reference, Spot, Use, Where, uses_of
from tidemill.core.checks.words import shorten
from tidemill.core.errors import did_you_mean
from tidemill.core.expressions import Binary, Expression, Unary
from tidemill.core.graph import Node, Pipeline, Scope, Sub, join_path
from tidemill.core.problems import Problem
from tidemill.core.types import Parameter, Type
from tidemill.core.values import NotAValue, encode

MAX_DEPTH = 32
MAX_NODES = 100_000
MAX_BINDING_DEPTH = 100
MAX_BINDING_PARTS = 100_000

_MOST_CANDIDATES = 500
_MOST_SUGGESTIONS = 50
T = TypeVar("T")


@dataclass(slots=True)
class Survey:
    """What the rules read. `overflow` are the problems for which a graph is not looked at any further."""

    pipeline: Pipeline
    spots: list[Spot] = field(default_factory=list)
    by_path: dict[str, Spot] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    parts: list[tuple[Use, Binding]] = field(default_factory=list)
    """Every binding, those inside others included, with the use it belongs to."""
    overflow: list[Problem] = field(default_factory=list)
    unreadable: list[Problem] = field(default_factory=list)
    unsound: set[int] = field(default_factory=set)
    """Identities of the constants that are no values; nothing more can be said of them."""
    known_types: dict[tuple[int, str], Type] = field(default_factory=dict)
    """Types worked out already: of outputs of scopes, and of items of maps."""
    _by_id: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _suggestions: dict[str, str] = field(default_factory=dict)

    # --- what rules ask -----------------------------------------------------------------------------------------------

    def scopes(self) -> Iterator[tuple[Spot | None, Scope]]:
        """The root scope and that of every `Sub`."""
        yield None, self.pipeline.root
        for spot in self.spots:
            if isinstance(spot.node.body, Sub):
                yield spot, spot.node.body.scope

    def inputs(self, spot: Spot | None) -> tuple[Parameter, ...]:
        """The inputs of the scope that a node holds; the parameters of the pipeline for None."""
        if spot is None:
            return self.pipeline.params
        return spot.node.body.scope.inputs if isinstance(spot.node.body, Sub) else ()

    def problem(self, code: str, spot: Spot | None, message: str, remedy: str = "") -> Problem:
        return Problem(code, self.place(spot), shorten(message, 500), remedy)

    def place(self, spot: Spot | None) -> str:
        """`file:line` of the node, else of the pipeline, else the path of the node or the name of the pipeline."""
        source = (spot.node.source if spot else None) or self.pipeline.source
        if source is not None:
            return str(source)
        return shorten((spot.path if spot else "") or self.pipeline.name.strip() or "pipeline")

    def suggest(self, wrong: str, spot: Spot | None) -> str:
        """Which node may be meant: one of the same name elsewhere, or one of a similar name nearby."""
        if wrong not in self._suggestions:
            if len(self._suggestions) >= _MOST_SUGGESTIONS:
                return ""
            self._suggestions[wrong] = self._suggest(wrong, spot)
        return self._suggestions[wrong]

    def _suggest(self, wrong: str, spot: Spot | None) -> str:
        same = self._by_id.get(wrong.rpartition("/")[2], [])
        if same:
            return "did you mean " + " or ".join(repr(path) for path in same[:2]) + "?"
        near: dict[str, None] = {}
        holders = (*reversed(spot.holders), None) if spot else (None,)
        for holder in holders:
            scope = self.pipeline.root if holder is None else holder.node.scope
            for node in scope.nodes if scope else ():
                path = join_path(holder.path if holder else "", node.id)
                if spot is None or path != spot.path:
                    near[path] = None
                if len(near) >= _MOST_CANDIDATES:
                    break
        return did_you_mean(wrong, near)

    # --- building -----------------------------------------------------------------------------------------------------

    def lay_out(self) -> None:
        """Place every node; stops at scopes nested too deep and at too many nodes."""
        root = self.pipeline.root
        todo: list[tuple[Node, tuple[Spot, ...]]] = [(node, ()) for node in reversed(root.nodes)]
        while todo:
            node, holders = todo.pop()
            path = join_path(holders[-1].path if holders else "", node.id)
            spot = Spot(path, node, holders)
            if len(self.spots) >= MAX_NODES:
                message = f"the pipeline has more than {MAX_NODES:,} nodes"
                remedy = "map one node over a list instead of defining one for each item"
                self.overflow.append(self.problem("too-many-nodes", None, message, remedy))
                return
            self.spots.append(spot)
            self.by_path.setdefault(path, spot)
            self._by_id[node.id].append(path)
            if isinstance(node.body, Sub):
                if len(holders) >= MAX_DEPTH:
                    outer = holders[0]
                    message = f"scopes are nested deeper than {MAX_DEPTH} levels inside node {outer.path!r}"
                    self.overflow.append(
                        self.problem("too-deep", outer, message, "split it into pipelines of their own")
                    )
                    return
                todo.extend((inner, (*holders, spot)) for inner in reversed(node.body.scope.nodes))

    def read(self) -> None:
        """Find every binding and every reference."""
        for spot in self.spots:
            for after in spot.node.after:
                self.references.append(Reference(spot, after.node, "its order"))
            for setup in spot.node.setups:
                self.references.append(Reference(spot, setup, "as a setup"))
            if spot.node.when is not None:
                if _too_large(spot.node.when, _operands):
                    self._unreadable(Use(spot, "the condition", Const(None)))
                else:
                    spot.when = spot.node.when
            for use in uses_of(spot):
                self._add(use)
        for name, binding in self.pipeline.root.outputs.items():
            self._add(Use(None, f"output {name!r}", binding, Where.INSIDE))

    def _add(self, use: Use) -> None:
        if _too_large(use.binding, children):
            self._unreadable(use)
            return
        self.uses.append(use)
        for part in walk(use.binding):
            self.parts.append((use, part))
            match part:
                case Output() | Collect() | Status():
                    self.references.append(Reference(use.spot, part.node, use.what, use, part))
                case Const(value=value):
                    trouble = not_a_value(value)
                    if trouble:
                        self.unsound.add(id(part))
                        message = f"{use.title}: {trouble}"
                        remedy = "let a task make it, and pass on what that task returns"
                        self.unreadable.append(self.problem("not-a-value", use.spot, message, remedy))

    def _unreadable(self, use: Use) -> None:
        message = f"{use.title} is nested deeper than {MAX_BINDING_DEPTH} levels or has too many parts"
        remedy = "let a task work it out"
        self.unreadable.append(self.problem("too-deep", use.spot, message, remedy))


def survey(pipeline: Pipeline) -> Survey:
    """The pipeline laid out; its bindings are read only if it is within the limits."""
    found = Survey(pipeline)
    found.lay_out()
    if not found.overflow:
        found.read()
    return found


def not_a_value(value: object) -> str:
    """Why a constant cannot be stored, in words, or nothing."""
    try:
        encode(value)
    except NotAValue as error:
        return str(error)
    except RecursionError:
        return "the value is nested too deeply"
    return ""


def _too_large(whole: T, inner: Callable[[T], Iterable[T]]) -> bool:
    level: Collection[T] = (whole,)
    for _ in range(MAX_BINDING_DEPTH):
        level = [part for outer in level for part in inner(outer)]
        if not level:
            return False
        if len(level) > MAX_BINDING_PARTS:
            return True
    return True


def _operands(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case Binary(_, left, right):
            return left, right
        case Unary(_, operand):
            return (operand,)
        case _:
            return ()
