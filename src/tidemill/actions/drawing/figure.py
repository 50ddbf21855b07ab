"""What a picture of a pipeline shows: boxes inside boxes, and the arrows between those of one scope.

An arrow that crosses scopes is drawn between the boxes that stand side by side. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from tidemill.actions.wording import binding_text, condition_text
from tidemill.core.graph import (
    Call,
    Combine,
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
    UntilTrue,
    Wait,
    join_path,
)
from tidemill.core.joins import Join
from tidemill.core.types import Parameter
from tidemill.core.wiring import Wiring

TIMES = "\u00d7"


@dataclass(frozen=True, slots=True)
class Box:
    """One node. `kind` is task, scope, wait, import or container; `notes` are short remarks, `ups` sibling names.

    `reads` are the nodes it waits for as people name them, also those of other scopes.
    """

    path: str
    name: str
    kind: str
    notes: tuple[str, ...] = ()
    ups: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    mapped: bool = False
    role: str = ""
    inside: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A pipeline as it is drawn. `params` are its parameters as they are written."""

    name: str
    params: tuple[str, ...]
    boxes: tuple[Box, ...]

    def every(self) -> Iterator[Box]:
        """All boxes, each before what is inside it."""
        todo = list(reversed(self.boxes))
        while todo:
            box = todo.pop()
            yield box
            todo.extend(reversed(box.inside))


def figure_of(pipeline: Pipeline) -> Figure:
    """The picture of a pipeline that has passed the checks: it has no cycles."""
    wiring = Wiring(pipeline)
    return Figure(pipeline.name, tuple(map(signature, pipeline.params)), _boxes(wiring, pipeline.root, ""))


def signature(parameter: Parameter) -> str:
    """`threshold: float = 0.85`."""
    default = "" if parameter.required else f" = {parameter.default!r}"
    return f"{parameter.name}: {parameter.type}{default}"


def _boxes(wiring: Wiring, scope: Scope, at: str) -> tuple[Box, ...]:
    """The boxes of a scope, each after those that point to it, otherwise in the order of the definition."""
    ups: dict[str, dict[str, None]] = {node.id: {} for node in scope.nodes}
    for node in scope.nodes:
        path = join_path(at, node.id)
        for place in (wiring.site(path), *wiring.below(path)):
            for edge in place.ups:
                beside = _beside(edge.up, at)
                if beside in ups and beside != node.id:
                    ups[node.id][beside] = None
    nodes = {node.id: node for node in scope.nodes}
    ordered = _in_order(ups)
    before: dict[str, set[str]] = {}
    for name in ordered:
        before[name] = {*ups[name], *(far for up in ups[name] for far in before[up])}
    shown = {name: _nearest(nodes[name], ups[name], before) for name in ordered}
    return tuple(_box(wiring, nodes[name], join_path(at, name), shown[name]) for name in ordered)


def _nearest(node: Node, ups: Iterable[str], before: Mapping[str, set[str]]) -> tuple[str, ...]:
    """What comes after everything is drawn after the last of it: arrows from all of it say nothing more."""
    if node.join is Join.ALL_SUCCESS and node.role is not Role.TEARDOWN:
        return tuple(ups)
    return tuple(up for up in ups if not any(up in before[other] for other in ups))


def _in_order(ups: dict[str, dict[str, None]]) -> list[str]:
    """Depth first where that is possible, so that what belongs together stands together."""
    sorter: TopologicalSorter[str] = TopologicalSorter({name: list(of) for name, of in ups.items()})
    sorter.prepare()
    position = {name: n for n, name in enumerate(ups)}
    ready, ordered = sorted(sorter.get_ready(), key=lambda name: -position[name]), []
    while ready:
        name = ready.pop()
        ordered.append(name)
        sorter.done(name)
        ready.extend(sorted(sorter.get_ready(), key=lambda one: -position[one]))
    return ordered


def _beside(path: str, scope: str) -> str:
    if scope and not path.startswith(scope + "/"):
        return ""
    return (path[len(scope) + 1 :] if scope else path).partition("/")[0]


def _box(wiring: Wiring, node: Node, path: str, ups: tuple[str, ...]) -> Box:
    inside = _boxes(wiring, node.body.scope, path) if isinstance(node.body, Sub) else ()
    reads = dict.fromkeys(_seen_from(edge.up, path) for edge in wiring.site(path).ups)
    return Box(
        path=path,
        name=node.id,
        kind=_kind(node),
        notes=tuple(_notes(node)),
        ups=ups,
        reads=tuple(reads),
        mapped=node.each is not None,
        role="" if node.role is Role.NORMAL else node.role.value,
        inside=inside,
    )


def _seen_from(up: str, path: str) -> str:
    """The shortest name of another node as seen from one: what stands in a scope around both has its id alone."""
    scope = path.rpartition("/")[0]
    while scope and not up.startswith(scope + "/"):
        scope = scope.rpartition("/")[0]
    return up[len(scope) + 1 :] if scope else up


def _kind(node: Node) -> str:
    match node.body:
        case Call():
            return "task"
        case Sub():
            return "scope"
        case Wait():
            return "wait"
        case Import():
            return "import"
        case Container():
            return "container"


def _notes(node: Node) -> Iterator[str]:
    if node.each is not None:
        link = " with " if node.each.combine is Combine.ZIP else f" {TIMES} "
        yield "each " + link.join(over.name for over in node.each.over)
    if node.when is not None:
        yield f"if {condition_text(node.when)}"
    match node.body:
        case Wait(until=UntilTime()):
            yield "waits for a time"
        case Wait(until=UntilEvent(name=name)):
            yield f"waits for event {binding_text(name)}"
        case Wait(until=UntilApproval()):
            yield "waits for approval"
        case Wait(until=UntilTrue(function=function)):
            yield f"waits until {function.name}"
        case Container(image=image):
            yield binding_text(image)
        case _:
            pass
    if node.join is not Join.ALL_SUCCESS:
        yield node.join.value.replace("_", " ")
    if node.role is not Role.NORMAL:
        yield node.role.value
    if node.retry is not None and node.retry.limit:
        yield f"retry {node.retry.limit}{TIMES}"
    if node.cache is not None:
        yield "cached"
