"""A unit takes its final state: its downstreams hear of it, and the map or scope around it is looked at."""

from __future__ import annotations

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.history import TaskKind
from tidemill.core.instances import Instance, Key
from tidemill.core.records import Artifact
from tidemill.core.states import TaskState
from tidemill.engine.counting import prefix_of
from tidemill.engine.flow import Flow
from tidemill.engine.former import made_anew
from tidemill.engine.progress import ROOT
from tidemill.engine.steering import skipped_by
from tidemill.engine.unit import Unit


def end(flow: Flow, unit: Unit, state: TaskState, cause: Cause | None = None, made: tuple[Artifact, ...] = ()) -> None:
    """`made` are the artifacts that came to be with this end."""
    progress = flow.progress
    unit.cause, unit.ended_at = cause, flow.now
    unit.wake = unit.due_at = unit.deadline_at = None
    unit.execute = unit.answer = unit.sources = unit.pushed = None
    progress.ready.discard(unit.key)
    progress.waiting.discard(unit.key)
    progress.asking.discard(unit.key)
    flow.move(unit, state, made)
    if unit.key == ROOT:
        return
    if progress.former or progress.mending:
        made_anew(flow, unit)
    if unit.steer is not None and state is TaskState.SUCCEEDED:
        _steer(flow, unit)
    count_end(flow, unit)
    parent = progress.parent_of(unit)
    parent.open -= 1
    flow.touch(parent)


def count_end(flow: Flow, unit: Unit) -> None:
    """Tell the tallies that a unit ended, and with a container all that is inside it."""
    if unit.kind is TaskKind.MAP:
        if not unit.count:
            flow.counting.closed(unit)
        return
    if unit.kind is TaskKind.SCOPE:
        if unit.started_at is None:
            flow.counting.closed(unit)
        elif unit.site.retried:
            flow.counting.settled(unit)
    flow.counting.ended(unit)


def skip(flow: Flow, unit: Unit, teller: str) -> None:
    """A branch or a short circuit did not choose this unit."""
    end(flow, unit, TaskState.SKIPPED, Cause(CauseKind.CONDITION, f"{teller} did not choose it", by=teller))


def told_to_skip(flow: Flow, key: Key) -> str:
    """Who said that a unit that now comes to be is to be skipped, or ""."""
    skips = flow.progress.skips
    if not skips:
        return ""
    prefixes = (Key(key.path, key.instance[:length]) for length in range(len(key.instance) + 1))
    return next((skips[prefix] for prefix in prefixes if prefix in skips), "")


def _steer(flow: Flow, unit: Unit) -> None:
    assert unit.steer is not None
    wiring, teller = flow.progress.wiring, str(unit.key)
    for path in sorted(skipped_by(wiring, unit.site, unit.steer)):
        prefix = unit.key.instance[: wiring.shared(path, unit.key.path)]
        flow.progress.skips[Key(path, prefix)] = teller
        for other in _existing(flow, path, prefix):
            if other.state is TaskState.PENDING:
                skip(flow, other, teller)


def _existing(flow: Flow, path: str, prefix: Instance) -> list[Unit]:
    """Those that may still be pending."""
    units = flow.progress.units
    exact = units.get(Key(path, prefix))
    if exact is not None:
        return [exact]
    return [unit for unit in units.made() if unit.key.path == path and prefix_of(unit.key.instance, prefix)]
