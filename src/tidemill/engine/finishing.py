"""Maps, scopes and the run itself end when nothing in them is unfinished; a scope may be tried again as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tidemill.core.bindings import Absent
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import Node
from tidemill.core.history import TaskKind, TaskRecord
from tidemill.core.instances import instance_text
from tidemill.core.states import RunState, TaskState
from tidemill.core.wiring import Site
from tidemill.engine.ending import end
from tidemill.engine.flow import Flow
from tidemill.engine.later import retry_after
from tidemill.engine.moves import TaskMoved
from tidemill.engine.outcome import of_many, outcome_of
from tidemill.engine.progress import ROOT
from tidemill.engine.retry import after_failure, luck
from tidemill.engine.tally import combined
from tidemill.engine.unit import Unit
from tidemill.planning.resolve import Absence, Place, Unbound, value_of


def finish_map(flow: Flow, unit: Unit) -> None:
    """End a map all of whose instances have ended."""
    assert unit.count is not None
    never = unit.count - unit.created
    if unit.open or (never and unit.stopping is None):
        return
    if never:
        flow.counting.never_created(unit, never, TaskState.CANCELLED)
    ends: dict[TaskState, int] = {}
    first: Cause | None = None
    for instance in flow.progress.instances(unit):
        ends[instance.state] = ends.get(instance.state, 0) + 1
        if first is None and instance.state is TaskState.FAILED:
            first = instance.cause
    state = unit.marked or (TaskState.CANCELLED if never else combined(ends))
    end(flow, unit, state, of_many(ends, first) if state is not TaskState.SUCCEEDED else None)


def finish_scope(flow: Flow, unit: Unit) -> None:
    """End a scope in which nothing is unfinished, or start its next round."""
    if unit.open:
        return
    progress = flow.progress
    state, cause = outcome_of(progress.wiring.scope(unit.key.path), progress.children(unit))
    if unit.key == ROOT:
        _finish_run(flow, state, cause)
        return
    if unit.marked is not None:
        end(flow, unit, unit.marked, unit.stopping)
        return
    stopped = unit.stopping or flow.stopping(unit)
    if stopped is not None:
        by_itself = unit.stopping is not None and stopped.kind is CauseKind.TIMED_OUT
        if by_itself or state is not TaskState.SUCCEEDED:
            end(flow, unit, TaskState.FAILED if by_itself else TaskState.CANCELLED, stopped)
            return
    if state is TaskState.FAILED:
        assert cause is not None
        unit.failures += 1
        chance = luck(progress.run_record.seed, unit.key, unit.generation, unit.failures)
        retryable = replace(cause, kind=CauseKind.DATA)
        again = after_failure(unit.site.node.retry, retryable, None, unit.failures, chance)
        if again is not None:
            retry_after(flow, unit, again.delay, cause)
            return
    else:
        state, cause = _outputs(flow, unit)
    end(flow, unit, state, cause)


def _outputs(flow: Flow, unit: Unit) -> tuple[TaskState, Cause | None]:
    """The outputs of a scope that succeeded, read from inside it."""
    path = unit.key.path
    inside = Site(f"{path}/" if path else "", Node("", unit.site.node.body), path, unit.site.inner_frames)
    found: dict[str, Any] = {}
    for name, binding in flow.progress.wiring.scope(path).outputs.items():
        try:
            found[name] = value_of(binding, Place(inside, unit.inner), flow.progress)
        except Absence as absence:
            if absence.policy is Absent.FAIL:
                return TaskState.FAILED, Cause(CauseKind.DATA, f"output {name!r} of the scope: {absence}")
            if absence.policy is Absent.NULL:
                found[name] = None
        except Unbound as problem:
            return TaskState.FAILED, Cause(CauseKind.DATA, f"output {name!r} of the scope: {problem}")
    unit.outputs = found
    return TaskState.SUCCEEDED, None


def _finish_run(flow: Flow, state: TaskState, cause: Cause | None) -> None:
    progress, root = flow.progress, flow.progress.root
    stopped = progress.cancelled
    if stopped is not None:
        state = TaskState.FAILED if stopped.kind is CauseKind.TIMED_OUT else TaskState.CANCELLED
        cause = stopped
    elif state is TaskState.SUCCEEDED:
        state, cause = _outputs(flow, root)
    root.started_at = progress.started_at
    _remove(flow)
    end(flow, root, state, cause)
    flow.move_run(RunState(state.value), cause)


def _remove(flow: Flow) -> None:
    """What was to be repeated and did not come to be again: a map became shorter, a scope needed fewer rounds."""
    progress = flow.progress
    for key in sorted(key for key in progress.expected if key not in progress.units):
        place = (progress.run_record.id, key.path, instance_text(key.instance), progress.generations[key])
        record = TaskRecord(*place, TaskKind.LEAF, TaskState.REMOVED, ended_at=flow.now)
        flow.moves.append(TaskMoved(record, TaskState.PENDING, flow.now))
