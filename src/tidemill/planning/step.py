"""One pure function that says what should happen with a node now: the engine and the dry run both call it.

So the two cannot disagree about the rule, only about facts not yet known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias

from tidemill.core.bindings import RESULT, Absent, Binding, Const, children
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.expressions import ExpressionError, holds
from tidemill.core.graph import (
    ONCE,
    Call,
    Container,
    Empty,
    Import,
    PreviousRun,
    Sub,
    UntilApproval,
    UntilEvent,
    UntilTime,
    UntilTrue,
    Wait,
)
from tidemill.core.instances import Instance, Key
from tidemill.core.joins import Join, judge
from tidemill.core.records import Artifact, PollFunction, RunCommand, RunFunction, Work
from tidemill.core.states import TaskState
from tidemill.core.types import judge_value
from tidemill.core.values import MISSING, ArtifactRef, Value, digest, references
from tidemill.core.wiring import Edge, Site
from tidemill.planning.cachekey import NotCacheable, hangs_on_what_is_outside, key_parts
from tidemill.planning.expand import NotMappable, count_of, length_of
from tidemill.planning.facts import CacheHit, Facts, NotYet
from tidemill.planning.resolve import Absence, Place, Unbound, reduce_inputs, text, value_of


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nothing can be said before `waiting_for`."""

    waiting_for: str


@dataclass(frozen=True, slots=True)
class End:
    """The node takes a final state without running anything."""

    state: TaskState
    cause: Cause | None = None
    outputs: Mapping[str, Value] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()


@dataclass(frozen=True, slots=True)
class Expand:
    """The map is known: `count` instances over sources of `sizes`."""

    sizes: tuple[int, ...]
    count: int
    empty: Empty = Empty.SUCCEED


@dataclass(frozen=True, slots=True)
class Enter:
    """The scope starts with these inputs."""

    inputs: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Hold:
    """A wait begins: exactly one of a moment, a delay, an event or a request for approval."""

    at: datetime | None = None
    after: timedelta | None = None
    event: str = ""
    event_key: str = ""
    approval: str = ""
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Execute:
    """An attempt may start.

    `limits` are (key, slots); `used` the artifacts that reach it; `cache_parts` the parts of its key, if it is kept;
    `unusable` the stamp of a kept result that is damaged.
    """

    work: Work
    inputs: Mapping[str, Binding]
    limits: tuple[tuple[str, int], ...] = ()
    resources: Mapping[str, Value] = field(default_factory=dict)
    used: tuple[str, ...] = ()
    cache_parts: Mapping[str, Any] | None = None
    cache_miss: str = ""
    unusable: str = ""


@dataclass(frozen=True, slots=True)
class Reuse:
    outputs: Mapping[str, Value]
    source: str


Decision: TypeAlias = Undecided | End | Expand | Enter | Hold | Execute | Reuse


def step(site: Site, instance: Instance, facts: Facts) -> Decision:
    """What should happen with a node at an instance path.

    A path shorter than the node's width asks about the node before its own map is expanded; a full path of a mapped
    node asks about one instance.
    """
    return _explained(lambda: _first(Place(site, instance), facts))


def _first(place: Place, facts: Facts) -> Decision:
    site, instance = place.site, place.instance
    waiting = _join(site, instance, facts)
    if waiting is not None:
        return waiting
    if not (site.own and len(instance) == site.width):
        stopped = _may_start(place, facts)
        if stopped is not None:
            return stopped
        if site.own:
            return _expand(place, facts)
    return _body(place, facts)


def _explained(decided: Callable[[], Decision]) -> Decision:
    """The decision, or what follows from a value that is not there."""
    try:
        return decided()
    except NotYet as not_yet:
        return Undecided(not_yet.waiting_for)
    except Absence as absence:
        state = TaskState.SKIPPED if absence.policy is Absent.SKIP else TaskState.FAILED
        kind = CauseKind.CONDITION if absence.policy is Absent.SKIP else CauseKind.DATA
        return End(state, Cause(kind, str(absence)))
    except (Unbound, NotMappable) as problem:
        return End(TaskState.FAILED, Cause(CauseKind.DATA, str(problem)))


def repeat(site: Site, instance: Instance, facts: Facts) -> Decision:
    """What happens when a node that has started before starts again: it is not asked again whether it may."""
    return _explained(lambda: _body(Place(site, instance), facts))


def _join(site: Site, instance: Instance, facts: Facts) -> Decision | None:
    counts = facts.counts(Key(site.path, instance))
    verdict = judge(site.node.join, counts)
    match verdict:
        case True if counts.expanding:
            return Undecided("upstreams")
        case True:
            return None
        case False:
            return Undecided("upstreams")
        case TaskState():
            return End(verdict, _blame(site, instance, facts, verdict))


_FAILING = (TaskState.FAILED, TaskState.CANCELLED, TaskState.UPSTREAM_FAILED)


def _blame(site: Site, instance: Instance, facts: Facts, verdict: TaskState) -> Cause:
    """Which upstreams a node ends for without having started, the ones that failed of themselves first."""
    was = "was skipped" if verdict is TaskState.SKIPPED else "did not succeed"
    rule = site.node.join
    needed = rule in (Join.ALL_SUCCESS, Join.NONE_FAILED, Join.NONE_FAILED_MIN_ONE_SUCCESS)
    if site.own and len(instance) == site.width:
        followed = ", ".join(edge.up for edge in site.ups if edge.follow)
        if not needed:
            message = f"its join rule {rule.value} does not hold for the instance of {followed} that it follows"
            return Cause(CauseKind.UPSTREAM, message, by=followed)
        return Cause(CauseKind.UPSTREAM, f"the instance of {followed} that it follows {was}", by=followed)
    wanted = _FAILING if verdict is TaskState.UPSTREAM_FAILED else (TaskState.SKIPPED,)
    ends = {edge.up: _end_of(edge, instance, facts) for edge in site.ups}
    found = [path for state in wanted for path, end in ends.items() if end is state]
    if not found or not needed:
        ended = ", ".join(f"{path} {end.value}" for path, end in ends.items() if end.final)
        return Cause(CauseKind.UPSTREAM, f"its join rule {rule.value} does not hold: {ended or 'nothing has ended'}")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Cause(CauseKind.UPSTREAM, f"{found[0]}, which it needs, {was}{more}", by=found[0])


def _end_of(edge: Edge, instance: Instance, facts: Facts) -> TaskState:
    try:
        return facts.status(edge.up, instance[: edge.shared])[0]
    except NotYet:
        return TaskState.PENDING


def _may_start(place: Place, facts: Facts) -> Decision | None:
    node, path = place.site.node, place.site.path
    setup = facts.setup_end(Key(path, place.instance)) if place.site.indirect_setups else None
    if setup is not None:
        state = TaskState.SKIPPED if setup is TaskState.SKIPPED else TaskState.UPSTREAM_FAILED
        return End(state, Cause(CauseKind.UPSTREAM, "a setup it relies on did not succeed"))
    if node.previous_run is not PreviousRun.NONE:
        before = facts.previous(path)
        if before not in (None, TaskState.SUCCEEDED, TaskState.SKIPPED):
            return Undecided(f"the previous run, where it is {before.value}")
    if node.when is not None:
        try:
            if not holds(node.when, lambda binding: value_of(binding, place, facts)):
                return End(TaskState.SKIPPED, Cause(CauseKind.CONDITION, "its condition is false"))
        except ExpressionError as error:
            return End(TaskState.FAILED, Cause(CauseKind.DATA, f"its condition cannot be decided: {error}"))
    return None


def _expand(place: Place, facts: Facts) -> Decision:
    each = place.site.node.each
    assert each is not None
    key = Key(place.site.path, place.instance)
    sizes: list[int] = []
    for position, over in enumerate(each.over):
        if over.follow:
            followed = Key(_followed(over.source), place.instance[: len(place.site.frames)])
            count = facts.count(followed)
            if count is None:
                raise NotMappable(f"{followed} never became a map")
            sizes.append(count)
            continue
        source = facts.source(key, position)
        try:
            artifacts = {ref.id: facts.artifact(ref.id) for ref in [source] if isinstance(ref, ArtifactRef)}
            sizes.append(length_of(source, artifacts))
        except NotMappable as problem:
            raise NotMappable(f"map over {over.name!r}: {problem}") from None
    return Expand(tuple(sizes), count_of(each, sizes), each.empty)


def _followed(source: Binding) -> str:
    node = getattr(source, "node", "")
    assert isinstance(node, str)
    return node


def _body(place: Place, facts: Facts) -> Decision:
    node = place.site.node
    match node.body:
        case Sub(scope=scope):
            return _enter(place, facts, {parameter.name: parameter for parameter in scope.inputs})
        case Wait(until=UntilTime(time=time)):
            return _hold_time(value_of(time, place, facts))
        case Wait(until=UntilEvent(name=name, key=event_key)):
            wanted = "" if event_key is None else text(value_of(event_key, place, facts))
            awaited = text(value_of(name, place, facts))
            if not awaited:
                raise Unbound("the event to wait for has no name")
            return Hold(event=awaited, event_key=wanted)
        case Wait(until=UntilApproval(message=message, approvers=approvers)):
            return Hold(approval=text(value_of(message, place, facts)) or node.id, approvers=approvers)
        case Wait(until=UntilTrue(function=function, interval=interval, takes=takes)):
            return _execute(place, facts, PollFunction(function, interval, takes))
        case Call(function=function, returns=returns, outputs=outputs, takes=takes):
            return _execute(place, facts, RunFunction(function, returns, outputs, takes))
        case Container(image=image, argv=argv, env=env, outputs=outputs):
            command = RunCommand(
                text(value_of(image, place, facts)),
                tuple(text(value_of(part, place, facts)) for part in argv),
                {name: text(value_of(part, place, facts)) for name, part in env.items()},
                outputs,
            )
            return _execute(place, facts, command)
        case Import(uri=uri, type=kind, metadata=metadata):
            values = {name: value_of(part, place, facts) for name, part in metadata.items()}
            where = _name(value_of(uri, place, facts), "the URI of an artifact")
            id = facts.import_id(Key(place.site.path, place.instance))
            artifact = Artifact(id, str(kind), values, uri=where)
            return End(TaskState.SUCCEEDED, outputs={RESULT: ArtifactRef(id)}, artifacts=(artifact,))
    raise Unbound(f"nothing is known about running a {type(node.body).__name__}")


def _enter(place: Place, facts: Facts, parameters: Mapping[str, Any]) -> Decision:
    inputs = reduce_inputs(place.site.node.inputs, place, facts)
    values: dict[str, Value] = {}
    for name, parameter in parameters.items():
        bound = inputs.get(name)
        if bound is None:
            if parameter.default is MISSING:
                raise Unbound(f"input {name!r} of the scope has no value and no default")
            values[name] = parameter.default
            continue
        if not isinstance(bound, Const):
            raise Unbound(f"input {name!r} of a scope must be a plain value")
        problem = judge_value(bound.value, parameter.type, name)
        if problem:
            raise Unbound(problem)
        values[name] = bound.value
    return Enter(values)


def _hold_time(moment: Value) -> Decision:
    match moment:
        case datetime():
            if moment.tzinfo is None:
                raise Unbound(f"the time to wait for, {moment.isoformat()}, has no time zone")
            return Hold(at=moment)
        case date():
            raise Unbound(f"a time to wait for needs hours: {moment.isoformat()} is a date")
        case timedelta():
            return Hold(after=moment)
        case bool():
            pass
        case int() | float():
            return Hold(after=timedelta(seconds=moment))
        case str():
            try:
                return _hold_time(datetime.fromisoformat(moment))
            except ValueError:
                pass
    raise Unbound(f"{moment!r} is neither a time nor a number of seconds")


def _execute(place: Place, facts: Facts, work: Work) -> Decision:
    node = place.site.node
    inputs = reduce_inputs(node.inputs, place, facts)
    limits = tuple(
        (_limit_key(value_of(limit.key, place, facts)), _slots(value_of(limit.slots, place, facts)))
        for limit in node.limits
    )
    resources = {name: value_of(binding, place, facts) for name, binding in node.resources.items()}
    used = tuple(dict.fromkeys(ref.id for binding in inputs.values() for ref in reduced_references(binding)))
    parts: Mapping[str, Any] | None = None
    miss, alone, unusable = "", False, ""
    if node.cache is not None and isinstance(node.body, Call) and not node.body.acts:
        declared = {name: value_of(part, place, facts) for name, part in node.cache.parts.items()}
        try:
            parts = made = key_parts(facts.wiring.pipeline, node, inputs, declared, facts.artifact)
        except NotCacheable as reason:
            miss = str(reason)
        else:
            answer = facts.cached(Key(place.site.path, place.instance), made)
            if isinstance(answer, CacheHit):
                return Reuse(answer.outputs, answer.source)
            miss, alone, unusable = answer.reason, answer.alone, answer.unusable
            if answer.parts is not None or hangs_on_what_is_outside([made["inputs"], made["declared"]]):
                parts = answer.parts
    if parts is not None and not alone:
        limits = (*limits, (ONCE + digest(parts), 1))
    return Execute(work, inputs, limits, resources, used, parts, miss, unusable)


def reduced_references(binding: Binding) -> list[ArtifactRef]:
    """The artifact references in a reduced binding."""
    match binding:
        case Const(value=value):
            return list(references(value))
        case _:
            return [ref for inner in children(binding) for ref in reduced_references(inner)]


def _limit_key(value: Value) -> str:
    key = _name(value, "the name of a limit")
    if key.startswith(ONCE):
        raise Unbound(f"the name of a limit, {key!r}, begins with {ONCE!r}, which is for results that are kept")
    return key


def _name(value: Value, what: str) -> str:
    name = text(value)
    if "\0" in name or any("\ud800" <= character <= "\udfff" for character in name):
        raise Unbound(f"{what}, {name!r}, holds a character that cannot be stored")
    return name


def _slots(value: Value) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise Unbound(f"a limit takes a whole number of slots, not {value!r}")
