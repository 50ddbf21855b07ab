"""What must come of a run, worked out slowly and plainly: the end of a node from the ends of what it waits for.

It knows the words of a graph and nothing of how planning or the engine go about it. There is no time in it but that of
waits, no order and no memory: each end is worked out when somebody asks for it, and then kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from tests.matrix.behaviour import Answer
from tests.matrix.reference_ends import Closed, End, Instance, Open, Place, Tree, leaves, shown
from tests.matrix.reference_graph import Edge, Graph
from tests.matrix.reference_joins import FAILED, RUN, SKIPPED, SUCCEEDED, UPSTREAM_FAILED, Upstream, as_one, judge
from tests.matrix.reference_values import NOTHING, Absence, Undecidable, holds, value, values
from tidemill.core.bindings import RESULT, Absent, Output
from tidemill.core.graph import (
    Call,
    Combine,
    Container,
    Empty,
    Import,
    Overdue,
    Pipeline,
    Role,
    Sub,
    UntilApproval,
    UntilEvent,
    UntilTime,
    UntilTrue,
    Wait,
)
from tidemill.core.values import MISSING, ArtifactRef

OVERDUE = {Overdue.FAIL: FAILED, Overdue.SKIP: SKIPPED, Overdue.SUCCEED: SUCCEEDED}
HAPPENS = "go"
"""The one event that ever happens."""


@dataclass(frozen=True)
class World:
    """What is around a graph: what its tasks do, what people say, what had been before.

    `behave(path, items, nth call, inputs)`. `observed` is asked only where more than one end is right.
    """

    behave: Callable[[str, list[int], int, Mapping[str, Any]], Answer]
    approves: Callable[[str], bool] = lambda path: True
    person: str = "ann"
    observed: Callable[[Place], str | None] = lambda place: None
    kept: Callable[[Place], bool] = lambda place: False
    before: Reference | None = None


class Reference:
    def __init__(self, pipeline: Pipeline, world: World, params: Mapping[str, Any] | None = None) -> None:
        self.graph = Graph(pipeline)
        self.world = world
        self.params = params or {}
        self.ends: dict[Place, End] = {}
        self.begun: dict[Place, End | Open] = {}
        self.rounds: dict[Place, int] = {}
        self.metadata: dict[str, Mapping[str, Any]] = world.before.metadata if world.before else {}
        self.calls: Counter[str] = Counter()
        self.judged: set[tuple[str, bool, str]] = set()
        """Join rules, whether what they were asked about stands in a map, and each end of an upstream."""

    def run(self) -> Reference:
        """Work out everything; the run itself is the end of the place ("", ())."""
        for child in self.graph.children(""):
            self.end(child, ())
        state, outputs = self._outcome("", (), lambda: self._outputs_of("", ()))
        self.ends["", ()] = End(("", ()), state, outputs)
        return self

    # --- how a node begins ---

    def start(self, path: str, instance: Instance) -> End | Open:
        """How it begins, or its end if it never does."""
        place = (path, instance)
        if place not in self.begun:
            kept = self.world.before if self.world.kept(place) else None
            self.begun[place] = kept.begun[place] if kept else self._start(path, instance)
        return self.begun[place]

    def _start(self, path: str, instance: Instance) -> End | Open:
        node = self.graph.nodes[path]
        one_of_many = self.is_instance(path, instance)
        try:
            stopped = self._may_not(path, instance, one_of_many)
            if stopped is not None:
                return End((path, instance), stopped)
            if node.each and not one_of_many:
                return self._expanded(path, instance)
            if isinstance(node.body, Sub):
                return Open(inputs=self._entered(path, instance, node.body))
            return Open()
        except Absence as absence:
            return End((path, instance), SKIPPED if absence.policy is Absent.SKIP else FAILED)
        except Undecidable:
            return End((path, instance), FAILED)

    def _may_not(self, path: str, instance: Instance, one_of_many: bool) -> str | None:
        """The end that a node takes without beginning."""
        rule = self.graph.nodes[path].join.value
        # Whether a map runs is asked once; each instance waits only for the one that it follows.
        ups = self._upstreams_of_one(path, instance) if one_of_many else self._upstreams(path, instance)
        mapped = any(self.graph.mapped(at) for at in self.graph.line(path))
        self.judged |= {(rule, mapped, up.state) for up in ups}
        verdicts = judge(rule, ups)
        if not one_of_many and self._told_to_skip(path, instance):
            # Another upstream may have ended it before it was told.
            verdicts = [SKIPPED, *(verdict for verdict in verdicts if verdict != RUN)]
        if verdicts[0] != RUN:
            seen = self.world.observed((path, instance))
            return seen if seen in verdicts else verdicts[0]
        if one_of_many:
            return None
        setups = [self.state(setup, instance) for setup in self.graph.indirect_setups(path)]
        if any(state != SUCCEEDED for state in setups):
            return SKIPPED if as_one([s for s in setups if s != SUCCEEDED]) == SKIPPED else UPSTREAM_FAILED
        condition = self.graph.nodes[path].when
        if condition is not None and not holds(self, condition, path, instance):
            return SKIPPED
        return None

    def _upstreams(self, path: str, instance: Instance) -> list[Upstream]:
        found: list[Upstream] = []
        for edge in self.graph.ups(path):
            prefix = self.common(edge.up, path, instance)
            if edge.follow:
                # It has to be known how many there are; how each of them ends is the business of the instances.
                began = self.start(edge.up, prefix)
                states = [began.state] if isinstance(began, End) and began.count != 0 else []
            else:
                states = [end.state for end in leaves(self.tree(edge.up, prefix))]
                states = states if edge.instances else [as_one(states)]
            found += [self._upstream(edge, state) for state in states]
        return found

    def _upstreams_of_one(self, path: str, instance: Instance) -> list[Upstream]:
        edges = {edge.up: edge for edge in self.graph.ups(path) if edge.follow}
        return [
            self._upstream(edges[up], self.state(up, (*instance[:-1], (at, 0))))
            for up, at in self.followed(path, instance)
        ]

    def followed(self, path: str, instance: Instance) -> list[tuple[str, int]]:
        """The maps that a map follows, and for one instance of it the item in each."""
        each = self.graph.nodes[path].each
        assert each is not None
        return [
            (over.source.node, at)
            for over, at in zip(each.over, self._positions(path, instance), strict=True)
            if over.follow and isinstance(over.source, Output)
        ]

    def _upstream(self, edge: Edge, state: str) -> Upstream:
        return Upstream(SUCCEEDED if edge.soft and state == SKIPPED else state, self.graph.is_setup(edge.up))

    def _told_to_skip(self, path: str, instance: Instance) -> bool:
        """Whether a task before it chose other ways."""
        for teller in self.graph.nodes:
            if path in self.graph.after(teller) and isinstance(self.graph.nodes[teller].body, Call):
                tree = self.tree(teller, self.common(teller, path, instance))
                if isinstance(tree, End) and tree.follow is not None and path in self.not_chosen(teller, tree):
                    return True
        return False

    def not_chosen(self, teller: str, end: End) -> set[str]:
        """What a branch skips: of what comes right after it all but what it follows, and what that also leads to."""
        direct = {edge.down for edge in self.graph.downs(teller)}
        chosen = {f"{teller.rpartition('/')[0]}/{name}".lstrip("/") for name in end.follow or ()}
        spared = chosen.union(*(self.graph.after(way) for way in chosen))
        spared |= {around for path in spared for around in self.graph.line(path)}
        skipped = direct - spared
        if end.transitive:
            skipped = {path for path in self.graph.led_to(skipped) if self.graph.nodes[path].role is not Role.TEARDOWN}
        # One item of a map, or one round of a scope, does not speak for others.
        return {path for path in skipped if self.graph.shared(path, teller) == len(self.graph.frames(teller))}

    def _expanded(self, path: str, instance: Instance) -> End | Open:
        each = self.graph.nodes[path].each
        assert each is not None
        sizes: list[int] = []
        sources: list[Any] = []
        for over in each.over:
            if over.follow and isinstance(over.source, Output):
                began = self.start(over.source.node, instance)
                if isinstance(began, End) and began.count != 0:
                    return End((path, instance), FAILED)
                sizes.append(began.count or 0)
                sources.append(None)
            else:
                source = value(self, over.source, path, instance)
                if not isinstance(source, list | dict):
                    return End((path, instance), FAILED)
                sizes.append(len(source))
                sources.append([[key, item] for key, item in source.items()] if isinstance(source, dict) else source)
        if each.combine is Combine.ZIP and len(set(sizes)) > 1:
            return End((path, instance), FAILED)
        count = sizes[0] if each.combine is Combine.ZIP else prod(sizes)
        if each.longest is not None and count > each.longest:
            return End((path, instance), FAILED)
        if count == 0:
            return End((path, instance), SKIPPED if each.empty is Empty.SKIP else SUCCEEDED, count=0)
        return Open(tuple(sizes), tuple(sources), count)

    def _entered(self, path: str, instance: Instance, body: Sub) -> dict[str, Any]:
        given = values(self, self.graph.nodes[path].inputs, path, instance)
        for parameter in body.scope.inputs:
            if parameter.name not in given:
                if parameter.default is MISSING:
                    raise Absence
                given[parameter.name] = parameter.default
        return given

    # --- how a node ends ---

    def end(self, path: str, instance: Instance) -> End:
        place = (path, instance)
        if place not in self.ends:
            kept = self.world.before if self.world.kept(place) else None
            if kept and place in kept.rounds:
                self.rounds[place] = kept.rounds[place]
            self.ends[place] = kept.ends[place] if kept else self._end(path, instance)
        return self.ends[place]

    def _end(self, path: str, instance: Instance) -> End:
        began, node = self.start(path, instance), self.graph.nodes[path]
        if isinstance(began, End):
            return began
        if node.each and not self.is_instance(path, instance):
            states = [self.end(path, (*instance, (n, 0))).state for n in range(began.count)]
            return End((path, instance), as_one(states), count=began.count, began=True)
        if isinstance(node.body, Sub):
            return self._scope(path, instance)
        try:
            return self._done(path, instance)
        except Absence as absence:
            return End((path, instance), SKIPPED if absence.policy is Absent.SKIP else FAILED)

    def _scope(self, path: str, instance: Instance) -> End:
        retry = self.graph.nodes[path].retry
        for number in range(1 + (retry.limit if retry else 0)):
            self.rounds[path, instance] = number
            inner = self.inner(path, instance)
            for child in self.graph.children(path):
                self.end(child, inner)
            if not self._has_failed(path, inner):
                break
        state, outputs = self._outcome(path, inner, lambda: self._outputs_of(path, inner))
        return End((path, instance), state, outputs, began=True)

    def _has_failed(self, path: str, inner: Instance) -> bool:
        return any(self.end(child, inner).state in (FAILED, UPSTREAM_FAILED) for child in self.graph.decisive(path))

    def _outcome(
        self, path: str, inner: Instance, outputs: Callable[[], dict[str, Any]]
    ) -> tuple[str, Mapping[str, Any]]:
        if self._has_failed(path, inner):
            return FAILED, {}
        try:
            return SUCCEEDED, outputs()
        except Absence:
            return FAILED, {}

    def _outputs_of(self, path: str, inner: Instance) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, binding in self.graph.scope(path).outputs.items():
            try:
                found[name] = value(self, binding, f"{path}/" if path else "/", inner)
            except Absence as absence:
                if absence.policy is Absent.FAIL:
                    raise
                if absence.policy is Absent.NULL:
                    found[name] = None
        return found

    def _done(self, path: str, instance: Instance) -> End:
        node, place = self.graph.nodes[path], (path, instance)
        match node.body:
            case Call():
                return self._called(path, instance)
            case Wait(until=UntilTrue(interval=interval)) as wait:
                return self._called(path, instance, wait, interval)
            case Container(image=image, argv=argv):
                for binding in (image, *argv):
                    value(self, binding, path, instance)
                return End(place, FAILED, attempts=1, began=True)  # there is nothing here that runs containers
            case Import(metadata=metadata):
                reference = ArtifactRef(f"run/{shown(place)}")
                self.metadata[reference.id] = {name: value(self, b, path, instance) for name, b in metadata.items()}
                return End(place, SUCCEEDED, {RESULT: reference}, began=True)
            case Wait(until=UntilTime(time=time)) as wait:
                seconds = value(self, time, path, instance)
                late = wait.deadline is not None and wait.deadline < seconds
                return End(place, OVERDUE[wait.overdue] if late else SUCCEEDED, began=True)
            case Wait(until=UntilEvent(name=name)) as wait:
                if value(self, name, path, instance) != HAPPENS:
                    return End(place, OVERDUE[wait.overdue], began=True)
                return End(place, SUCCEEDED, {RESULT: "it happened"}, began=True)
            case Wait(until=UntilApproval()):
                yes = self.world.approves(path)
                said = {"approved": yes, "by": self.world.person, "comment": ""}
                return End(place, SUCCEEDED if yes else FAILED, {RESULT: said}, began=True)
        raise NotImplementedError(node.body)

    def _called(self, path: str, instance: Instance, poll: Wait | None = None, interval: float = 0) -> End:
        """One attempt after the other. To go to sleep is no failure; nor is it, for a poll, to ask again."""
        node, place = self.graph.nodes[path], (path, instance)
        items = [item for item, _ in instance]
        attempts = failures = 0
        while True:
            inputs = values(self, node.inputs, path, instance)
            inputs.pop("folder", None)
            self.calls[f"{path}{items}"] += 1
            attempts += 1
            said = self.world.behave(path, items, self.calls[f"{path}{items}"], inputs)
            pushed = said.pushed if poll is None else {}
            match said.word:
                case "ok":
                    outputs = {**pushed, **said.outputs}
                    return End(place, SUCCEEDED, outputs, attempts, None, True, said.follow, said.transitive)
                case "skip":
                    return End(place, SKIPPED, pushed, attempts, began=True)
                case "later":
                    if poll and poll.deadline is not None and attempts * interval > poll.deadline:
                        return End(place, OVERDUE[poll.overdue], {}, attempts, began=True)
                case _:
                    failures += 1
                    if said.word == "refuse" or failures > (node.retry.limit if node.retry else 0):
                        return End(place, FAILED, pushed, attempts, began=True)

    # --- where things are ---

    def is_instance(self, path: str, instance: Instance) -> bool:
        return self.graph.mapped(path) and len(instance) > len(self.graph.frames(path))

    def inner(self, path: str, instance: Instance) -> Instance:
        """The instance path of what is inside a scope, in its current round."""
        number = self.rounds.get((path, instance), 0)
        if self.graph.mapped(path):
            return (*instance[:-1], (instance[-1][0], number))
        return (*instance, (0, number)) if self.graph.retried(path) else instance

    def common(self, up: str, down: str, instance: Instance) -> Instance:
        return instance[: self.graph.shared(up, down)]

    def tree(self, path: str, prefix: Instance) -> Tree:
        """All instances of a node whose path begins so. Of a retried scope those of its last round."""
        return self._tree(self.graph.line(path), (), prefix)

    def _tree(self, line: list[str], instance: Instance, prefix: Instance) -> Tree:
        if not self.graph.mapped(line[0]):
            return self._one(line, instance, prefix)
        if len(instance) < len(prefix):
            return self._one(line, (*instance, (prefix[len(instance)][0], 0)), prefix)
        began = self.start(line[0], instance)
        if isinstance(began, End):
            return Closed(began, many=True)
        return [self._one(line, (*instance, (n, 0)), prefix) for n in range(began.count)]

    def _one(self, line: list[str], instance: Instance, prefix: Instance) -> Tree:
        path, *rest = line
        if not rest:
            return self.end(path, instance)
        began = self.start(path, instance)
        if isinstance(began, End):
            return Closed(began, many=any(self.graph.mapped(inner) for inner in rest))
        depth = len(self.graph.inner_frames(path))
        if self.graph.retried(path) and len(prefix) < depth:
            self.end(path, instance)  # nobody outside sees a round before all have been
        inner = prefix[:depth] if len(prefix) >= depth else self.inner(path, instance)
        return self._tree(rest, inner, prefix)

    def state(self, path: str, prefix: Instance) -> str:
        return as_one([end.state for end in leaves(self.tree(path, prefix))])

    @staticmethod
    def is_many(tree: Tree) -> bool:
        return isinstance(tree, Closed) and tree.many

    @staticmethod
    def outputs(tree: Tree) -> Mapping[str, Any]:
        return tree.outputs if isinstance(tree, End) else {}

    # --- maps and scopes around ---

    def scope_inputs(self, scope: str, instance: Instance) -> Mapping[str, Any]:
        began = self.start(scope, self.holder(scope, instance))
        assert isinstance(began, Open)
        return began.inputs

    def holder(self, scope: str, instance: Instance) -> Instance:
        """The instance path of the scope that holds what has another one."""
        inner = instance[: len(self.graph.inner_frames(scope))]
        if self.graph.mapped(scope):
            return (*inner[:-1], (inner[-1][0], 0))
        return inner[: len(self.graph.frames(scope))]

    def map_around(self, path: str, instance: Instance, depth: int) -> tuple[Place, int]:
        """The map `depth` levels out, and the position in it."""
        maps = [(frame, at) for at, frame in enumerate(self.graph.frames(path)) if self.graph.mapped(frame)]
        if self.is_instance(path, instance):
            maps.append((path, len(instance) - 1))
        frame, at = maps[-1 - depth]
        return (frame, instance[:at]), instance[at][0]

    def item(self, path: str, instance: Instance, depth: int, name: str) -> Any:
        (frame, outer), number = self.map_around(path, instance, depth)
        each, began = self.graph.nodes[frame].each, self.start(frame, outer)
        assert each is not None
        assert isinstance(began, Open)
        position = next(position for position, over in enumerate(each.over) if over.name == name)
        over, at = each.over[position], self._positions(frame, (*outer, (number, 0)))[position]
        if not over.follow:
            return began.sources[position][at]
        assert isinstance(over.source, Output)
        found: Any = self.outputs(self.tree(over.source.node, (*outer, (at, 0)))).get(over.source.key, NOTHING)
        if found is NOTHING:
            raise Absence(over.source.absent)
        return found

    def _positions(self, path: str, instance: Instance) -> list[int]:
        """For an instance of a map the position in each source; in a product the last one varies fastest."""
        each, began, number = self.graph.nodes[path].each, self.start(path, instance[:-1]), instance[-1][0]
        assert each is not None
        assert isinstance(began, Open)
        if each.combine is Combine.ZIP:
            return [number] * len(began.sizes)
        found: list[int] = []
        for size in reversed(began.sizes):
            found.insert(0, number % size)
            number //= size
        return found
