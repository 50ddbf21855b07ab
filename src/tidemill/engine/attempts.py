"""The life of an attempt as the run sees it: started, then ended in one way, once and for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import LostPolicy, UntilTrue, Wait
from tidemill.core.history import AttemptRecord
from tidemill.core.instances import instance_text
from tidemill.core.records import Gone, Report, Wake
from tidemill.core.states import AttemptState, TaskState
from tidemill.engine.ending import end
from tidemill.engine.flow import Flow
from tidemill.engine.later import overdue, retry_after
from tidemill.engine.moves import AttemptStarted, Remember, SetTimer, TimerKind
from tidemill.engine.retry import after_failure, after_loss, delay_after_obstacle, luck
from tidemill.engine.steering import BadSteer, skipped_by
from tidemill.engine.unit import Unit


def start_attempt(flow: Flow, unit: Unit, weight: float = 1.0) -> None:
    """READY -> RUNNING, with a new attempt that exists from the commit on."""
    progress, execute = flow.progress, unit.execute
    assert execute is not None
    progress.attempt_number += 1
    unit.attempts += 1
    record = AttemptRecord(
        id=f"{progress.run_record.id}.{progress.attempt_number}",
        run=progress.run_record.id,
        path=unit.key.path,
        instance=instance_text(unit.key.instance),
        generation=unit.generation,
        number=unit.attempts,
        state=AttemptState.STARTED,
        started_at=flow.now,
        executor=progress.run_record.executor,
        epoch=progress.epoch,
    )
    unit.attempt = record
    unit.pushed = None
    unit.asked = False
    unit.cause = None
    unit.due_at = None
    progress.attempts[record.id] = unit
    resume = unit.wake.resume if unit.wake else None
    if unit.started_at is None:
        unit.started_at = flow.now
        body = unit.site.node.body
        if isinstance(body, Wait) and body.deadline is not None:
            unit.deadline_at = flow.now + timedelta(seconds=body.deadline)
            flow.moves.append(SetTimer(unit.deadline_at, unit.key, TimerKind.DEADLINE))
    if progress.replaced:
        execute = replace(execute, used=tuple(dict.fromkeys(progress.artifact(id).id for id in execute.used)))
    flow.move(unit, TaskState.RUNNING)
    retry = unit.site.node.retry
    final_number = unit.attempts if retry is None else unit.attempts + max(0, retry.limit - unit.failures)
    flow.moves.append(AttemptStarted(record, unit.key, unit.site.node, execute, final_number, resume, weight))


def finish_attempt(flow: Flow, unit: Unit, report: Report) -> None:
    """The function returned, or skipped itself."""
    outputs = {**(unit.pushed or {}), **report.outputs}
    if report.state is AttemptState.SKIPPED:
        flow.settle_attempt(unit, AttemptState.SKIPPED, report.cause, report)
        unit.outputs = outputs
        end(flow, unit, TaskState.SKIPPED, report.cause, report.artifacts)
        return
    if report.steer is not None:
        try:
            skipped_by(flow.progress.wiring, unit.site, report.steer)
        except BadSteer as problem:
            failed = replace(report, state=AttemptState.FAILED, cause=Cause(CauseKind.DATA, str(problem)))
            fail_attempt(flow, unit, failed)
            return
    execute = unit.execute
    flow.settle_attempt(unit, AttemptState.SUCCEEDED, None, report)
    unit.outputs = outputs
    unit.steer = report.steer
    cache = unit.site.node.cache
    parts = execute.cache_parts if execute is not None else None
    if cache is not None and parts is not None and not report.steer and not unit.asked:
        flow.moves.append(Remember(unit.key, parts, outputs, cache.ttl))
    end(flow, unit, TaskState.SUCCEEDED, None, report.artifacts)


def suspend_attempt(flow: Flow, unit: Unit, report: Report) -> None:
    """The attempt ended on purpose and is to go on later; this is no retry and no failure."""
    wake = report.wake
    if wake is None:
        nothing = Cause(CauseKind.DATA, "it suspended itself and did not say until when")
        fail_attempt(flow, unit, replace(report, state=AttemptState.FAILED, cause=nothing))
        return
    flow.settle_attempt(unit, AttemptState.SUSPENDED, None, report)
    stopped = flow.stopping(unit)
    if stopped is not None:
        _end_stopped(flow, unit, stopped, report)
        return
    unit.wake = replace(wake, artifacts=unit.wake.artifacts if unit.wake is not None else ())
    unit.due_at = wake.at if wake.at is not None else None
    if wake.after_s is not None:
        unit.due_at = flow.now + timedelta(seconds=wake.after_s)
    if wake.deadline_s is not None and unit.deadline_at is None:
        unit.deadline_at = flow.now + timedelta(seconds=wake.deadline_s)
        flow.moves.append(SetTimer(unit.deadline_at, unit.key, TimerKind.DEADLINE))
    flow.move(unit, TaskState.SUSPENDED)
    if unit.due_at is not None:
        flow.moves.append(SetTimer(unit.due_at, unit.key, TimerKind.DUE))


def fail_attempt(flow: Flow, unit: Unit, report: Report) -> None:
    """The function raised, was stopped, took too long, or its process died of itself."""
    cause = report.cause or Cause(CauseKind.INFRASTRUCTURE, "the attempt ended without a cause")
    stopped = unit.stopping
    if stopped is not None:
        flow.settle_attempt(unit, AttemptState.CANCELLED, stopped, report)
        _end_stopped(flow, unit, stopped, report)
        return
    flow.settle_attempt(unit, AttemptState.FAILED, cause, report)
    unit.outputs = dict(unit.pushed or {})
    unit.wake = Wake(artifacts=unit.wake.artifacts) if unit.wake is not None and unit.wake.artifacts else None
    unit.failures += 1
    node, seed = unit.site.node, flow.progress.run_record.seed
    chance = luck(seed, unit.key, unit.generation, unit.failures)
    again = after_failure(node.retry, cause, report.rule, unit.failures, chance)
    if again is None or flow.stopping(unit) is not None:
        end(flow, unit, TaskState.FAILED, cause, report.artifacts)
    else:
        retry_after(flow, unit, again.delay, cause)


def lose_attempt(flow: Flow, unit: Unit, gone: Gone) -> None:
    """Its process or machine was taken away. What it was resumed with stays for the next attempt."""
    report = Report(gone.attempt, AttemptState.LOST, cause=gone.cause, usage=gone.usage)
    flow.settle_attempt(unit, AttemptState.LOST, gone.cause, report)
    if not gone.begun and flow.stopping(unit) is None:
        # Nothing of it has happened, so nothing is lost.
        retry_after(flow, unit, 0.0, gone.cause)
        return
    _not_its_fault(flow, unit, gone.cause, report, 0.0)


def obstruct_attempt(flow: Flow, unit: Unit, report: Report) -> None:
    """Its machine did not let it finish: there was no room for its result. Later there may be."""
    assert report.cause is not None
    if unit.stopping is not None:
        fail_attempt(flow, unit, report)
        return
    flow.settle_attempt(unit, AttemptState.FAILED, report.cause, report)
    _not_its_fault(flow, unit, report.cause, report, delay_after_obstacle(unit.losses + 1))


def _not_its_fault(flow: Flow, unit: Unit, cause: Cause, report: Report, delay: float) -> None:
    unit.losses += 1
    unit.outputs = dict(unit.pushed or {})
    stopped = flow.stopping(unit)
    if stopped is not None:
        _end_stopped(flow, unit, stopped, report)
        return
    if after_loss(unit.site.node.on_lost, unit.losses):
        retry_after(flow, unit, delay, cause)
        return
    if unit.site.node.on_lost.policy is LostPolicy.FAIL:
        unit.failures += 1
        chance = luck(flow.progress.run_record.seed, unit.key, unit.generation, unit.failures)
        again = after_failure(unit.site.node.retry, cause, None, unit.failures, chance)
        if again is not None:
            retry_after(flow, unit, again.delay, cause)
            return
    end(flow, unit, TaskState.FAILED, cause)


def _end_stopped(flow: Flow, unit: Unit, stopped: Cause, report: Report) -> None:
    """An attempt that was asked to end did so: a poll whose time is up by its rule, the rest cancelled."""
    unit.outputs = dict(unit.pushed or {})
    if unit.stopping is not None and stopped.kind is CauseKind.TIMED_OUT and _polls(unit):
        overdue(flow, unit)
    else:
        end(flow, unit, TaskState.CANCELLED, stopped, report.artifacts)


def _polls(unit: Unit) -> bool:
    body = unit.site.node.body
    return isinstance(body, Wait) and isinstance(body.until, UntilTrue)
