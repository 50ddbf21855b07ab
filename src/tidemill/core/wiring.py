"""The static index of a graph: who waits for whom, across scopes, and which frames they share.

Built once for a definition, independent of any run; planning, the engine and the checks all read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tidemill.core.bindings import Absent, Binding, Collect, FirstOf, Output, Status, children, walk
from tidemill.core.expressions import reads, top_reads
from tidemill.core.graph import (
    Call,
    Container,
    Import,
    Node,
    Pipeline,
    Role,
    Scope,
    Sub,
    UntilApproval,
    UntilEvent,
    UntilTime,
    Wait,
    walk_nodes,
)
from tidemill.core.instances import Instance, Step


@dataclass(frozen=True, slots=True)
class Edge:
    """`down` waits for `up`. `shared` frames of their instance paths must agree; `extra` frames of `up` are collected.

    `instances`: each instance of `up` counts on its own. `follow`: instance i of `down` waits for instance i of `up`
    only; `over` is then the position of that source in the map of `down`.
    """

    up: str
    down: str
    shared: int
    instances: bool = False
    setup: bool = False
    follow: bool = False
    over: int = -1
    soft: bool = False
    """The value is optional here: an upstream that was skipped counts as succeeded."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One mapped or retried scope around a node, or the node itself if it is mapped."""

    path: str
    mapped: bool
    retried: bool


@dataclass(slots=True)
class Site:
    """A node in its place. `frames` are those around it; `own` says that its own map adds one more to its instances."""

    path: str
    node: Node
    parent: str
    frames: tuple[Frame, ...]
    ups: list[Edge] = field(default_factory=list)
    downs: list[Edge] = field(default_factory=list)
    levels: tuple[int, ...] = ()
    """For how many shared frames somebody wants to know how this node ended."""
    indirect_setups: tuple[str, ...] = ()

    @property
    def own(self) -> bool:
        return self.node.each is not None

    @property
    def width(self) -> int:
        """Length of the instance path of one instance of this node."""
        return len(self.frames) + self.own

    @property
    def retried(self) -> bool:
        return isinstance(self.node.body, Sub) and self.node.retry is not None

    @property
    def inner_frames(self) -> tuple[Frame, ...]:
        """The frames of what is inside this node."""
        if self.own or self.retried:
            return (*self.frames, Frame(self.path, self.own, self.retried))
        return self.frames


class Wiring:
    """Sites by path, in order of definition, with their edges."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.sites: dict[str, Site] = {}
        self._place(pipeline.root, "", ())
        self._connect()
        for site in self.sites.values():
            site.levels = tuple(sorted({edge.shared + edge.follow for edge in site.downs}))
        self._find_indirect_setups()

    def site(self, path: str) -> Site:
        return self.sites[path]

    def scope(self, path: str) -> Scope:
        """The scope of the `Sub` at `path`; the empty path is the root."""
        if not path:
            return self.pipeline.root
        body = self.sites[path].node.body
        assert isinstance(body, Sub)
        return body.scope

    def inner_frames(self, path: str) -> tuple[Frame, ...]:
        return self.sites[path].inner_frames if path else ()

    def children(self, path: str) -> Iterator[Site]:
        """The sites directly inside the scope at `path`."""
        for node in self.scope(path).nodes:
            yield self.sites[f"{path}/{node.id}" if path else node.id]

    def below(self, path: str) -> Iterator[Site]:
        """Every site inside the scope at `path`, at any depth."""
        site = self.sites.get(path)
        scope = site.node.scope if site else self.pipeline.root
        if scope is not None:
            for inner, _ in walk_nodes(scope, path):
                yield self.sites[inner]

    def shared(self, one: str, other: str) -> int:
        """How many frames two nodes share: those of the deepest scope that holds both."""
        common = ""
        for ancestor in ancestors(one):
            if other.startswith(ancestor + "/"):
                common = ancestor
        return len(self.inner_frames(common))

    def unit_instance(self, path: str, inner: Instance) -> Instance:
        """The instance path of the scope run at `path` that holds what has instance path `inner`."""
        if not path:
            return ()
        site = self.sites[path]
        steps = inner[: len(site.inner_frames)]
        if site.own:
            return (*steps[:-1], Step(steps[-1].item, 0))
        return steps[: len(site.frames)]

    def downstream(self, path: str) -> set[str]:
        """Every node that starts only after `path` has ended, at any depth.

        What is inside such a node is among them, and what comes after the scopes around it; these scopes are not.
        """
        found: set[str] = set()
        todo = [path]
        while todo:
            at = todo.pop()
            for holder in (at, *ancestors(at)):
                for edge in self.sites[holder].downs:
                    if edge.down not in found:
                        later = [edge.down, *(site.path for site in self.below(edge.down))]
                        found.update(later)
                        todo.extend(later)
        return found

    def reachable(self, paths: list[str], without_teardowns: bool = True) -> set[str]:
        """What follows any of `paths`, these included; teardowns are passed by unless asked for."""
        return self._reach(paths, setups=not without_teardowns) | set(paths)

    def _reach(self, paths: list[str], setups: bool) -> set[str]:
        found: set[str] = set()
        todo = list(paths)
        while todo:
            for edge in self.sites[todo.pop()].downs:
                if edge.down in found or (not setups and self.sites[edge.down].node.role is Role.TEARDOWN):
                    continue
                found.add(edge.down)
                todo.append(edge.down)
        return found

    # --- building -----------------------------------------------------------------------------------------------------

    def _place(self, scope: Scope, at: str, frames: tuple[Frame, ...]) -> None:
        for node in scope.nodes:
            path = f"{at}/{node.id}" if at else node.id
            site = Site(path, node, at, frames)
            self.sites[path] = site
            if isinstance(node.body, Sub):
                self._place(node.body.scope, path, site.inner_frames)

    def _connect(self) -> None:
        for site in self.sites.values():
            edges: dict[tuple[str, bool], Edge] = {}
            for edge in self._edges(site):
                # What the outputs of a scope read lies inside it; a node cannot wait for what is inside or around
                # itself.
                if edge.up not in self.sites or _nested(edge.up, edge.down):
                    continue
                known = edges.get((edge.up, edge.follow))
                edges[edge.up, edge.follow] = edge if known is None else _merged(known, edge)
            site.ups.extend(edges.values())
            for edge in edges.values():
                self.sites[edge.up].downs.append(edge)

    def _edges(self, site: Site) -> Iterator[Edge]:
        node, path = site.node, site.path
        setups = set(node.setups)
        for after in node.after:
            up, instances = after.node, after.instances or after.node in setups
            yield Edge(up, path, self.shared(up, path), instances, self._is_setup(up))
        for setup in node.setups:
            yield Edge(setup, path, self.shared(setup, path), True, True)
        if node.each:
            for position, over in enumerate(node.each.over):
                for up, soft in waits(over.source):
                    at = position if over.follow else -1
                    shared, setup_up = self.shared(up, path), self._is_setup(up)
                    yield Edge(up, path, shared, setup=setup_up, follow=over.follow, over=at, soft=soft)
        for binding in node_bindings(node):
            for up, soft in waits(binding):
                yield Edge(up, path, self.shared(up, path), setup=self._is_setup(up), soft=soft)
        if node.when is not None:
            for read in top_reads(node.when):
                for up, soft in waits(read):
                    yield Edge(up, path, self.shared(up, path), setup=self._is_setup(up), soft=soft)

        if isinstance(node.body, Sub):
            # A scope may give out what lies outside of it; what lies inside is done by the time the scope is.
            for binding in node.body.scope.outputs.values():
                for up, soft in waits(binding):
                    yield Edge(up, path, self.shared(up, path), setup=self._is_setup(up), soft=soft)

    def _is_setup(self, path: str) -> bool:
        site = self.sites.get(path)
        return site is not None and site.node.role is Role.SETUP

    def _find_indirect_setups(self) -> None:
        setups = [path for path, site in self.sites.items() if site.node.role is Role.SETUP]
        for setup in setups:
            covered = self._reach([setup], setups=False)
            direct = {edge.down for edge in self.sites[setup].downs}
            for path in covered - direct:
                site = self.sites[path]
                if site.node.role is Role.NORMAL and site.parent == self.sites[setup].parent:
                    site.indirect_setups = (*site.indirect_setups, setup)


def ancestors(path: str) -> Iterator[str]:
    """The paths of the scopes around a node, outermost first, the root left out."""
    parts = path.split("/")
    for n in range(1, len(parts)):
        yield "/".join(parts[:n])


def node_bindings(node: Node) -> Iterator[Binding]:
    """The bindings a node needs before it can start, those of its map and its condition left out."""
    yield from node.inputs.values()
    yield from node.resources.values()
    for limit in node.limits:
        yield limit.key
        yield limit.slots
    if node.cache:
        yield from node.cache.parts.values()
    match node.body:
        case Container(image=image, argv=argv, env=env):
            yield image
            yield from argv
            yield from env.values()
        case Import(uri=uri, metadata=metadata):
            yield uri
            yield from metadata.values()
        case Wait(until=UntilTime(time=time)):
            yield time
        case Wait(until=UntilEvent(name=name, key=key)):
            yield name
            if key is not None:
                yield key
        case Wait(until=UntilApproval(message=message)):
            yield message
        case Call() | Wait() | Sub():
            pass


def all_bindings(node: Node) -> Iterator[Binding]:
    """Every binding of a node and all inside it: those of its map, condition and scope's outputs are included."""
    for binding in node_bindings(node):
        yield from walk(binding)
    if node.each:
        for over in node.each.over:
            yield from walk(over.source)
    if node.when is not None:
        yield from reads(node.when)
    if isinstance(node.body, Sub):
        for binding in node.body.scope.outputs.values():
            yield from walk(binding)


def waits(binding: Binding, soft: bool = False) -> Iterator[tuple[str, bool]]:
    """The nodes a binding waits for, and whether it can do without their value if they are skipped."""
    match binding:
        case Output(node=path, absent=absent):
            yield path, soft or absent in (Absent.OMIT, Absent.NULL)
        case Collect(node=path) | Status(node=path):
            yield path, soft
        case FirstOf(options=options):
            for option in options:
                yield from waits(option, soft=True)
        case _:
            for inner in children(binding):
                yield from waits(inner, soft)


def _merged(one: Edge, other: Edge) -> Edge:
    return replace(
        one,
        instances=one.instances or other.instances,
        setup=one.setup or other.setup,
        soft=one.soft and other.soft,
    )


def _nested(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")
