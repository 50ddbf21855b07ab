"""Bindings to values: for one node instance, from facts. What only a worker can compute stays as a reduced binding."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    RunInfo,
    Shape,
    Status,
    Template,
)
from tidemill.core.instances import Instance, Key, Step
from tidemill.core.values import MISSING, ArtifactRef, Missing, Value, encode, pick
from tidemill.core.wiring import Frame, Site
from tidemill.planning.expand import split_index
from tidemill.planning.facts import Facts


class Absence(Exception):
    """A binding found nothing, and says what then happens."""

    def __init__(self, policy: Absent, message: str) -> None:
        super().__init__(message)
        self.policy = policy


class Unbound(ValueError):
    """A binding cannot be resolved at all: the node fails with a data cause."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node and the instance path it is seen from; shorter than its width before its own map is expanded."""

    site: Site
    instance: Instance


def value_of(binding: Binding, place: Place, facts: Facts) -> Value:
    """The plain value of a binding. Raises Absence, Unbound, or NotYet; Unbound if only a worker could compute it."""
    reduced = reduce(binding, place, facts)
    if isinstance(reduced, Const):
        return reduced.value
    raise Unbound("a function applied to a value is known in the worker only")


def reduce(binding: Binding, place: Place, facts: Facts) -> Binding:
    """A Const, or a ListOf, DictOf, Template or Apply of reduced bindings. Raises Absence, Unbound or NotYet."""
    match binding:
        case ListOf(items=items):
            parts = [reduce(item, place, facts) for item in items]
            if all(isinstance(part, Const) for part in parts):
                return Const([part.value for part in parts if isinstance(part, Const)])
            return ListOf(tuple(parts))
        case DictOf(items=named):
            members = {name: reduce(item, place, facts) for name, item in named.items()}
            if all(isinstance(part, Const) for part in members.values()):
                return Const({name: part.value for name, part in members.items() if isinstance(part, Const)})
            return DictOf(members)
        case Apply(function=function, inputs=inputs):
            return Apply(function, reduce_inputs(inputs, place, facts))
        case Template(parts=parts_of):
            pieces = [reduce(part, place, facts) for part in parts_of]
            if all(isinstance(piece, Const) and not isinstance(piece.value, ArtifactRef) for piece in pieces):
                return Const("".join(text(piece.value) for piece in pieces if isinstance(piece, Const)))
            return Template(tuple(pieces))
        case _:
            return Const(_read(binding, place, facts))


def reduce_inputs(inputs: Mapping[str, Binding], place: Place, facts: Facts) -> dict[str, Binding]:
    """All inputs, reduced; those that are absent and may be omitted are left out. Raises Absence, Unbound, NotYet."""
    found: dict[str, Binding] = {}
    for name, binding in inputs.items():
        try:
            found[name] = reduce(binding, place, facts)
        except Absence as absence:
            match absence.policy:
                case Absent.OMIT:
                    continue
                case Absent.NULL:
                    found[name] = Const(None)
                case _:
                    raise Absence(absence.policy, f"input {name!r}: {absence}") from None
        except Unbound as problem:
            raise Unbound(f"input {name!r}: {problem}") from None
    return found


def text(value: Value) -> str:
    """A value inside a template: text as it is, everything else as JSON (so null, true, 3, 0.5)."""
    if isinstance(value, str):
        return value
    return json.dumps(encode(value), ensure_ascii=False)


def _read(binding: Binding, place: Place, facts: Facts) -> Value:
    match binding:
        case Const(value=value):
            return value
        case Param(name=name, scope=scope, path=path, absent=absent):
            key = Key(scope, facts.wiring.unit_instance(scope, place.instance))
            found = pick_or(facts.scope_input(name, key), path)
            return _present(found, absent, f"parameter {name!r}")
        case Item(name=name, depth=depth, path=path):
            frame, at = mapped_frame(place, depth)
            found = pick(item(facts, Key(frame.path, place.instance[:at]), name, place.instance[at].item), path)
            return _present(found, Absent.FAIL, f"item {name!r}")
        case Index(depth=depth):
            _, at = mapped_frame(place, depth)
            return place.instance[at].item
        case Output():
            return _output(binding, place, facts)
        case Collect():
            return _collect(binding, place, facts)
        case FirstOf(options=options, absent=absent):
            for option in options:
                try:
                    return value_of(option, place, facts)
                except Absence:
                    continue
            raise Absence(absent, "none of the alternatives has a value")
        case Status(node=node, path=path):
            state, cause = facts.status(node, place.instance[: facts.wiring.shared(node, place.site.path)])
            error = None if cause is None else {"kind": cause.kind.value, "message": cause.message}
            found = pick({"state": state.value, "error": error}, path)
            return _present(found, Absent.NULL, f"the status of {node}")
        case Metadata(of=of, path=path, absent=absent):
            return _metadata(value_of(of, place, facts), path, absent, facts)
        case RunInfo(field=field):
            return facts.run(field)
    raise Unbound(f"{type(binding).__name__} has no plain value")


def pick_or(value: Value | Missing, path: Sequence[str | int]) -> Value | Missing:
    return MISSING if value is MISSING else pick(value, path)


def _present(found: Value | Missing, absent: Absent, what: str) -> Value:
    if found is MISSING:
        raise Absence(absent, f"{what} has no value")
    return found


def _output(binding: Output, place: Place, facts: Facts) -> Value:
    up = facts.wiring.site(binding.node)
    shared = facts.wiring.shared(binding.node, place.site.path)
    if up.own or any(frame.mapped for frame in up.frames[shared:]):
        return _collect(Collect(binding.node, binding.key, binding.path), place, facts)
    found: Value | Missing = MISSING
    instance = _only_instance(up, place.instance[:shared], facts)
    if instance is not None:
        found = pick_or(facts.output(Key(up.path, instance), binding.key), binding.path)
    return _present(found, binding.absent, output_name(binding))


def output_name(binding: Output | Collect) -> str:
    path = "".join(f"[{key!r}]" for key in binding.path)
    return f"output {binding.key!r}{path} of {binding.node}"


def _only_instance(up: Site, prefix: Instance, facts: Facts) -> Instance | None:
    for frame in up.frames[len(prefix) :]:
        steps = facts.steps(frame, prefix)
        if not steps:
            return None
        prefix = (*prefix, steps[-1])
    return prefix


def _collect(binding: Collect, place: Place, facts: Facts) -> Value:
    up = facts.wiring.site(binding.node)
    shared = facts.wiring.shared(binding.node, place.site.path)
    frames = up.frames[shared:]
    if up.own:
        frames = (*frames, Frame(up.path, mapped=True, retried=False))
    found = _gather(binding, frames, place.instance[:shared], facts)
    return [] if found is MISSING else found


def _gather(binding: Collect, frames: Sequence[Frame], prefix: Instance, facts: Facts) -> Value | Missing:
    if not frames:
        found = pick_or(facts.output(Key(binding.node, prefix), binding.key), binding.path)
        return _gap(binding, prefix) if found is MISSING else found
    frame, rest = frames[0], frames[1:]
    steps = facts.steps(frame, prefix)
    if steps is None:
        # Of a map that never was nobody knows how many are missing; of a scope that never began one is.
        return MISSING if any(inner.mapped for inner in frames) else _gap(binding, prefix)
    if not frame.mapped:
        return _gather(binding, rest, (*prefix, steps[-1]), facts)
    parts = [_gather(binding, rest, (*prefix, step), facts) for step in steps]
    present = [part for part in parts if part is not MISSING]
    if binding.shape is Shape.FLAT and any(inner.mapped for inner in rest):
        return [item for part in present for item in part]
    return present


def _gap(binding: Collect, instance: Instance) -> Value | Missing:
    """What a collected list holds for an instance without a value."""
    match binding.missing:
        case Gap.OMIT:
            return MISSING
        case Gap.NULL:
            return None
        case Gap.FAIL:
            raise Absence(Absent.FAIL, f"{output_name(binding)} has no value for instance {_show(instance)}")


def _show(instance: Instance) -> str:
    return "".join(f"[{step.item}]" for step in instance)


def _metadata(value: Value, path: Sequence[str | int], absent: Absent, facts: Facts) -> Value:
    if not isinstance(value, ArtifactRef):
        raise Unbound(f"metadata is asked of {type(value).__name__}, which is not an artifact")
    found = pick(dict(facts.artifact(value.id).metadata), path)
    return _present(found, absent, "metadata " + ".".join(map(str, path)))


# --- maps ---


def mapped_frame(place: Place, depth: int) -> tuple[Frame, int]:
    """The map `depth` levels out, and its position in the instance path. Raises Unbound if there is none."""
    frames = [(frame, at) for at, frame in enumerate(place.site.frames) if frame.mapped]
    if place.site.own and len(place.instance) == place.site.width:
        frames.append((Frame(place.site.path, mapped=True, retried=False), place.site.width - 1))
    if not 0 <= depth < len(frames):
        raise Unbound(f"there is no enclosing map at depth {depth}")
    return frames[-1 - depth]


def item(facts: Facts, key: Key, name: str, index: int) -> Value:
    """Item `name` of instance `index` of the map at `key`. Raises Unbound for an unknown name."""
    site = facts.wiring.site(key.path)
    assert site.node.each is not None
    for position, over in enumerate(site.node.each.over):
        if over.name == name:
            at = positions(facts, key, index)[position]
            if over.follow:
                assert isinstance(over.source, Output)
                shared = facts.wiring.shared(over.source.node, key.path)
                followed = Key(over.source.node, (*key.instance[:shared], Step(at)))
                found = pick_or(facts.output(followed, over.source.key), over.source.path)
                return _present(found, over.source.absent, f"output {over.source.key!r} of {followed}")
            return item_at(facts.source(key, position), at)
    raise Unbound(f"the map {key.path} has no item {name!r}")


def item_at(source: Value, at: int) -> Value:
    """One item of a source: of a list, a [key, value] pair of an object, or an address inside an artifact."""
    match source:
        case list() | dict() if at >= len(source):
            raise Unbound(f"what is mapped over has become shorter: there is no item {at} any more")
        case list():
            return source[at]
        case dict():
            key = list(source)[at]
            return [key, source[key]]
        case ArtifactRef():
            return source.item(at)
    raise Unbound(f"cannot take an item of {type(source).__name__}")


def positions(facts: Facts, key: Key, index: int) -> tuple[int, ...]:
    """The position in each source of the map at `key` that instance `index` stands for."""
    each = facts.wiring.site(key.path).node.each
    assert each is not None
    return split_index(index, facts.sizes(key), each.combine)
