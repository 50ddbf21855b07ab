"""decide(progress, event, now) -> moves: the whole behaviour of a run, as one function of recorded state and an event.

`progress` belongs to the caller and is brought up to date; the same progress and event always give the same moves.
Pure: no database, thread, clock or network.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import ONCE, UntilApproval, Wait
from tidemill.core.history import TaskKind
from tidemill.core.instances import Key
from tidemill.core.records import Gone, Pushed, Report
from tidemill.core.states import AttemptState, RunState, TaskState
from tidemill.engine.attempts import (
    fail_attempt,
    finish_attempt,
    lose_attempt,
    obstruct_attempt,
    start_attempt,
    suspend_attempt,
)
from tidemill.engine.creating import fill_map, fill_scope
from tidemill.engine.ending import end
from tidemill.engine.finishing import finish_map, finish_scope
from tidemill.engine.flow import Flow
from tidemill.engine.healing import go_on_if_mended, mend_inputs
from tidemill.engine.later import due, overdue, wake
from tidemill.engine.moves import (
    Approved,
    Begin,
    CacheAnswered,
    Cancel,
    Dispatch,
    Event,
    Happened,
    KeepPush,
    Marked,
    Move,
    PreviousChanged,
    PushedOutput,
    Refused,
    Reported,
    RunMoved,
    SetTimer,
    TimerFired,
    TimerKind,
    WentAway,
)
from tidemill.engine.progress import ROOT, Progress
from tidemill.engine.starting import ask_again, consider, go_on_beside_others
from tidemill.engine.stopping import cancel_run, mark
from tidemill.engine.weighing import learn, weight_of

_MARKS = frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED})
"""What a person may say of a task run; the other ends are the engine's to give."""


def decide(progress: Progress, event: Event, now: datetime) -> list[Move]:
    """Bring `progress` up to date with `event` and say what follows.

    An event about something that is no longer so changes nothing.
    """
    flow = Flow(progress, now)
    match event:
        case Begin():
            _begin(flow)
        case Dispatch(slots=slots, full=full, ahead=ahead):
            _dispatch(flow, slots, full, ahead)
        case Reported(report=report):
            _reported(flow, report)
        case WentAway(gone=gone):
            _gone(flow, gone)
        case PushedOutput(pushed=pushed):
            _pushed(flow, pushed)
        case Refused(attempt=attempt, limit=limit):
            _refused(flow, attempt, limit)
        case TimerFired(key=key, kind=kind):
            _timer(flow, key, kind)
        case CacheAnswered(key=key, answer=answer):
            unit = progress.units.get(key)
            progress.asking.discard(key)
            if unit is not None and unit.state is TaskState.PENDING:
                unit.answer = answer
                flow.touch(unit)
            elif unit is not None and unit.state is TaskState.READY:
                go_on_beside_others(flow, unit, answer)
        case PreviousChanged(states=states):
            progress.previous_states = dict(states)
            for key in sorted(progress.waiting):
                flow.touch(progress.units[key])
        case Happened():
            _happened(flow, event)
        case Approved():
            _approved(flow, event)
        case Marked():
            _marked(flow, event)
        case Cancel(actor=actor, reason=reason):
            if not progress.state.final:
                message = f"cancelled by {actor}" + (f": {reason}" if reason else "")
                cancel_run(flow, Cause(CauseKind.CANCELLED, message, by=actor))
    _settle(flow)
    while progress.state is not RunState.QUEUED and progress.stuck:
        _give_up(flow)
    return flow.moves


def _settle(flow: Flow) -> None:
    """Look at every unit that was touched, until nothing changes any more."""
    while (unit := flow.touched()) is not None:
        if unit.state is TaskState.PENDING:
            consider(flow, unit)
        elif unit.state is TaskState.RUNNING and unit.kind is TaskKind.MAP:
            fill_map(flow, unit)
            finish_map(flow, unit)
        elif unit.state is TaskState.RUNNING and unit.kind is TaskKind.SCOPE:
            fill_scope(flow, unit)
            finish_scope(flow, unit)
        elif unit.mending:
            go_on_if_mended(flow, unit)


def _give_up(flow: Flow) -> None:
    """What is pending waits for what cannot end any more: a defect of a graph must not hold a run for ever."""
    progress = flow.progress
    pending = [unit for unit in progress.units.made() if unit.state is TaskState.PENDING]
    cause = Cause(CauseKind.UPSTREAM, "it waits for something that can no longer end")
    for unit in pending or [unit for unit in progress.units.made() if not unit.state.final and unit.key != ROOT]:
        if not unit.state.final:
            end(flow, unit, TaskState.UPSTREAM_FAILED, cause)
    _settle(flow)


def _begin(flow: Flow) -> None:
    progress = flow.progress
    if progress.state.final:
        return
    if progress.state is RunState.QUEUED:
        progress.state = RunState.RUNNING
        progress.started_at = flow.now
        flow.moves.append(RunMoved(RunState.QUEUED, RunState.RUNNING, flow.now))
    timeout = progress.wiring.pipeline.timeout
    if timeout is not None and progress.started_at is not None:
        flow.moves.append(SetTimer(progress.started_at + timedelta(seconds=timeout), ROOT, TimerKind.DEADLINE))
    flow.touch(progress.root)


def _dispatch(flow: Flow, room: float, full: frozenset[str], ahead: bool) -> None:
    progress = flow.progress
    if progress.state.final:
        return
    most = progress.wiring.pipeline.parallelism
    progress.ready.bring_back(full)
    while room > 0 and (most is None or progress.running < most) and (place := progress.ready.pop()) is not None:
        unit = progress.units[place.key]
        if unit.state is not TaskState.READY or unit.execute is None:
            continue
        wanted = next((limit for limit, _ in unit.execute.limits if limit in full), None)
        if wanted is not None:
            unit.overtaken |= wanted.startswith(ONCE)
            progress.ready.set_aside(place, wanted)
            continue
        if unit.overtaken:
            ask_again(flow, unit)
            continue
        weight = weight_of(progress, unit) if ahead else 1.0
        if weight > room:
            # It waits for a whole slot, and nobody overtakes it.
            progress.ready.put_back(place)
            return
        start_attempt(flow, unit, weight)
        room -= weight


def _reported(flow: Flow, report: Report) -> None:
    unit = flow.progress.attempts.get(report.attempt)
    if unit is None:
        return
    flow.keep_artifacts(unit, report.artifacts)
    learn(flow.progress, unit, report)
    match report.state:
        case AttemptState.SUCCEEDED:
            finish_attempt(flow, unit, report)
        case AttemptState.SKIPPED:
            finish_attempt(flow, unit, report)
        case AttemptState.SUSPENDED:
            suspend_attempt(flow, unit, report)
        case AttemptState.FAILED if report.damaged:
            mend_inputs(flow, unit, report)
        case AttemptState.FAILED if report.cause is not None and report.cause.kind is CauseKind.INFRASTRUCTURE:
            obstruct_attempt(flow, unit, report)
        case _:
            fail_attempt(flow, unit, report)


def _gone(flow: Flow, gone: Gone) -> None:
    unit = flow.progress.attempts.get(gone.attempt)
    if unit is None:
        return
    if gone.lost and unit.stopping is None:
        lose_attempt(flow, unit, gone)
    else:
        fail_attempt(flow, unit, Report(gone.attempt, AttemptState.FAILED, cause=gone.cause, usage=gone.usage))


def _pushed(flow: Flow, pushed: Pushed) -> None:
    unit = flow.progress.attempts.get(pushed.attempt)
    if unit is None:
        return
    if "\0" in pushed.key or any("\ud800" <= character <= "\udfff" for character in pushed.key):
        flow.note("output.refused", unit.key, {"attempt": pushed.attempt, "key": ascii(pushed.key)})
        return
    flow.keep_artifacts(unit, pushed.artifacts)
    unit.pushed = {**(unit.pushed or {}), pushed.key: pushed.value}
    flow.moves.append(KeepPush(unit.key, pushed))


def _refused(flow: Flow, attempt: str, limit: str) -> None:
    unit = flow.progress.attempts.pop(attempt, None)
    if unit is None:
        return
    unit.attempt = None
    unit.refused_by, unit.overtaken = limit, limit.startswith(ONCE)
    unit.attempts -= 1
    if not unit.attempts:
        unit.started_at = unit.deadline_at = None
    unit.to(TaskState.READY)
    flow.progress.ready.push(unit.key, unit.site.node.priority)


def _timer(flow: Flow, key: Key, kind: TimerKind) -> None:
    unit = flow.progress.units.get(key)
    if unit is None or unit.state.final:
        return
    if key == ROOT:
        timeout = flow.progress.wiring.pipeline.timeout
        if flow.progress.cancelled is None and not flow.progress.state.final:
            cancel_run(flow, Cause(CauseKind.TIMED_OUT, f"the run took longer than its {timeout:g} s"))
        return
    at = unit.due_at if kind is TimerKind.DUE else unit.deadline_at
    if at is None:
        return
    if at > flow.now:
        # It was put off, or the calendar has jumped back since it was due: either way it is still to come.
        flow.moves.append(SetTimer(at, key, kind))
    elif kind is TimerKind.DUE:
        due(flow, unit)
    else:
        overdue(flow, unit)


def _happened(flow: Flow, event: Happened) -> None:
    for unit in [unit for unit in flow.progress.units.made() if unit.state is TaskState.SUSPENDED]:
        waits = unit.wake
        if waits is not None and waits.event == event.name and waits.event_key in ("", event.key):
            wake(flow, unit, event.payload)


def _approved(flow: Flow, event: Approved) -> None:
    unit = flow.progress.units.get(event.key)
    if unit is None or unit.state is not TaskState.SUSPENDED or unit.wake is None or not unit.wake.approval:
        return
    body = unit.site.node.body
    if isinstance(body, Wait) and isinstance(body.until, UntilApproval):
        allowed = body.until.approvers
        if allowed and event.actor not in allowed:
            flow.note("approval.refused", unit.key, {"actor": event.actor, "approvers": list(allowed)})
            return
    answer = {"approved": event.yes, "by": event.actor, "comment": event.comment}
    if event.yes:
        wake(flow, unit, answer)
    else:
        message = f"refused by {event.actor}" + (f": {event.comment}" if event.comment else "")
        unit.outputs = {"result": answer}
        end(flow, unit, TaskState.FAILED, Cause(CauseKind.REFUSED, message, by=event.actor))


def _marked(flow: Flow, event: Marked) -> None:
    unit = flow.progress.units.get(event.key)
    if unit is None or unit.state.final or unit.key == ROOT or unit.marked is event.state:
        return
    if event.state not in _MARKS:
        flow.note("mark.refused", unit.key, {"actor": event.actor, "state": event.state.value})
        return
    cause = Cause(CauseKind.CANCELLED, f"marked {event.state.value} by {event.actor}", by=event.actor)
    mark(flow, unit, event.state, cause)
