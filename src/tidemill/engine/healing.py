"""Stored inputs that a task found damaged: what made them is run again, and then the task goes on.

A reopening inside a run: the producer, and the scopes and maps around it that had ended, go on in their next
generation; whoever has read the old content keeps what came of it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import Call, LostPolicy, Role
from tidemill.core.history import TaskKind
from tidemill.core.instances import Key
from tidemill.core.records import Report, Wake
from tidemill.core.states import AttemptState, TaskState
from tidemill.core.wiring import ancestors
from tidemill.engine.attempts import fail_attempt
from tidemill.engine.ending import end
from tidemill.engine.flow import Flow
from tidemill.engine.former import ids_in, supersede
from tidemill.engine.later import run_again
from tidemill.engine.moves import Forget
from tidemill.engine.progress import ROOT, Progress
from tidemill.engine.unit import Unit

ENGINE = "engine"
"""The actor of a reopening that nobody asked for."""

_GO_ON = frozenset({TaskState.RUNNING, TaskState.SUCCEEDED, TaskState.FAILED, TaskState.UPSTREAM_FAILED})
_UNDONE = frozenset({CauseKind.CANCELLED, CauseKind.TIMED_OUT})


def mend_inputs(flow: Flow, unit: Unit, report: Report) -> None:
    """An attempt ended because stored inputs are damaged: their makers run again, or it fails and says why not."""
    cause = report.cause or Cause(CauseKind.DATA, "an input is damaged")
    if unit.stopping is not None or flow.stopping(unit) is not None:
        fail_attempt(flow, unit, report)
        return
    producers = {id: producer_of(flow.progress, id) for id in sorted(report.damaged)}
    reasons = {id: why_not(flow, unit, id, producer) for id, producer in producers.items()}
    for id, producer in producers.items():
        maker = "" if producer is None else str(producer.key)
        then = f"not made anew: {reasons[id]}" if reasons[id] else f"{maker} is run again"
        payload = {"artifact": id, "by": maker, "problem": report.damaged[id], "then": then}
        flow.note("artifact.damaged", unit.key, payload)
    refused = next((id for id in producers if reasons[id]), None)
    if refused is not None:
        message = f"{cause.message}; {_advice(flow.progress, reasons[refused], producers[refused])}"
        fail_attempt(flow, unit, replace(report, cause=replace(cause, message=message)))
        return
    flow.settle_attempt(unit, AttemptState.FAILED, cause, report)
    names: list[str] = []
    for id, producer in producers.items():
        assert producer is not None
        names.append(str(producer.key))
        if producer.state.final and id in ids_in(producer.outputs):
            _reopen(flow, producer, f"{report.damaged[id]}; {unit.key} needs it")
    unit.outputs = dict(unit.pushed or {})
    unit.wake = replace(unit.wake or Wake(), artifacts=(*_dealt_with(unit), *producers))
    unit.cause = replace(cause, message=f"{cause.message}; it waits for {', '.join(dict.fromkeys(names))} to run again")
    unit.execute = unit.due_at = None
    flow.move(unit, TaskState.RETRYING)
    flow.touch(unit)


def go_on_if_mended(flow: Flow, unit: Unit) -> None:
    """A unit that waits for its damaged inputs: once what makes them has ended, it runs again or fails with it."""
    assert unit.wake is not None
    makers = [producer_of(flow.progress, id) for id in unit.wake.artifacts]
    # What it makes anew itself is among them, if it is run again for damage of its own.
    makers = [maker for maker in makers if maker is not unit]
    if any(maker is not None and not maker.state.final for maker in makers):
        return
    bad = next((maker for maker in makers if maker is None or maker.state is not TaskState.SUCCEEDED), unit)
    if bad is unit:
        run_again(flow, unit)
        return
    cause = unit.cause or Cause(CauseKind.DATA, "an input is damaged")
    what = "what made it is there no more"
    if bad is not None:
        why = f": {bad.cause.message}" if bad.cause is not None else ""
        what = f"{bad.key} was run again and {bad.state.value}{why}"
    message = cause.message.rpartition("; it waits for ")[0] or cause.message
    end(flow, unit, TaskState.FAILED, replace(cause, message=f"{message}; {what}"))


def producer_of(progress: Progress, id: str) -> Unit | None:
    """The task run of this run that gave an artifact, by making it or by reusing it."""
    key = progress.makers.get(id)
    unit = progress.units.get(key) if key is not None else None
    if unit is not None and _is_current(progress, unit):
        return unit
    for other in progress.units.values():
        gave = other.reused_from and other.kind is TaskKind.LEAF and id in ids_in(other.outputs)
        if gave and _is_current(progress, other):
            return other
    return None


def why_not(flow: Flow, reader: Unit, id: str, producer: Unit | None) -> str:
    """Why an artifact that `reader` found damaged is not made anew; "" if it is, or is being made already."""
    progress = flow.progress
    if producer is None:
        return "no task of this run made it"
    if id in _dealt_with(reader):
        return f"{producer.key} was run again for it, and it is still damaged"
    if not producer.state.final:
        return ""
    if producer.state is not TaskState.SUCCEEDED:
        return f"{producer.key} {producer.state.value}"
    if id not in ids_in(producer.outputs):
        return ""  # it was made anew while this attempt was under way
    node = producer.site.node
    if producer.generation > progress.run_record.generation:
        return f"{producer.key} was run again once already in this run"
    if not isinstance(node.body, Call):
        return f"{producer.key} is nothing that can be run again"
    if node.body.acts or (producer.key, producer.generation) in progress.acted:
        return f"{producer.key} has effects, which would happen twice"
    if node.on_lost.policy is LostPolicy.NEVER:
        return f"{producer.key} must never run twice"
    if producer.steer is not None:
        return f"{producer.key} has decided what follows it"
    if node.role is not Role.NORMAL:
        return f"{producer.key} is a {node.role.value}"
    return _in_the_way(flow, producer)


def _in_the_way(flow: Flow, producer: Unit) -> str:
    progress, wiring = flow.progress, flow.progress.wiring
    if flow.stopping(producer) is not None:
        return f"{producer.key} is being stopped"
    for around in _around(progress, producer):
        by_itself = around.cause is None or around.cause.kind not in _UNDONE
        if around.state not in _GO_ON or not by_itself:
            return f"{around.key}, which it stands in, {around.state.value}"
    for site in wiring.sites.values():
        if site.node.role is not Role.TEARDOWN or not site.node.setups:
            continue
        if producer.key.path in wiring.reachable(list(site.node.setups)):
            prefix = producer.key.instance[: wiring.shared(site.path, producer.key.path)]
            ends = progress.ends_below(site, prefix)
            if any(state is not TaskState.PENDING for state in ends):
                return f"{site.path} has taken away what {producer.key} relies on"
    return ""


def _reopen(flow: Flow, producer: Unit, why: str) -> None:
    """The producer becomes ready in its next generation, and what had ended around it goes on."""
    progress = flow.progress
    outputs = producer.outputs
    for id in ids_in(outputs):
        maker = progress.units.get(progress.makers.get(id, ROOT), progress.root)
        if maker is progress.root or not _is_current(progress, maker):
            progress.makers[id] = producer.key
    damaged = tuple(sorted(ids_in(outputs)))
    flow.moves.append(Forget(producer.key, damaged))
    progress.damaged.update(damaged)
    ended = [around for around in _around(progress, producer) if around.state.final]
    put_back = list(_not_begun(progress))
    flow.counting.reopened([*reversed(ended), producer], put_back)
    for unit in (*reversed(ended), producer):
        supersede(progress, unit)
        progress.parent_of(unit).open += 1
        unit.begin_anew(Wake(artifacts=damaged))
        if unit is not producer:
            flow.move(unit, TaskState.RUNNING)
    producer.attempts = producer.failures = producer.losses = 0
    producer.started_at = None
    producer.cause = Cause(CauseKind.DATA, why, by=ENGINE)
    run_again(flow, producer)
    if producer.state is TaskState.READY:
        # Unlike what becomes ready for the first time, nothing else says so after a crash.
        flow.record(producer, TaskState.PENDING)
    for unit in put_back:
        flow.touch(unit)


def _not_begun(progress: Progress) -> Iterator[Unit]:
    """Units that were about to start with something damaged are pending again; that they were ready is not recorded."""
    for key in sorted(progress.ready.keys):
        unit = progress.units[key]
        if not unit.attempts and unit.execute and not progress.damaged.isdisjoint(unit.execute.used):
            progress.ready.discard(key)
            unit.state, unit.execute, unit.answer = TaskState.PENDING, None, None
            yield unit


def _around(progress: Progress, unit: Unit) -> Iterator[Unit]:
    """The maps and scopes around a unit, innermost first, the run itself left out."""
    while (unit := progress.parent_of(unit)).key != ROOT:
        yield unit


def _is_current(progress: Progress, unit: Unit) -> bool:
    """Whether a unit is of the last round of every scope around it."""
    for path in ancestors(unit.key.path):
        scope = progress.units.get(Key(path, progress.wiring.unit_instance(path, unit.key.instance)))
        if scope is None or unit.key.instance[: len(scope.inner)] != scope.inner:
            return False
    return True


def _dealt_with(unit: Unit) -> tuple[str, ...]:
    return unit.wake.artifacts if unit.wake is not None else ()


def _advice(progress: Progress, reason: str, producer: Unit | None) -> str:
    """Why nothing was made anew, and what to type."""
    run = progress.run_record.id
    if producer is None:
        return f"it was not made anew: {reason}; run again what made it, then `tidemill retry {run}`"
    return f"it was not made anew: {reason}; `tidemill retry {run} --also {producer.key.path}` runs it all the same"
