"""Units come to be: the nodes of a scope when it starts, the instances of a map as far as its window allows.

After a crash or a reopening the same code takes over the rows of what was there before.
"""

from __future__ import annotations

from tidemill.core.graph import Sub
from tidemill.core.history import TaskKind
from tidemill.core.instances import Instance, Key, Step
from tidemill.core.joins import Counts
from tidemill.core.states import TaskState
from tidemill.core.wiring import Site
from tidemill.engine.ending import count_end, skip, told_to_skip
from tidemill.engine.flow import Flow
from tidemill.engine.moves import StopAttempt
from tidemill.engine.unit import Unit

WINDOW = 512
"""How many unfinished instances of one map exist at a time: enough to keep any executor busy, small in memory."""


def fill_scope(flow: Flow, unit: Unit) -> None:
    """Create what is inside a scope, once for each round."""
    if unit.filled == unit.round:
        return
    unit.filled, inner = unit.round, unit.inner
    for site in flow.progress.wiring.children(unit.key.path):
        if Key(site.path, inner) not in flow.progress.units:
            _create(flow, site, inner, unit)


def fill_map(flow: Flow, unit: Unit) -> None:
    """Create instances as far as the map's parallelism, or the window, allows."""
    each = unit.site.node.each
    assert each is not None
    assert unit.count is not None
    window = min(each.parallelism or WINDOW, WINDOW)
    while unit.stopping is None:
        _pass_over(flow, unit)
        if unit.created >= unit.count:
            return
        instance = (*unit.key.instance, Step(unit.created))
        # One that was run again is open beside as many others as the window holds, and their attempts may be out.
        if unit.open >= window and Key(unit.key.path, instance) not in flow.progress.stored:
            return
        unit.created += 1
        _create(flow, unit.site, instance, unit)


def _pass_over(flow: Flow, unit: Unit) -> None:
    """The instances of a map that had ended before and come next are counted as they ended, all at once."""
    assert unit.count is not None
    states = flow.progress.units.take_over_from(unit.key, unit.created, unit.count)
    if states:
        flow.counting.many_ended_before(unit, unit.created, states)
        unit.created += len(states)


def _create(flow: Flow, site: Site, instance: Instance, parent: Unit) -> None:
    progress, key = flow.progress, Key(site.path, instance)
    ended = progress.units.take_over(key)
    if ended is not None:
        flow.counting.ended_before(site, instance, ended)
        return
    if site.own and len(instance) == len(site.frames):
        kind = TaskKind.MAP
    else:
        kind = TaskKind.SCOPE if isinstance(site.node.body, Sub) else TaskKind.LEAF
    unit = Unit(key, site, kind, Counts(), generation=progress.generations.get(key, 0))
    progress.units[key] = unit
    parent.open += 1
    flow.counting.watch(unit)
    row = progress.stored.pop(key, None)
    if row is not None:
        unit.take(row)
        _take_over(flow, unit, parent)
        return
    teller = told_to_skip(flow, key)
    if teller:
        skip(flow, unit, teller)
    else:
        flow.touch(unit)


def _take_over(flow: Flow, unit: Unit, parent: Unit) -> None:
    """A unit that was read back from its row goes on where it stood, or counts as it ended."""
    if unit.kind is TaskKind.MAP and unit.count:
        flow.counting.expanded(unit)
        if unit.state.final:
            _recreate(flow, unit)
        else:
            fill_map(flow, unit)
    elif unit.kind is TaskKind.SCOPE and unit.started_at is not None and unit.state is not TaskState.RETRYING:
        fill_scope(flow, unit)
    if unit.state.final:
        count_end(flow, unit)
        parent.open -= 1
        return
    attempt = flow.progress.open_attempts.pop(unit.key, None)
    if attempt is not None:
        unit.attempt = attempt
        unit.pushed = dict(flow.progress.pushes.get(attempt.id, {}))
        flow.progress.attempts[attempt.id] = unit
        stopping = flow.stopping(unit)
        if stopping is not None and not flow.progress.teardown(unit):
            unit.stopping = stopping
            flow.moves.append(StopAttempt(attempt.id, stopping))
    if unit.state is TaskState.READY:
        # What it waited for had come, and it was not started yet.
        unit.state, unit.due_at = TaskState.SUSPENDED, flow.now
    if unit.state in (TaskState.RETRYING, TaskState.SUSPENDED):
        flow.progress.sleeping.add(unit.key)
    if unit.mending:
        flow.progress.mending.add(unit.key)
    flow.set_timers(unit)
    flow.touch(unit)


def _recreate(flow: Flow, unit: Unit) -> None:
    """The instances of a map that had ended: those that ever were, and the number of those that never came to be."""
    assert unit.count is not None
    missing = 0
    while True:
        _pass_over(flow, unit)
        if unit.created >= unit.count:
            break
        key = Key(unit.key.path, (*unit.key.instance, Step(unit.created)))
        unit.created += 1
        if key in flow.progress.stored:
            _create(flow, unit.site, key.instance, unit)
        else:
            missing += 1
    if missing:
        flow.counting.never_created(unit, missing, TaskState.CANCELLED)
