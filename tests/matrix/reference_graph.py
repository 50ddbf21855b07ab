"""What can be read off a graph before anything runs: where a node stands, what it waits for, what comes after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tidemill.core.bindings import (
    Absent,
    Apply,
    Binding,
    Collect,
    DictOf,
    FirstOf,
    ListOf,
    Metadata,
    Output,
    Status,
    Template,
)
from tidemill.core.expressions import Binary, Expression, Read, Unary
from tidemill.core.graph import (
    Container,
    Import,
    Node,
    Outcome,
    Pipeline,
    Role,
    Scope,
    Sub,
    UntilApproval,
    UntilEvent,
    UntilTime,
    Wait,
)


@dataclass(frozen=True)
class Edge:
    """`down` waits for `up`. `soft`: it can do without its value if that was skipped."""

    up: str
    down: str
    instances: bool = False
    follow: bool = False
    soft: bool = False


class Graph:
    """Nodes by path ("outer/inner/task"); the root scope has the empty path."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.root = pipeline.root
        self.nodes = dict(_walk(pipeline.root, ""))
        self.edges = [edge for path, node in self.nodes.items() for edge in self._edges(path, node)]
        self._after: dict[str, set[str]] = {}

    def scope(self, path: str) -> Scope:
        if not path:
            return self.root
        body = self.nodes[path].body
        assert isinstance(body, Sub)
        return body.scope

    def children(self, path: str) -> list[str]:
        return [f"{path}/{node.id}" if path else node.id for node in self.scope(path).nodes]

    def line(self, path: str) -> list[str]:
        """The scopes around a node, outermost first, and the node itself."""
        parts = path.split("/")
        return ["/".join(parts[: n + 1]) for n in range(len(parts))]

    def mapped(self, path: str) -> bool:
        return path in self.nodes and self.nodes[path].each is not None

    def retried(self, path: str) -> bool:
        """Whether all that is inside is run anew when it fails."""
        return isinstance(self.nodes[path].body, Sub) and self.nodes[path].retry is not None

    def frames(self, path: str) -> list[str]:
        """The scopes around a node that may hold it more than once: the mapped and the retried ones."""
        return [around for around in self.line(path)[:-1] if self.mapped(around) or self.retried(around)]

    def inner_frames(self, path: str) -> list[str]:
        """The frames of what is inside a scope."""
        return self.frames(f"{path}/x") if path else []

    def shared(self, one: str, other: str) -> int:
        """How many frames two nodes have in common."""
        both = [around for around in self.line(one)[:-1] if around in self.line(other)[:-1]]
        return len(self.inner_frames(both[-1])) if both else 0

    # --- who waits for whom ---

    def ups(self, path: str) -> list[Edge]:
        return [edge for edge in self.edges if edge.down == path]

    def downs(self, path: str) -> list[Edge]:
        return [edge for edge in self.edges if edge.up == path]

    def is_setup(self, path: str) -> bool:
        return self.nodes[path].role is Role.SETUP

    def _edges(self, path: str, node: Node) -> Iterator[Edge]:
        found: dict[tuple[str, bool], Edge] = {}
        for edge in self._mentions(path, node):
            nested = edge.up == path or edge.up.startswith(path + "/") or path.startswith(edge.up + "/")
            if nested:
                continue  # a node waits neither for what holds it nor for what it holds
            known = found.get((edge.up, edge.follow), edge)
            both = Edge(edge.up, path, edge.instances or known.instances, edge.follow, edge.soft and known.soft)
            found[edge.up, edge.follow] = both
        yield from found.values()

    def _mentions(self, path: str, node: Node) -> Iterator[Edge]:
        for after in node.after:
            yield Edge(after.node, path, instances=after.instances or after.node in node.setups)
        for setup in node.setups:
            yield Edge(setup, path, instances=True)
        bindings = list(_bindings(node))
        if node.each:
            for over in node.each.over:
                if over.follow:
                    yield from (Edge(up, path, follow=True, soft=soft) for up, soft in _reads(over.source))
                else:
                    bindings.append(over.source)
        for binding in bindings:
            yield from (Edge(up, path, soft=soft) for up, soft in _reads(binding))

    # --- what comes after ---

    def after(self, path: str) -> set[str]:
        """Everything that starts only after a node has ended, at any depth."""
        if path in self._after:
            return self._after[path]
        found = self._after[path] = set()
        todo = [path]
        while todo:
            at = todo.pop()
            later = {edge.down for around in self.line(at) for edge in self.downs(around)}
            later |= {inside for inside in self.nodes for node in later if inside.startswith(node + "/")}
            todo += later - found
            found |= later
        return found

    def led_to(self, paths: Iterable[str], teardowns: bool = False) -> set[str]:
        """Nodes along the edges from some others, which are among them; past teardowns only if asked for."""
        found = set(paths)
        todo = list(found)
        while todo:
            for edge in self.downs(todo.pop()):
                if edge.down not in found and (teardowns or self.nodes[edge.down].role is not Role.TEARDOWN):
                    found.add(edge.down)
                    todo.append(edge.down)
        return found

    def indirect_setups(self, path: str) -> list[str]:
        """Setups of the same scope that a node relies on without waiting for them itself."""
        if self.nodes[path].role is not Role.NORMAL:
            return []
        beside = [other for other in self.nodes if _parent(other) == _parent(path) and self.is_setup(other)]
        direct = {edge.up for edge in self.ups(path)}
        return [setup for setup in beside if setup not in direct and path in self.led_to([setup]) - {setup}]

    def decisive(self, path: str) -> list[str]:
        """The nodes in a scope whose ends make it fail."""
        counting = [child for child in self.children(path) if self.nodes[child].counts_for_outcome]
        if self.scope(path).outcome is Outcome.ANY_FAILURE:
            return counting
        return [child for child in counting if self._is_leaf(child)]

    def _is_leaf(self, path: str) -> bool:
        """Nothing in the same scope that counts comes after it."""
        downs = [edge.down for edge in self.downs(path) if _parent(edge.down) == _parent(path)]
        return not any(self.nodes[down].counts_for_outcome for down in downs)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _walk(scope: Scope, at: str) -> Iterator[tuple[str, Node]]:
    for node in scope.nodes:
        path = f"{at}/{node.id}" if at else node.id
        yield path, node
        if isinstance(node.body, Sub):
            yield from _walk(node.body.scope, path)


def _bindings(node: Node) -> Iterator[Binding]:
    """All that a node reads before it starts, what it is mapped over left out; and what a scope gives out."""
    yield from node.inputs.values()
    if node.when is not None:
        yield from condition_reads(node.when)
    match node.body:
        case Sub(scope=scope):
            yield from scope.outputs.values()
        case Container(image=image, argv=argv, env=env):
            yield from (image, *argv, *env.values())
        case Import(uri=uri, metadata=metadata):
            yield from (uri, *metadata.values())
        case Wait(until=UntilTime(time=binding) | UntilApproval(message=binding)):
            yield binding
        case Wait(until=UntilEvent(name=name, key=key)):
            yield from [name] if key is None else [name, key]
        case _:
            pass


def condition_reads(expression: Expression) -> Iterator[Binding]:
    match expression:
        case Read(binding):
            yield binding
        case Unary(_, operand):
            yield from condition_reads(operand)
        case Binary(_, left, right):
            yield from condition_reads(left)
            yield from condition_reads(right)


def _reads(binding: Binding, soft: bool = False) -> Iterator[tuple[str, bool]]:
    """The nodes that a binding reads, and whether it can do without each if that was skipped."""
    inner: Iterable[Binding] = ()
    match binding:
        case Output(node=node, absent=absent):
            yield node, soft or absent in (Absent.OMIT, Absent.NULL)
        case Collect(node=node) | Status(node=node):
            yield node, soft
        case FirstOf(options=options):
            inner, soft = options, True
        case ListOf(items=items) | Template(parts=items):
            inner = items
        case DictOf(items=named) | Apply(inputs=named):
            inner = named.values()
        case Metadata(of=of):
            inner = (of,)
        case _:
            pass
    for part in inner:
        yield from _reads(part, soft)
