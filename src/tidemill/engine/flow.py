"""One turn of a run: units are created, considered, moved and ended, and each change leads to the next until nothing more follows.

All moves of units go through here; `decide` says which event starts a turn, `attempts` what an attempt's end means.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tidemill.core.bindings import RESULT, Absent
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import Empty, Node, Overdue, PreviousRun, Sub, UntilTrue, Wait
from tidemill.core.history import TaskKind
from tidemill.core.instances import Instance, Key, Step
from tidemill.core.joins import Counts
from tidemill.core.records import Artifact, Report, Wake
from tidemill.core.states import RUN_MOVES, AttemptState, RunState, TaskState, check_move
from tidemill.core.wiring import Site
from tidemill.engine.counting import Counting, prefix_of
from tidemill.engine.moves import (
    AttemptSettled,
    LookUp,
    Move,
    Noted,
    RunMoved,
    SetTimer,
    StopAttempt,
    TaskMoved,
    TimerKind,
)
from tidemill.engine.outcome import outcome_of
from tidemill.engine.progress import ROOT, Progress
from tidemill.engine.retry import after_failure, luck
from tidemill.engine.steering import skipped_by
from tidemill.engine.tally import combined
from tidemill.engine.unit import Unit
from tidemill.planning.facts import CacheMiss
from tidemill.planning.resolve import Absence, Place, Unbound, value_of
from tidemill.planning.step import End, Enter, Execute, Expand, Hold, Reuse, Undecided, step

WINDOW = 512
"""How many unfinished instances of one map exist at a time: enough to keep any executor busy, small in memory."""

_IF_EMPTY = {Empty.SUCCEED: TaskState.SUCCEEDED, Empty.SKIP: TaskState.SKIPPED}


class Flow:
    """The moves of one turn, and the units still to be looked at."""

    def __init__(self, progress: Progress, now: datetime) -> None:
        self.progress = progress
        self.now = now
        self.moves: list[Move] = []
        self._todo: deque[Unit] = deque()
        self.counting = Counting(progress, self._todo.append)

    def settle(self) -> None:
        """Look at every unit that was touched, until nothing changes any more."""
        while self._todo:
            self.consider(self._todo.popleft())

    def note(self, kind: str, key: Key, payload: Mapping[str, Any]) -> None:
        self.moves.append(Noted(kind, self.now, key, payload))

    def keep_artifacts(self, artifacts: Iterable[Artifact]) -> None:
        for artifact in artifacts:
            self.progress.artifacts[artifact.id] = artifact

    # --- a unit that has not started ---

    def consider(self, unit: Unit) -> None:
        """Ask planning what should happen with a pending unit, and do it."""
        if unit.state is not TaskState.PENDING:
            return
        stopping = self.stopping(unit)
        if stopping is not None and not self.progress.teardown(unit):
            self.end(unit, TaskState.CANCELLED, stopping)
            return
        decision = step(unit.site, unit.key.instance, self.progress)
        match decision:
            case Undecided():
                if unit.site.node.previous_run is not PreviousRun.NONE:
                    self.progress.waiting.add(unit.key)
                if unit.wanted is not None:
                    self.moves.append(LookUp(unit.key, unit.wanted))
                    unit.wanted = None
            case End(state=state, cause=cause, outputs=outputs, artifacts=artifacts):
                self.keep_artifacts(artifacts)
                unit.outputs = outputs
                self.end(unit, state, cause, artifacts)
            case Expand(sizes=sizes, count=count, empty=empty):
                self._expand(unit, sizes, count, _IF_EMPTY[empty])
            case Enter(inputs=inputs):
                self._enter(unit, inputs)
            case Hold():
                self._hold(unit, decision)
            case Execute():
                unit.execute = decision
                unit.to(TaskState.READY)
                self.progress.ready.push(unit.key, unit.site.node.priority)
            case Reuse(outputs=outputs, source=source):
                unit.outputs, unit.reused_from = outputs, source
                self.end(unit, TaskState.SUCCEEDED)

    def _expand(self, unit: Unit, sizes: tuple[int, ...], count: int, empty: TaskState) -> None:
        unit.sizes, unit.count, unit.started_at = sizes, count, self.now
        if count == 0:
            self.end(unit, empty)
            return
        self.move(unit, TaskState.RUNNING)
        self.counting.expanded(unit)
        self.fill_map(unit)

    def _enter(self, unit: Unit, inputs: Mapping[str, Any]) -> None:
        unit.inputs, unit.started_at = inputs, unit.started_at or self.now
        timeout = unit.site.node.timeout
        if timeout is not None:
            unit.deadline_at = self.now + timedelta(seconds=timeout)
            self.moves.append(SetTimer(unit.deadline_at, unit.key, TimerKind.DEADLINE))
        self.move(unit, TaskState.RUNNING)
        self.fill_scope(unit)

    def _hold(self, unit: Unit, hold: Hold) -> None:
        body = unit.site.node.body
        assert isinstance(body, Wait)
        unit.started_at = self.now
        unit.wake = Wake(at=hold.at, event=hold.event, event_key=hold.event_key, approval=hold.approval)
        unit.due_at = self.now + hold.after if hold.after is not None else hold.at
        if unit.due_at is not None and unit.due_at <= self.now:
            self.end(unit, TaskState.SUCCEEDED)
            return
        if body.deadline is not None:
            unit.deadline_at = self.now + timedelta(seconds=body.deadline)
        self.move(unit, TaskState.SUSPENDED)
        self.set_timers(unit)

    # --- structure ---

    def fill_scope(self, unit: Unit) -> None:
        """Create what is inside a scope; a scope with nothing left to do ends."""
        inner = unit.inner
        for site in self.progress.wiring.children(unit.key.path):
            if Key(site.path, inner) not in self.progress.units:
                self._create(site, inner, unit)
        if unit.open == 0 and not unit.state.final:
            self._finish_scope(unit)

    def fill_map(self, unit: Unit) -> None:
        """Create instances as far as the map's parallelism, or the window, allows; a map with nothing left to do ends."""
        assert unit.count is not None
        each = unit.site.node.each
        assert each is not None
        window = min(each.parallelism or WINDOW, WINDOW)
        while unit.created < unit.count and unit.open < window and not unit.state.final:
            if unit.stopping is not None:
                break
            unit.created += 1
            self._create(unit.site, (*unit.key.instance, Step(unit.created - 1)), unit)
        self._finish_map(unit)

    def _create(self, site: Site, instance: Instance, parent: Unit) -> None:
        progress = self.progress
        key = Key(site.path, instance)
        if site.own and len(instance) == len(site.frames):
            kind = TaskKind.MAP
        else:
            kind = TaskKind.SCOPE if isinstance(site.node.body, Sub) else TaskKind.LEAF
        unit = Unit(key, site, kind, Counts(), generation=progress.generations.get(key, 0))
        progress.units[key] = unit
        parent.open += 1
        self.counting.watch(unit)
        row = progress.stored.pop(key, None)
        if row is not None:
            unit.take(row)
            self._resume(unit, parent)
            return
        teller = self._told_to_skip(key)
        if teller:
            self.skip(unit, teller)
        else:
            self._todo.append(unit)

    def _resume(self, unit: Unit, parent: Unit) -> None:
        """A unit that was read back from its row goes on where it stood, or counts as it ended."""
        if unit.kind is TaskKind.MAP and unit.count:
            self.counting.expanded(unit)
            if unit.state.final:
                self._recreate(unit)
            else:
                self.fill_map(unit)
        elif unit.kind is TaskKind.SCOPE and unit.started_at is not None and unit.state is not TaskState.RETRYING:
            self.fill_scope(unit)
        if unit.state.final:
            self._count_end(unit)
            parent.open -= 1
        else:
            self.set_timers(unit)

    def _recreate(self, unit: Unit) -> None:
        """The instances of a map that had ended: those that ever were, and the number of those that never came to be."""
        assert unit.count is not None
        missing = 0
        for index in range(unit.count):
            key = Key(unit.key.path, (*unit.key.instance, Step(index)))
            if key in self.progress.stored:
                self._create(unit.site, key.instance, unit)
            else:
                missing += 1
        unit.created = unit.count
        if missing:
            self.counting.never_created(unit, missing, TaskState.CANCELLED)

    # --- moves and ends ---

    def move(self, unit: Unit, state: TaskState, made: tuple[Artifact, ...] = ()) -> None:
        old = unit.to(state)
        self.moves.append(TaskMoved(unit.record(self.progress.run_record.id), old, self.now, made))

    def end(self, unit: Unit, state: TaskState, cause: Cause | None = None, made: tuple[Artifact, ...] = ()) -> None:
        """A unit takes its final state; its downstreams and the scope or map around it hear of it."""
        progress = self.progress
        unit.cause, unit.ended_at = cause, self.now
        unit.wake = unit.due_at = unit.deadline_at = None
        unit.execute = unit.answer = unit.sources = unit.pushed = None
        progress.ready.discard(unit.key)
        progress.waiting.discard(unit.key)
        self.move(unit, state, made)
        if unit.steer is not None and state is TaskState.SUCCEEDED:
            self._steer(unit)
        self._count_end(unit)
        if unit.key != ROOT:
            self._child_ended(progress.parent_of(unit))

    def _count_end(self, unit: Unit) -> None:
        if unit.kind is TaskKind.MAP:
            if not unit.count:
                self.counting.closed(unit)
            return
        if unit.kind is TaskKind.SCOPE:
            if unit.started_at is None:
                self.counting.closed(unit)
            elif unit.site.retried:
                self.counting.settled(unit)
        self.counting.ended(unit)

    def _child_ended(self, parent: Unit) -> None:
        parent.open -= 1
        if parent.state.final:
            return
        if parent.kind is TaskKind.MAP:
            self.fill_map(parent)
        elif parent.open == 0:
            self._finish_scope(parent)

    def _finish_map(self, unit: Unit) -> None:
        if unit.open or unit.state.final or unit.count is None:
            return
        if unit.created < unit.count:
            if unit.stopping is None:
                return
            self.counting.never_created(unit, unit.count - unit.created, TaskState.CANCELLED)
        ends: dict[TaskState, int] = {}
        first: Cause | None = None
        for instance in self.progress.instances(unit):
            ends[instance.state] = ends.get(instance.state, 0) + 1
            if first is None and instance.state is TaskState.FAILED:
                first = instance.cause
        state = TaskState.CANCELLED if unit.created < unit.count else combined(ends)
        self.end(unit, state, _of_many(ends, first) if state is not TaskState.SUCCEEDED else None)

    def _finish_scope(self, unit: Unit) -> None:
        if unit.kind is not TaskKind.SCOPE or unit.state is not TaskState.RUNNING:
            return
        scope = self.progress.wiring.scope(unit.key.path)
        state, cause = outcome_of(scope, self.progress.children(unit))
        if unit.key == ROOT:
            self._finish_run(state, cause)
            return
        stopped = unit.stopping or self.progress.cancelled
        if stopped is not None:
            by_itself = unit.stopping is not None and stopped.kind is CauseKind.TIMED_OUT
            if by_itself or state is not TaskState.SUCCEEDED:
                self.end(unit, TaskState.FAILED if by_itself else TaskState.CANCELLED, stopped)
                return
        if state is TaskState.FAILED:
            assert cause is not None
            unit.failures += 1
            chance = luck(self.progress.run_record.seed, unit.key, unit.generation, unit.failures)
            again = after_failure(
                unit.site.node.retry, replace(cause, kind=CauseKind.USER_CODE), None, unit.failures, chance
            )
            if again is not None:
                self.retry_after(unit, again.delay, cause)
                return
        else:
            state, cause = self._scope_outputs(unit)
        self.end(unit, state, cause)

    def _scope_outputs(self, unit: Unit) -> tuple[TaskState, Cause | None]:
        """The outputs of a scope that succeeded, read from inside it."""
        path = unit.key.path
        inside = Site(f"{path}/" if path else "", Node("", unit.site.node.body), path, unit.site.inner_frames)
        found: dict[str, Any] = {}
        for name, binding in self.progress.wiring.scope(path).outputs.items():
            try:
                found[name] = value_of(binding, Place(inside, unit.inner), self.progress)
            except Absence as absence:
                if absence.policy is Absent.FAIL:
                    return TaskState.FAILED, Cause(CauseKind.DATA, f"output {name!r} of the scope: {absence}")
                if absence.policy is Absent.NULL:
                    found[name] = None
            except Unbound as problem:
                return TaskState.FAILED, Cause(CauseKind.DATA, f"output {name!r} of the scope: {problem}")
        unit.outputs = found
        return TaskState.SUCCEEDED, None

    def _finish_run(self, state: TaskState, cause: Cause | None) -> None:
        progress, root = self.progress, self.progress.root
        stopped = progress.cancelled
        if stopped is not None:
            state = TaskState.FAILED if stopped.kind is CauseKind.TIMED_OUT else TaskState.CANCELLED
            cause = stopped
        elif state is TaskState.SUCCEEDED:
            state, cause = self._scope_outputs(root)
        root.cause, root.ended_at, root.started_at = cause, self.now, progress.started_at
        self.move(root, state)
        self.move_run(RunState(state.value), cause)

    def move_run(self, state: RunState, cause: Cause | None) -> None:
        old = self.progress.state
        self.progress.state = check_move(RUN_MOVES, old, state)
        self.moves.append(RunMoved(old, state, self.now, cause))

    # --- later ---

    def retry_after(self, unit: Unit, delay: float, cause: Cause) -> None:
        """Once more: at once if there is no delay, else when it is due."""
        unit.cause = cause
        unit.execute = None
        unit.due_at = self.now + timedelta(seconds=delay)
        self.move(unit, TaskState.RETRYING)
        if delay > 0:
            self.set_timers(unit)
        else:
            self.due(unit)

    def set_timers(self, unit: Unit) -> None:
        if unit.due_at is not None:
            self.moves.append(SetTimer(unit.due_at, unit.key, TimerKind.DUE))
        if unit.deadline_at is not None:
            self.moves.append(SetTimer(unit.deadline_at, unit.key, TimerKind.DEADLINE))

    def due(self, unit: Unit) -> None:
        """The time of a retry, a poll or a wait has come."""
        if unit.state is TaskState.RETRYING and unit.kind is TaskKind.SCOPE:
            unit.round += 1
            unit.due_at = unit.cause = None
            self.move(unit, TaskState.RUNNING)
            self.fill_scope(unit)
        elif unit.state is TaskState.RETRYING or (unit.state is TaskState.SUSPENDED and _works(unit)):
            self.make_ready(unit)
        elif unit.state is TaskState.SUSPENDED:
            self.end(unit, TaskState.SUCCEEDED)

    def make_ready(self, unit: Unit) -> None:
        """Put a unit that ran before back into the queue, with its inputs resolved anew."""
        unit.answer = CacheMiss("a repeated attempt is computed")
        decision = step(unit.site, unit.key.instance, self.progress)
        match decision:
            case Execute():
                unit.execute = decision
                unit.due_at = None
                unit.to(TaskState.READY)
                self.progress.ready.push(unit.key, unit.site.node.priority)
            case End(state=state, cause=cause):
                self.end(unit, state, cause)
            case _:
                self.end(unit, TaskState.FAILED, Cause(CauseKind.DATA, "its inputs can no longer be resolved"))

    def wake(self, unit: Unit, payload: Any) -> None:
        """What a suspended unit waited for has come."""
        if _works(unit) and unit.wake is not None:
            unit.wake = replace(unit.wake, resume=payload)
            self.make_ready(unit)
        else:
            unit.outputs = {RESULT: payload}
            self.end(unit, TaskState.SUCCEEDED)

    def overdue(self, unit: Unit) -> None:
        """The deadline of a wait or of a scope has passed."""
        cause = Cause(CauseKind.TIMED_OUT, "its deadline has passed")
        if unit.kind is TaskKind.SCOPE:
            if unit.stopping is None:
                timeout = unit.site.node.timeout
                unit.stopping = Cause(CauseKind.TIMED_OUT, f"it took longer than its {timeout:g} s")
                self._cancel_inside(unit, unit.stopping)
            return
        body = unit.site.node.body
        if unit.attempt is not None:
            unit.stopping = cause
            self.moves.append(StopAttempt(unit.attempt.id, cause))
            return
        how = body.overdue if isinstance(body, Wait) else Overdue.FAIL
        match how:
            case Overdue.FAIL:
                self.end(unit, TaskState.FAILED, cause)
            case Overdue.SKIP:
                self.end(unit, TaskState.SKIPPED, cause)
            case Overdue.SUCCEED:
                self.end(unit, TaskState.SUCCEEDED)

    def suspended(self) -> list[Unit]:
        return [unit for unit in self.progress.units.values() if unit.state is TaskState.SUSPENDED]

    def settle_attempt(
        self, unit: Unit, state: AttemptState, cause: Cause | None, report: Report | None = None
    ) -> None:
        """The attempt that is out takes its final state; nothing can change it after."""
        assert unit.attempt is not None
        usage = report.usage if report is not None else unit.attempt.usage
        notes = report.notes if report is not None else ()
        record = replace(unit.attempt, state=state, ended_at=self.now, cause=cause, usage=usage, notes=notes)
        self.moves.append(AttemptSettled(record))
        self.progress.attempts.pop(unit.attempt.id, None)
        unit.attempt = None

    # --- skips, marks and cancellation ---

    def skip(self, unit: Unit, teller: str) -> None:
        self.end(unit, TaskState.SKIPPED, Cause(CauseKind.CONDITION, f"{teller} did not choose it", by=teller))

    def _steer(self, unit: Unit) -> None:
        assert unit.steer is not None
        wiring, teller = self.progress.wiring, str(unit.key)
        for path in sorted(skipped_by(wiring, unit.site, unit.steer)):
            prefix = unit.key.instance[: wiring.shared(path, unit.key.path)]
            self.progress.skips[Key(path, prefix)] = teller
            for other in self._existing(path, prefix):
                if other.state is TaskState.PENDING:
                    self.skip(other, teller)

    def _existing(self, path: str, prefix: Instance) -> list[Unit]:
        exact = self.progress.units.get(Key(path, prefix))
        if exact is not None:
            return [exact]
        return [
            unit for key, unit in self.progress.units.items() if key.path == path and prefix_of(key.instance, prefix)
        ]

    def _told_to_skip(self, key: Key) -> str:
        if not self.progress.skips:
            return ""
        prefixes = (key.instance[:length] for length in range(len(key.instance) + 1))
        return next(
            (
                self.progress.skips[found]
                for prefix in prefixes
                if (found := Key(key.path, prefix)) in self.progress.skips
            ),
            "",
        )

    def mark(self, unit: Unit, state: TaskState, cause: Cause) -> None:
        """A person's word ends a unit; what is inside it and not ended is cancelled first."""
        if unit.kind is not TaskKind.LEAF:
            unit.stopping = cause
            self._cancel_inside(unit, cause)
            if unit.open:
                return
        if not unit.state.final:
            self.end(unit, state, cause)

    def stopping(self, unit: Unit) -> Cause | None:
        """Why a unit must not go on: the run is cancelled, or a scope around it is being stopped."""
        if self.progress.cancelled is not None:
            return self.progress.cancelled
        if unit.stopping is not None:
            return unit.stopping
        if not self.progress.any_stopping:
            return None
        while unit.key != ROOT:
            unit = self.progress.parent_of(unit)
            if unit.stopping is not None:
                return unit.stopping
        return None

    def cancel_run(self, cause: Cause) -> None:
        """Stop what runs and cancel what does not, teardowns excepted; a second time, teardowns too."""
        twice = self.progress.cancelled is not None
        if not twice:
            self.progress.cancelled = cause
            self.move_run(RunState.CANCELLING, cause)
        self._cancel_inside(self.progress.root, cause, teardowns=twice)
        if self.progress.root.open == 0 and not self.progress.state.final:
            self._finish_scope(self.progress.root)

    def _cancel_inside(self, unit: Unit, cause: Cause, teardowns: bool = False) -> None:
        self.progress.any_stopping = True
        inside = [other for other in self.progress.units.values() if self._is_inside(other, unit)]
        for other in inside:
            if other.state.final or (self.progress.teardown(other) and not teardowns):
                continue
            if other.attempt is not None:
                other.stopping = cause
                self.moves.append(StopAttempt(other.attempt.id, cause))
            elif other.kind is TaskKind.LEAF or other.state in (TaskState.PENDING, TaskState.RETRYING):
                self.end(other, TaskState.CANCELLED, cause)
            elif other.kind is TaskKind.MAP:
                other.stopping = cause
                self._finish_map(other)

    def _is_inside(self, other: Unit, unit: Unit) -> bool:
        if other is unit or other.key == ROOT:
            return False
        if unit.key == ROOT:
            return True
        if unit.kind is TaskKind.MAP:
            same = other.key.path == unit.key.path or other.key.path.startswith(unit.key.path + "/")
            return (
                same
                and len(other.key.instance) > len(unit.key.instance)
                and prefix_of(other.key.instance, unit.key.instance)
            )
        return other.key.path.startswith(unit.key.path + "/") and prefix_of(other.key.instance, unit.inner)


def _works(unit: Unit) -> bool:
    """Whether a suspended unit goes on with another attempt (a poll, a task that suspended itself) or is a plain wait."""
    body = unit.site.node.body
    return not isinstance(body, Wait) or isinstance(body.until, UntilTrue)


def _of_many(ends: Mapping[TaskState, int], first: Cause | None) -> Cause:
    total = sum(ends.values())
    said = ", ".join(
        f"{number} {state.value}" for state, number in sorted(ends.items(), key=lambda pair: pair[0].value)
    )
    kind = first.kind if first is not None else CauseKind.UPSTREAM
    why = f"; first: {first.message}" if first is not None else ""
    return Cause(kind, f"of {total} instances {said}{why}")
