"""The plan before the run: `step`, asked about every node with what is known now, and told in lines.

What would run is taken to succeed; what hangs on a result that is not there yet is undecided, with what it waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, TypeAlias

from tidemill.core.bindings import RunField
from tidemill.core.causes import Cause
from tidemill.core.expressions import ExpressionError, holds
from tidemill.core.graph import Call, Sub
from tidemill.core.instances import Instance, Key, Step
from tidemill.core.joins import Counts
from tidemill.core.records import Artifact
from tidemill.core.states import TaskState
from tidemill.core.values import MISSING, Missing, Value
from tidemill.core.wiring import Frame, Site, Wiring
from tidemill.planning.facts import CacheHit, CacheMiss, NotYet
from tidemill.planning.resolve import Absence, Place, Unbound, value_of
from tidemill.planning.step import Decision, End, Enter, Execute, Expand, Hold, Reuse, Undecided, step

LookUp: TypeAlias = Callable[[str, Mapping[str, Any]], tuple[CacheHit | CacheMiss, Mapping[str, Artifact]]]
"""From node path and key parts to the cache's answer and the artifacts it brings."""

SHOWN_INSTANCES = 200
"""Instances of one map that are asked about one by one; the rest are counted with the last of them."""


@dataclass(frozen=True, slots=True)
class PlanLine:
    """`action` is run, reuse, skip, fail, map, enter, wait or undecided; `count` the instances of a map, if known."""

    path: str
    depth: int
    action: str
    reason: str = ""
    waiting_for: str = ""
    count: int | None = None


def dry_run(wiring: Wiring, params: Mapping[str, Value], look_up: LookUp) -> list[PlanLine]:
    """What would happen if the pipeline ran now with these parameters, in the order of the graph."""
    return list(_DryRun(wiring, params, look_up).scope("", (), 0))


class _DryRun:
    """Facts as far as they are known before anything runs; keeps how each node would end."""

    def __init__(self, wiring: Wiring, params: Mapping[str, Value], look_up: LookUp) -> None:
        self.wiring = wiring
        self._params = params
        self._look_up = look_up
        self._ends: dict[Key, TaskState] = {}  # PENDING = nobody can say yet
        self._outputs: dict[Key, Mapping[str, Value]] = {}
        self._inputs: dict[Key, Mapping[str, Value]] = {}
        self._sizes: dict[Key, tuple[tuple[int, ...], int]] = {}
        self._artifacts: dict[str, Artifact] = {}
        self._sources: dict[tuple[Key, int], Value] = {}

    def scope(self, path: str, instance: Instance, depth: int) -> Iterator[PlanLine]:
        for site in _in_order(self.wiring, path):
            yield from self._node(site, instance, depth)

    def _node(self, site: Site, instance: Instance, depth: int) -> Iterator[PlanLine]:
        key = Key(site.path, instance)
        decision = step(site, instance, self)
        match decision:
            case Expand(sizes=sizes, count=count):
                self._sizes[key] = (sizes, count)
                self._ends[key] = TaskState.SUCCEEDED
                yield from self._instances(site, instance, count, depth)
            case Enter(inputs=inputs):
                self._inputs[key] = inputs
                self._ends[key] = TaskState.SUCCEEDED
                yield PlanLine(site.path, depth, "enter")
                yield from self.scope(site.path, self._inner(site, instance), depth + 1)
                self._keep_scope_outputs(site, key)
            case _:
                yield self._line(site, instance, decision, depth)
                if isinstance(site.node.body, Sub):
                    yield from self._unseen(site, depth + 1)

    def _instances(self, site: Site, instance: Instance, count: int, depth: int) -> Iterator[PlanLine]:
        actions: dict[str, int] = {}
        reason = waiting = ""
        for index in range(min(count, SHOWN_INSTANCES)):
            of_one = (*instance, Step(index))
            line = self._line(site, of_one, step(site, of_one, self), depth)
            actions[line.action] = actions.get(line.action, 0) + 1
            if line.action in ("run", "undecided"):
                reason, waiting = reason or line.reason, waiting or line.waiting_for
        if set(actions) == {"reuse"}:
            yield PlanLine(site.path, depth, "reuse", f"all {count} instances", count=count)
            return
        told = ", ".join(f"{number} {action}" for action, number in actions.items()) if len(actions) > 1 else ""
        yield PlanLine(site.path, depth, "map", "; ".join(filter(None, (told, reason))), waiting, count)
        if isinstance(site.node.body, Sub) and count:
            yield from self._unseen(site, depth + 1)

    def _line(self, site: Site, instance: Instance, decision: Decision, depth: int) -> PlanLine:
        key, path = Key(site.path, instance), site.path
        state = TaskState.SUCCEEDED
        match decision:
            case Execute(cache_miss=miss):
                line = PlanLine(path, depth, "run", f"not reused: {miss}" if miss else _each_time(site))
            case Reuse(outputs=outputs, source=source):
                self._outputs[key] = outputs
                line = PlanLine(path, depth, "reuse", f"kept from {source}")
            case Hold(event=event, approval=approval):
                what = f"for event {event!r}" if event else f"for approval: {approval}" if approval else "for a time"
                line = PlanLine(path, depth, "wait", what)
            case End(state=TaskState.SUCCEEDED, outputs=outputs, artifacts=artifacts):
                self._outputs[key] = outputs
                self._artifacts.update({artifact.id: artifact for artifact in artifacts})
                line = PlanLine(path, depth, "run")
            case End(state=ended, cause=cause):
                state = ended
                action = "skip" if ended is TaskState.SKIPPED else "fail"
                line = PlanLine(path, depth, action, cause.message if cause else "")
            case Undecided(waiting_for=waiting):
                certain = self._starts_for_sure(site, instance)
                state = TaskState.SUCCEEDED if certain else TaskState.PENDING
                action = ("map" if self._unexpanded(site, instance) else "run") if certain else "undecided"
                line = PlanLine(path, depth, action, "", waiting)
            case _:
                line = PlanLine(path, depth, "map" if site.own else "enter")
        self._ends[key] = state
        return line

    @staticmethod
    def _unexpanded(site: Site, instance: Instance) -> bool:
        return site.own and len(instance) < site.width

    def _starts_for_sure(self, site: Site, instance: Instance) -> bool:
        """Whether only values are missing, and not the decision to run at all."""
        counts = self.counts(Key(site.path, instance))
        if counts.open:
            return False
        if site.node.when is None:
            return True
        try:
            return holds(site.node.when, lambda binding: value_of(binding, Place(site, instance), self))
        except (NotYet, ExpressionError, Absence, Unbound):
            return False

    def _unseen(self, site: Site, depth: int) -> Iterator[PlanLine]:
        """What is inside a map or an undecided scope: it can be named, not decided."""
        skipped = self._ends.get(Key(site.path, ())) is TaskState.SKIPPED
        for inner in _in_order(self.wiring, site.path):
            yield PlanLine(inner.path, depth, "skip" if skipped else "undecided", "", site.path)
            if isinstance(inner.node.body, Sub):
                yield from self._unseen(inner, depth + 1)

    def _keep_scope_outputs(self, site: Site, key: Key) -> None:
        found: dict[str, Value] = {}
        for name, binding in self.wiring.scope(site.path).outputs.items():
            inside = Site(f"{site.path}/", site.node, site.path, site.inner_frames)
            try:
                found[name] = value_of(binding, Place(inside, self._inner(site, key.instance)), self)
            except (NotYet, Absence, Unbound):
                continue
        self._outputs[key] = found

    def _inner(self, site: Site, instance: Instance) -> Instance:
        return (*instance, Step(0)) if site.retried and not site.own else instance

    # --- facts ---

    def counts(self, key: Key) -> Counts:
        site, counts = self.wiring.site(key.path), Counts()
        if site.own and len(key.instance) == site.width:
            return counts
        for edge in site.ups:
            state = self._state(edge.up, key.instance[: edge.shared])
            if edge.soft and state is TaskState.SKIPPED:
                state = TaskState.SUCCEEDED
            if edge.follow and state is TaskState.SUCCEEDED:
                continue  # it says how many there are, and nothing of how they end
            counts.add(state)
            if edge.setup and state.final:
                counts.setups += 1
                counts.setups_succeeded += state is TaskState.SUCCEEDED
                counts.setups_skipped += state is TaskState.SKIPPED
        return counts

    def _state(self, path: str, prefix: Instance) -> TaskState:
        """How a node would end; what is inside a scope that nobody can decide ends as nobody can say."""
        found = self._ends.get(Key(path, prefix))
        if found is not None:
            return found
        inside = [
            state for key, state in self._ends.items() if key.path == path and key.instance[: len(prefix)] == prefix
        ]
        if inside:
            return inside[0]
        parent = self.wiring.site(path).parent
        if not parent:
            return TaskState.PENDING
        around = self._state(parent, prefix[: len(self.wiring.site(parent).frames)])
        return (
            around if around in (TaskState.SKIPPED, TaskState.FAILED, TaskState.UPSTREAM_FAILED) else TaskState.PENDING
        )

    def setup_end(self, key: Key) -> TaskState | None:
        return None

    def import_id(self, key: Key) -> str:
        return f"plan/{key}"

    def previous(self, path: str) -> TaskState | None:
        return None

    def scope_input(self, name: str, scope: Key) -> Value | Missing:
        if not scope.path:
            return self._params.get(name, MISSING)
        if scope not in self._inputs:
            raise NotYet(scope.path)
        return self._inputs[scope].get(name, MISSING)

    def steps(self, frame: Frame, prefix: Instance) -> Sequence[Step] | None:
        if not frame.mapped:
            return [Step(0)]
        count = self.count(Key(frame.path, prefix))
        return None if count is None else [Step(index) for index in range(count)]

    def count(self, key: Key) -> int | None:
        if key not in self._sizes:
            raise NotYet(key.path)
        return self._sizes[key][1]

    def sizes(self, key: Key) -> Sequence[int]:
        return self._sizes[key][0]

    def output(self, key: Key, name: str) -> Value | Missing:
        if key not in self._outputs:
            if self._ends.get(key) is TaskState.SKIPPED:
                return MISSING
            raise NotYet(key.path)
        found = self._outputs[key].get(name, MISSING)
        if found is MISSING:
            raise NotYet(key.path)
        return found

    def status(self, path: str, prefix: Instance) -> tuple[TaskState, Cause | None]:
        state = self._state(path, prefix)
        if state in (TaskState.SUCCEEDED, TaskState.PENDING):
            raise NotYet(path)
        return state, None

    def source(self, key: Key, position: int) -> Value:
        if (key, position) not in self._sources:
            site = self.wiring.site(key.path)
            assert site.node.each is not None
            binding = site.node.each.over[position].source
            self._sources[key, position] = value_of(binding, Place(site, key.instance), self)
        return self._sources[key, position]

    def artifact(self, id: str) -> Artifact:
        if id not in self._artifacts:
            raise NotYet(f"artifact {id}")
        return self._artifacts[id]

    def run(self, field: RunField) -> Value:
        if field is RunField.PIPELINE:
            return self.wiring.pipeline.name
        raise NotYet("the run")

    def cached(self, key: Key, parts: Mapping[str, Any]) -> CacheHit | CacheMiss:
        answer, artifacts = self._look_up(key.path, parts)
        self._artifacts.update(artifacts)
        return answer


def _each_time(site: Site) -> str:
    """Why nobody asks for a kept result of this task."""
    match site.node.body:
        case Call(acts=True) if site.node.cache is not None:
            return "runs each time (it acts outside, or reads by key)"
        case Call() if site.node.cache is None:
            return "runs each time (no cache=True)"
    return ""


def _in_order(wiring: Wiring, path: str) -> list[Site]:
    """The nodes of a scope, each after those it waits for; edges of what is inside count for the whole."""
    sites = {site.path: site for site in wiring.children(path)}
    sorter: TopologicalSorter[str] = TopologicalSorter({child: set() for child in sites})
    for child, site in sites.items():
        for place in (site, *wiring.below(child)):
            for edge in place.ups:
                beside = _beside(edge.up, path)
                if beside in sites and beside != child:
                    sorter.add(child, beside)
    return [sites[child] for child in sorter.static_order()]


def _beside(path: str, scope: str) -> str:
    """The node directly in `scope` that is or holds `path`, or ""."""
    if scope and not path.startswith(scope + "/"):
        return ""
    rest = path[len(scope) + 1 :] if scope else path
    name = rest.partition("/")[0]
    return f"{scope}/{name}" if scope else name
