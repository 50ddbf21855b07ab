"""A pending unit asks planning what should happen with it, and that is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tidemill.core.graph import ONCE, Empty, PreviousRun, Wait
from tidemill.core.records import Wake
from tidemill.core.states import TaskState
from tidemill.engine.ending import end
from tidemill.engine.flow import Flow
from tidemill.engine.moves import LookUp, SetTimer, TimerKind
from tidemill.engine.unit import Unit
from tidemill.planning.facts import CacheHit, CacheMiss
from tidemill.planning.step import End, Enter, Execute, Expand, Hold, Reuse, Undecided, step

_IF_EMPTY = {Empty.SUCCEED: TaskState.SUCCEEDED, Empty.SKIP: TaskState.SKIPPED}


def consider(flow: Flow, unit: Unit) -> None:
    """Start, expand, hold, end or leave pending."""
    stopping = flow.stopping(unit)
    if stopping is not None and not flow.progress.teardown(unit):
        end(flow, unit, TaskState.CANCELLED, stopping)
        return
    decision = step(unit.site, unit.key.instance, flow.progress)
    match decision:
        case Undecided():
            if unit.site.node.previous_run is not PreviousRun.NONE:
                flow.progress.waiting.add(unit.key)
            if unit.wanted is not None:
                flow.moves.append(LookUp(unit.key, unit.wanted))
                flow.progress.asking.add(unit.key)
                unit.wanted = None
        case End(state=state, cause=cause, outputs=outputs, artifacts=artifacts):
            flow.keep_artifacts(unit, artifacts)
            unit.outputs = outputs
            end(flow, unit, state, cause, artifacts)
        case Expand(sizes=sizes, count=count, empty=empty):
            _expand(flow, unit, sizes, count, _IF_EMPTY[empty])
        case Enter(inputs=inputs):
            _enter(flow, unit, inputs)
        case Hold():
            _hold(flow, unit, decision)
        case Execute(used=used) if not flow.progress.damaged.isdisjoint(used):
            flow.progress.held_back.add(unit.key)
        case Execute():
            make_ready(flow, unit, decision)
        case Reuse(outputs=outputs, source=source):
            unit.outputs, unit.reused_from = outputs, source
            end(flow, unit, TaskState.SUCCEEDED)


def make_ready(flow: Flow, unit: Unit, execute: Execute) -> None:
    """It may start as soon as there is room. Not recorded: it follows from what is."""
    unit.execute = execute
    unit.due_at = None
    unit.refused_by = ""
    flow.progress.sleeping.discard(unit.key)
    unit.to(TaskState.READY)
    flow.progress.ready.push(unit.key, unit.site.node.priority)


def ask_again(flow: Flow, unit: Unit) -> None:
    """Another has computed the same meanwhile, or has given up: the cache knows."""
    assert unit.execute is not None
    assert unit.execute.cache_parts is not None
    unit.overtaken = False
    flow.progress.asking.add(unit.key)
    flow.moves.append(LookUp(unit.key, unit.execute.cache_parts))


def go_on_beside_others(flow: Flow, unit: Unit, answer: CacheHit | CacheMiss) -> None:
    """What another computed is taken; else it is this unit's turn."""
    if isinstance(answer, CacheHit):
        unit.outputs, unit.reused_from = answer.outputs, answer.source
        end(flow, unit, TaskState.SUCCEEDED)
    else:
        assert unit.execute is not None
        limits = tuple(limit for limit in unit.execute.limits if not (answer.alone and limit[0].startswith(ONCE)))
        unit.execute = replace(unit.execute, unusable=answer.unusable, limits=limits)
        flow.progress.ready.push(unit.key, unit.site.node.priority)


def _expand(flow: Flow, unit: Unit, sizes: tuple[int, ...], count: int, empty: TaskState) -> None:
    unit.sizes, unit.count, unit.started_at = sizes, count, flow.now
    if count == 0:
        end(flow, unit, empty)
        return
    flow.move(unit, TaskState.RUNNING)
    flow.counting.expanded(unit)
    flow.touch(unit)


def _enter(flow: Flow, unit: Unit, inputs: Mapping[str, Any]) -> None:
    unit.inputs, unit.started_at = inputs, unit.started_at or flow.now
    timeout = unit.site.node.timeout
    if timeout is not None:
        unit.deadline_at = flow.now + timedelta(seconds=timeout)
        flow.moves.append(SetTimer(unit.deadline_at, unit.key, TimerKind.DEADLINE))
    flow.move(unit, TaskState.RUNNING)
    flow.touch(unit)


def _hold(flow: Flow, unit: Unit, hold: Hold) -> None:
    body = unit.site.node.body
    assert isinstance(body, Wait)
    unit.started_at = flow.now
    unit.wake = Wake(at=hold.at, event=hold.event, event_key=hold.event_key, approval=hold.approval)
    unit.due_at = flow.now + hold.after if hold.after is not None else hold.at
    if unit.due_at is not None and unit.due_at <= flow.now:
        end(flow, unit, TaskState.SUCCEEDED)
        return
    if body.deadline is not None:
        unit.deadline_at = flow.now + timedelta(seconds=body.deadline)
    flow.move(unit, TaskState.SUSPENDED)
    flow.set_timers(unit)
