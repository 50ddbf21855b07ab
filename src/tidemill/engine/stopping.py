"""Cancelling and marking: what runs is asked to stop, what does not run is ended; teardowns go on."""

from __future__ import annotations

from tidemill.core.causes import Cause
from tidemill.core.history import TaskKind
from tidemill.core.states import AttemptState, RunState, TaskState
from tidemill.engine.counting import prefix_of
from tidemill.engine.ending import end
from tidemill.engine.flow import Flow
from tidemill.engine.moves import StopAttempt
from tidemill.engine.progress import ROOT
from tidemill.engine.unit import Unit


def cancel_run(flow: Flow, cause: Cause) -> None:
    """Stop the run; a second time, its teardowns too."""
    progress = flow.progress
    twice = progress.cancelled is not None
    if not twice:
        progress.cancelled = cause
        flow.move_run(RunState.CANCELLING, cause)
    cancel_inside(flow, progress.root, cause, teardowns=twice)
    flow.touch(progress.root)


def cancel_inside(flow: Flow, unit: Unit, cause: Cause, teardowns: bool = False) -> None:
    """End or stop everything inside a scope or map that has not ended."""
    progress = flow.progress
    progress.any_stopping = True
    inside = [other for other in progress.units.made() if _is_inside(other, unit)]
    for other in inside:
        if other.state.final or (progress.teardown(other) and not teardowns):
            continue
        if other.attempt is not None:
            if other.stopping is None:
                other.stopping = cause
                flow.moves.append(StopAttempt(other.attempt.id, cause))
        elif other.kind is TaskKind.LEAF or other.state in (TaskState.PENDING, TaskState.RETRYING):
            end(flow, other, TaskState.CANCELLED, cause)
        else:
            if other.kind is TaskKind.MAP:
                other.stopping = cause
            flow.touch(other)


def mark(flow: Flow, unit: Unit, state: TaskState, cause: Cause) -> None:
    """A person's word ends a unit; what is inside it is cancelled first."""
    if unit.attempt is not None:
        flow.moves.append(StopAttempt(unit.attempt.id, cause))
        flow.settle_attempt(unit, AttemptState.CANCELLED, cause)
    if unit.kind is not TaskKind.LEAF and unit.open:
        unit.stopping, unit.marked = cause, state
        cancel_inside(flow, unit, cause)
        flow.touch(unit)
    else:
        end(flow, unit, state, cause)


def _is_inside(other: Unit, unit: Unit) -> bool:
    if other is unit or other.key == ROOT:
        return False
    if unit.key == ROOT:
        return True
    if unit.kind is TaskKind.MAP:
        same = other.key.path == unit.key.path or other.key.path.startswith(unit.key.path + "/")
        deeper = len(other.key.instance) > len(unit.key.instance)
        return same and deeper and prefix_of(other.key.instance, unit.key.instance)
    return other.key.path.startswith(unit.key.path + "/") and prefix_of(other.key.instance, unit.inner)
