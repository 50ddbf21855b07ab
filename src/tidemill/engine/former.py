"""What former generations of task runs gave, and what was made in its place: whoever still names it gets the new.

A task run is run again within its run only because something that it made is damaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidemill.core.history import TaskKind, TaskRecord
from tidemill.core.instances import Key
from tidemill.core.states import TaskState
from tidemill.core.values import ArtifactRef, Value, references
from tidemill.engine.flow import Flow
from tidemill.engine.progress import Former, Progress
from tidemill.engine.unit import Unit


def ids_in(outputs: Mapping[str, Any]) -> set[str]:
    """The artifacts that these outputs name."""
    return {ref.id for value in outputs.values() for ref in references(value)}


def supersede(progress: Progress, unit: Unit) -> None:
    """A unit that had ended is about to be open again."""
    leaf = unit.kind is TaskKind.LEAF
    progress.former[unit.key] = Former(unit.state, unit.outputs, leaf)
    if leaf:
        progress.damaged |= ids_in(unit.outputs)


def remember(progress: Progress, key: Key, row: TaskRecord) -> None:
    """A superseded row, while restoring: its newest generation is known already."""
    newest, leaf = progress.stored.get(key), row.kind is TaskKind.LEAF
    if leaf and row.reused_from:
        for id in ids_in(row.outputs):
            progress.makers.setdefault(id, key)
    if newest is None:
        return
    if newest.state is TaskState.SUCCEEDED and leaf:
        _replace(progress, row.outputs, newest.outputs)
    elif not newest.state.final and newest.wake is not None and newest.wake.artifacts:
        progress.former[key] = Former(row.state, row.outputs, leaf)
        if leaf:
            progress.damaged |= ids_in(row.outputs)


def made_anew(flow: Flow, unit: Unit) -> None:
    """A unit has ended: if it was run again for damage, those who wait for it are looked at."""
    progress = flow.progress
    former = progress.former.pop(unit.key, None)
    if former is not None and former.leaf:
        progress.damaged = {id for other in progress.former.values() if other.leaf for id in ids_in(other.outputs)}
        if unit.state is TaskState.SUCCEEDED:
            _replace(progress, former.outputs, unit.outputs)
        for key in sorted(progress.held_back):
            flow.touch(progress.units[key])
        progress.held_back.clear()
    for key in sorted(progress.mending):
        flow.touch(progress.units[key])


def _replace(progress: Progress, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for before, after in _pairs(dict(old), dict(new)):
        for id, instead in progress.replaced.items():
            if instead == before:
                progress.replaced[id] = after
        progress.replaced[before] = after


def _pairs(old: Value, new: Value) -> Iterator[tuple[str, str]]:
    """Artifacts at the same place in what a task run gave before and what it gives now."""
    match old, new:
        case ArtifactRef(id=before), ArtifactRef(id=after) if before != after:
            yield before, after
        case list(), list():
            for one, other in zip(old, new, strict=False):
                yield from _pairs(one, other)
        case dict(), dict():
            for key in old.keys() & new.keys():
                yield from _pairs(old[key], new[key])
        case _:
            pass
