"""What the engine knows about one run: its units, their tallies and its artifacts; and the answers planning asks for.

Holds state and looks things up; what happens next is decided in `decide`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from tidemill.core.bindings import Output, RunField
from tidemill.core.causes import Cause
from tidemill.core.graph import Node, Role, Sub
from tidemill.core.history import AttemptRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Instance, Key, Step
from tidemill.core.joins import Counts
from tidemill.core.records import Artifact
from tidemill.core.states import RunState, TaskState
from tidemill.core.values import MISSING, Missing, Value
from tidemill.core.wiring import Frame, Site, Wiring, ancestors
from tidemill.engine.outcome import of_many
from tidemill.engine.queue import ReadyQueue
from tidemill.engine.tally import Tally, combined
from tidemill.engine.unit import Unit
from tidemill.engine.units import Units
from tidemill.planning.facts import CacheHit, CacheMiss, NotYet
from tidemill.planning.resolve import Place, Unbound, value_of

ROOT = Key("")
_NO_COUNTS = Counts()


class Former(NamedTuple):
    """How a task run stood before it was reopened because of damage; `leaf`: it is a task, not what holds tasks."""

    state: TaskState
    outputs: Mapping[str, Any]
    leaf: bool


class Progress:
    """One run in memory. Everything in it can be rebuilt from the graph and the rows."""

    def __init__(self, wiring: Wiring, run: RunRecord) -> None:
        self.wiring = wiring
        self.run_record = run
        self.state = run.state
        self.started_at: datetime | None = run.started_at
        self.cancelled: Cause | None = run.cause if run.state is RunState.CANCELLING else None
        root = Site("", Node("", Sub(wiring.pipeline.root)), "", ())
        self.root = Unit(ROOT, root, TaskKind.SCOPE, Counts(), state=TaskState.RUNNING)
        self.units = Units(wiring.sites)
        self.units[ROOT] = self.root
        self.tallies: dict[Key, Tally] = {}
        self.expansions: dict[Key, Tally] = {}
        self.artifacts: dict[str, Artifact] = {}
        self.attempts: dict[str, Unit] = {}
        self.ready = ReadyQueue()
        self.waiting: set[Key] = set()  # units that hold for the previous run
        self.sleeping: set[Key] = set()  # units that are retrying or suspended
        self.asking: set[Key] = set()  # units whose cache answer is under way
        self.previous_states: Mapping[str, TaskState] | None = None
        self.attempt_number = 0
        self.epoch = 0  # of the lease under which attempts start
        self.skips: dict[Key, str] = {}  # (path, shared prefix) -> who said so
        self.stored: dict[Key, TaskRecord] = {}  # rows not yet taken over by a unit, while restoring
        self.generations: dict[Key, int] = {}  # of task runs that were reopened
        self.expected: set[Key] = set()  # those of them that were there before
        self.open_attempts: dict[Key, AttemptRecord] = {}  # out when the run was last written, while restoring
        self.pushes: dict[str, Mapping[str, Any]] = {}
        self.any_stopping = False
        self.brief: set[str] = set()  # paths of tasks whose last attempt was over at once
        self.makers: dict[str, Key] = {}  # artifact -> the task run of this run that gave it
        self.acted: set[tuple[Key, int]] = set()  # task runs and generations that had effects
        self.former: dict[Key, Former] = {}  # how those stood that are open again because of damage
        self.replaced: dict[str, str] = {}  # artifacts of former generations -> what was made in their place
        self.damaged: set[str] = set()  # artifacts that are being made anew
        self.held_back: set[Key] = set()  # pending units that would read one of them
        self.mending: set[Key] = set()  # units that found damage and wait until it is mended

    # --- structure ---

    def unit(self, path: str, instance: Instance = ()) -> Unit | None:
        return self.units.get(Key(path, instance))

    def parent_of(self, unit: Unit) -> Unit:
        """The map an instance belongs to, or the scope a node stands in."""
        if unit.one_of_many:
            return self.units[Key(unit.key.path, unit.key.instance[:-1])]
        scope = unit.site.parent
        return self.units[Key(scope, self.wiring.unit_instance(scope, unit.key.instance))]

    def tally(self, path: str, prefix: Instance) -> Tally:
        return self._tally(self.tallies, path, prefix)

    def expansion(self, path: str, prefix: Instance) -> Tally:
        """Whether a map is expanded, for which those wait that follow its instances; REMOVED says that it is."""
        return self._tally(self.expansions, path, prefix, expansion=True)

    @staticmethod
    def _tally(tallies: dict[Key, Tally], path: str, prefix: Instance, expansion: bool = False) -> Tally:
        key = Key(path, prefix)
        found = tallies.get(key)
        if found is None:
            found = tallies[key] = Tally(expansion=expansion)
        return found

    def children(self, unit: Unit) -> Iterator[Unit]:
        """The node-level units inside a scope in its current round."""
        inner = unit.inner
        for site in self.wiring.children(unit.key.path):
            child = self.units.get(Key(site.path, inner))
            if child is not None:
                yield child

    def instances(self, unit: Unit) -> Iterator[Unit]:
        """The instances of a map that exist so far."""
        for index in range(unit.created):
            yield self.units[Key(unit.key.path, (*unit.key.instance, Step(index)))]

    def ends_below(self, site: Site, prefix: Instance) -> dict[TaskState, int]:
        """How the instances of a node under a prefix ended; a container that never started counts once for all."""
        ends: dict[TaskState, int] = {}
        for state in self._ends(site, prefix):
            ends[state] = ends.get(state, 0) + 1
        return ends

    def _ends(self, site: Site, prefix: Instance) -> Iterator[TaskState]:
        if len(prefix) == site.width:
            unit = self.units.get(Key(site.path, prefix))
            yield self._seen(unit) if unit is not None else self._container_state(site, prefix)
            return
        frame = site.frames[len(prefix)] if len(prefix) < len(site.frames) else Frame(site.path, True, False)
        steps = self.steps(frame, prefix)
        if not steps:
            yield self._container_state(self.wiring.site(frame.path), prefix)
            return
        for step in steps:
            yield from self._ends(site, (*prefix, step))

    def _seen(self, unit: Unit) -> TaskState:
        """What others are told: being mended is nobody's business who went on before."""
        former = self.former.get(unit.key) if self.former else None
        return unit.state if former is None else former.state

    def _container_state(self, site: Site, prefix: Instance) -> TaskState:
        """The state of the innermost container that exists around a node that does not."""
        while True:
            unit = self.units.get(Key(site.path, prefix[: site.width])) or self.units.get(
                Key(site.path, prefix[: len(site.frames)])
            )
            if unit is not None and unit.kind is TaskKind.MAP and unit.count and unit.state.final:
                return TaskState.CANCELLED  # an instance that never came to be, whatever a person said of the whole
            if unit is not None:
                return self._seen(unit)
            if not site.parent:
                return TaskState.PENDING
            site = self.wiring.site(site.parent)

    # --- facts for planning ---

    def counts(self, key: Key) -> Counts:
        unit = self.units.get(key)
        return unit.counts if unit is not None else _NO_COUNTS

    def setup_end(self, key: Key) -> TaskState | None:
        site = self.wiring.site(key.path)
        ends: dict[TaskState, int] = {}
        for path in site.indirect_setups:
            shared = self.wiring.shared(path, key.path)
            for state, number in self.ends_below(self.wiring.site(path), key.instance[:shared]).items():
                ends[state] = ends.get(state, 0) + number
        ends.pop(TaskState.SUCCEEDED, None)
        bad = {state: number for state, number in ends.items() if state.final}
        return combined(bad) if bad else None

    def import_id(self, key: Key) -> str:
        unit = self.units.get(key)
        again = f"~{unit.generation}" if unit is not None and unit.generation else ""
        return f"{self.run_record.id}/{key}{again}"

    def previous(self, path: str) -> TaskState | None:
        if self.previous_states is None:
            if self.run_record.previous:
                raise NotYet("the previous run")
            return None
        site = self.wiring.site(path)
        wanted = [path]
        if site.node.previous_run.value == "self_and_downstream":
            wanted += [edge.down for edge in site.downs]
        states = [self.previous_states[name] for name in wanted if name in self.previous_states]
        bad = [state for state in states if state not in (TaskState.SUCCEEDED, TaskState.SKIPPED)]
        return bad[0] if bad else None

    def scope_input(self, name: str, scope: Key) -> Value | Missing:
        if not scope.path:
            return self.run_record.params.get(name, MISSING)
        unit = self.units.get(scope)
        return MISSING if unit is None else unit.inputs.get(name, MISSING)

    def steps(self, frame: Frame, prefix: Instance) -> Sequence[Step] | None:
        if not frame.mapped:
            scope = self.units.get(Key(frame.path, prefix))
            return None if scope is None else [Step(0, scope.round)]
        unit = self.units.get(Key(frame.path, prefix))
        if unit is None or unit.count is None:
            return None
        if not frame.retried:
            return [Step(index) for index in range(unit.count)]
        rounds = (self.units.get(Key(frame.path, (*prefix, Step(index)))) for index in range(unit.count))
        return [Step(index, scope.round if scope else 0) for index, scope in enumerate(rounds)]

    def count(self, key: Key) -> int | None:
        unit = self.units.get(key)
        return None if unit is None else unit.count

    def sizes(self, key: Key) -> Sequence[int]:
        return self.units[key].sizes

    def output(self, key: Key, name: str) -> Value | Missing:
        if key in self.former:
            return self.former[key].outputs.get(name, MISSING)
        unit = self.units.get(key)
        return MISSING if unit is None else unit.outputs.get(name, MISSING)

    def status(self, path: str, prefix: Instance) -> tuple[TaskState, Cause | None]:
        ends = self.ends_below(self.wiring.site(path), prefix)
        state, unit = combined(ends), self.units.get(Key(path, prefix))
        if unit is not None and unit.kind is TaskKind.MAP and unit.count and state is not TaskState.SUCCEEDED:
            # Its last instance has just ended, and it has not been told its own cause yet.
            failed = (each.cause for each in self.instances(unit) if each.state is TaskState.FAILED)
            return state, of_many(ends, next(failed, None))
        return state, unit.cause if unit is not None else None

    def source(self, key: Key, position: int) -> Value:
        unit = self.units[key]
        if unit.sources is None:
            unit.sources = {}
        if position not in unit.sources:
            assert unit.site.node.each is not None
            over = unit.site.node.each.over[position]
            assert not (over.follow and isinstance(over.source, Output))
            unit.sources[position] = value_of(over.source, Place(unit.site, key.instance), self)
        return unit.sources[position]

    def artifact(self, id: str) -> Artifact:
        """The record of an artifact, or of what was made in its place."""
        found = self.artifacts.get(self.replaced.get(id, id))
        if found is None:
            raise Unbound(f"the artifact {id!r} is not known to this run")
        return found

    def run(self, field: RunField) -> Value:
        record = self.run_record
        match field:
            case RunField.RUN_ID:
                return record.id
            case RunField.PIPELINE:
                return record.pipeline
            case RunField.SCHEDULED_FOR:
                return record.scheduled_for
            case RunField.INTERVAL_START:
                return record.interval_start
            case RunField.INTERVAL_END:
                return record.interval_end
            case RunField.STARTED_AT:
                return self.started_at
            case RunField.SEED:
                return record.seed
            case RunField.ACTOR:
                return record.actor

    def cached(self, key: Key, parts: Mapping[str, Any]) -> CacheHit | CacheMiss:
        unit = self.units[key]
        if unit.answer is None:
            unit.wanted = parts
            raise NotYet("the cache")
        return unit.answer

    # --- what is under way ---

    @property
    def running(self) -> int:
        """Attempts that are out."""
        return len(self.attempts)

    def is_being_marked(self, key: Key) -> bool:
        """Whether a person's word about a map or scope waits for what is inside it to end."""
        unit = self.units.get(key)
        return unit is not None and unit.marked is not None and not unit.state.final

    @property
    def stuck(self) -> bool:
        """Nothing is under way and nothing will come, and yet the run is not over."""
        under_way = self.attempts or len(self.ready) or self.waiting or self.sleeping or self.asking
        return not self.root.state.final and not under_way and self.root.open > 0

    def teardown(self, unit: Unit) -> bool:
        """Whether a unit is a teardown or stands inside one: it runs although the run is being stopped."""
        if unit.site.node.role is Role.TEARDOWN:
            return True
        return any(self.wiring.sites[path].node.role is Role.TEARDOWN for path in ancestors(unit.key.path))
