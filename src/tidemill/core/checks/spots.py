"""Nodes in their places and bindings in their roles: what the rules talk about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tidemill.core.bindings import Binding, Collect, Output, Status
from tidemill.core.expressions import Expression, top_reads
from tidemill.core.graph import (
    Call,
    Container,
    Import,
    Node,
    Sub,
    UntilApproval,
    UntilEvent,
    UntilTime,
    UntilTrue,
    Wait,
)
from tidemill.core.types import Type

_TEXT = Type("union", (Type("str"), Type("path")))
_MOMENT = Type("union", (Type("datetime"), Type("timedelta"), Type("float"), Type("str")))


@dataclass(slots=True, eq=False)
class Spot:
    """A node in its place. `holders` are the nodes whose scopes it lies in, outermost first."""

    path: str
    node: Node
    holders: tuple[Spot, ...]
    when: Expression | None = None
    """The condition, if it is not too deep to be read."""

    @property
    def holder(self) -> Spot | None:
        return self.holders[-1] if self.holders else None

    @property
    def around(self) -> tuple[Spot, ...]:
        """The enclosing maps, outermost first."""
        return tuple(holder for holder in self.holders if holder.node.each is not None)

    @property
    def maps(self) -> tuple[Spot, ...]:
        """The enclosing maps and the node itself if it is mapped."""
        return (*self.around, self) if self.node.each is not None else self.around


class Where(Enum):
    """From which side of a node a binding is read."""

    NODE = "node"  # by one instance of the node
    BEFORE = "before"  # before its own map is expanded
    INSIDE = "inside"  # inside the scope that the node holds


@dataclass(frozen=True, slots=True)
class Use:
    """A binding in its role. `spot` is None for the outputs of the pipeline itself; `wanted` is the type it must have.

    `in_worker` says that a worker resolves it, so that a function may be applied there.
    """

    spot: Spot | None
    what: str
    binding: Binding
    where: Where = Where.NODE
    wanted: Type | None = None
    in_worker: bool = False

    @property
    def holders(self) -> tuple[Spot, ...]:
        """The nodes in whose scopes it is read, outermost first."""
        if self.spot is None:
            return ()
        return (*self.spot.holders, self.spot) if self.where is Where.INSIDE else self.spot.holders

    @property
    def maps(self) -> tuple[Spot, ...]:
        """The maps whose items it may read, outermost first."""
        if self.spot is None:
            return ()
        return self.spot.around if self.where is Where.BEFORE else self.spot.maps

    @property
    def title(self) -> str:
        return f"{self.what} of {'the pipeline' if self.spot is None else f'node {self.spot.path!r}'}"


@dataclass(frozen=True, slots=True)
class Reference:
    """Somebody names a node. `use` is None for orderings and setups."""

    spot: Spot | None
    up: str
    what: str
    use: Use | None = None
    binding: Output | Collect | Status | None = None


def uses_of(spot: Spot) -> Iterator[Use]:
    """Every binding of a node in its role; those of a condition that is too deep are left out."""
    node = spot.node
    yield from _input_uses(spot)
    yield from (Use(spot, f"resource {name!r}", binding) for name, binding in node.resources.items())
    for limit in node.limits:
        yield Use(spot, "the key of a limit", limit.key, wanted=Type("str"))
        yield Use(spot, "the slots of a limit", limit.slots, wanted=Type("int"))
    if node.cache:
        yield from (Use(spot, f"cache part {name!r}", binding) for name, binding in node.cache.parts.items())
    if node.each:
        for over in node.each.over:
            yield Use(spot, f"the map over {over.name!r}", over.source, Where.BEFORE)
    if spot.when is not None:
        for binding in top_reads(spot.when):
            yield Use(spot, "the condition", binding, Where.BEFORE)
    yield from _body_uses(spot)


def _input_uses(spot: Spot) -> Iterator[Use]:
    takes: dict[str, Type] = {}
    in_worker = False
    match spot.node.body:
        case Call(takes=known) | Wait(until=UntilTrue(takes=known)):
            takes, in_worker = dict(known), True
        case Sub(scope=scope):
            takes = {parameter.name: parameter.type for parameter in scope.inputs}
        case Container():
            pass
    for name, binding in spot.node.inputs.items():
        yield Use(spot, f"input {name!r}", binding, wanted=takes.get(name), in_worker=in_worker)


def _body_uses(spot: Spot) -> Iterator[Use]:
    match spot.node.body:
        case Container(image=image, argv=argv, env=env):
            yield Use(spot, "the image", image, wanted=Type("str"))
            yield from (Use(spot, f"argument {number}", part) for number, part in enumerate(argv, 1))
            yield from (Use(spot, f"environment variable {name!r}", part) for name, part in env.items())
        case Import(uri=uri, metadata=metadata):
            yield Use(spot, "the URI", uri, wanted=_TEXT)
            yield from (Use(spot, f"metadata {name!r}", part) for name, part in metadata.items())
        case Wait(until=UntilTime(time=time)):
            yield Use(spot, "the time", time, wanted=_MOMENT)
        case Wait(until=UntilEvent(name=event, key=key)):
            yield Use(spot, "the event", event, wanted=Type("str"))
            if key is not None:
                yield Use(spot, "the key of the event", key)
        case Wait(until=UntilApproval(message=message)):
            yield Use(spot, "the message", message)
        case Sub(scope=scope):
            for name, binding in scope.outputs.items():
                yield Use(spot, f"output {name!r}", binding, Where.INSIDE)
