"""What happens when its time has come: a retry, the end of a wait, a deadline; or what a suspended unit waited for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tidemill.core.bindings import RESULT
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import Overdue, UntilTrue, Wait
from tidemill.core.history import TaskKind
from tidemill.core.states import TaskState
from tidemill.engine.ending import end
from tidemill.engine.flow import Flow
from tidemill.engine.moves import StopAttempt
from tidemill.engine.starting import make_ready
from tidemill.engine.stopping import cancel_inside
from tidemill.engine.unit import Unit
from tidemill.planning.facts import CacheMiss
from tidemill.planning.step import End, Execute, repeat


def retry_after(flow: Flow, unit: Unit, delay: float, cause: Cause) -> None:
    """Once more: at once if there is no delay, else when it is due. `delay` in seconds."""
    unit.cause = cause
    unit.execute = None
    unit.due_at = flow.now + timedelta(seconds=delay)
    flow.move(unit, TaskState.RETRYING)
    if delay > 0:
        flow.set_timers(unit)
    else:
        due(flow, unit)


def due(flow: Flow, unit: Unit) -> None:
    """The time of a retry, a poll or a wait has come."""
    if unit.state is TaskState.RETRYING and unit.kind is TaskKind.SCOPE:
        unit.round += 1
        unit.due_at = unit.cause = None
        flow.move(unit, TaskState.RUNNING)
        flow.touch(unit)
    elif unit.state is TaskState.RETRYING or (unit.state is TaskState.SUSPENDED and works(unit)):
        run_again(flow, unit)
    elif unit.state is TaskState.SUSPENDED:
        end(flow, unit, TaskState.SUCCEEDED)


def run_again(flow: Flow, unit: Unit) -> None:
    """Put a unit that ran before back into the queue, with its inputs resolved anew."""
    before = unit.answer if isinstance(unit.answer, CacheMiss) else CacheMiss()
    unit.answer = replace(before, reason="a repeated attempt is computed")
    decision = repeat(unit.site, unit.key.instance, flow.progress)
    match decision:
        case Execute():
            make_ready(flow, unit, decision)
        case End(state=state, cause=cause):
            end(flow, unit, state, cause)
        case _:
            end(flow, unit, TaskState.FAILED, Cause(CauseKind.DATA, "its inputs can no longer be resolved"))


def wake(flow: Flow, unit: Unit, payload: Any) -> None:
    """What a suspended unit waited for has come."""
    if works(unit) and unit.wake is not None:
        unit.wake = replace(unit.wake, resume=payload)
        run_again(flow, unit)
        if unit.state is TaskState.READY:
            # Unlike a time that has come, an event does not come again after a crash.
            flow.record(unit, TaskState.SUSPENDED)
    else:
        unit.outputs = {RESULT: payload}
        end(flow, unit, TaskState.SUCCEEDED)


def overdue(flow: Flow, unit: Unit) -> None:
    """The deadline of a wait or of a scope has passed."""
    if unit.kind is TaskKind.SCOPE:
        if unit.stopping is None:
            timeout = unit.site.node.timeout
            unit.stopping = Cause(CauseKind.TIMED_OUT, f"it took longer than its {timeout:g} s")
            cancel_inside(flow, unit, unit.stopping)
            flow.touch(unit)
        return
    cause = Cause(CauseKind.TIMED_OUT, "its deadline has passed")
    body = unit.site.node.body
    if unit.attempt is not None:
        unit.stopping = cause
        flow.moves.append(StopAttempt(unit.attempt.id, cause))
        return
    match body.overdue if isinstance(body, Wait) else Overdue.FAIL:
        case Overdue.FAIL:
            end(flow, unit, TaskState.FAILED, cause)
        case Overdue.SKIP:
            end(flow, unit, TaskState.SKIPPED, cause)
        case Overdue.SUCCEED:
            end(flow, unit, TaskState.SUCCEEDED)


def works(unit: Unit) -> bool:
    """Whether a suspended unit goes on with another attempt (a poll, a task that suspended itself)."""
    body = unit.site.node.body
    return not isinstance(body, Wait) or isinstance(body.until, UntilTrue)
