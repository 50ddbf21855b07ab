"""A run's memory from its rows: after a crash, when another engine takes it over, or when it is reopened.

Only puts things back where they stood; `decide` then goes on as if nothing had happened. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidemill.core.history import AttemptRecord, RunRecord, TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.records import Artifact
from tidemill.core.states import RunState, TaskState
from tidemill.core.wiring import Wiring
from tidemill.engine.former import remember
from tidemill.engine.progress import ROOT, Progress
from tidemill.engine.steering import skipped_by
from tidemill.engine.units import Leaves


@dataclass(frozen=True, slots=True)
class Before:
    """What else was recorded of a run: who made each artifact, who had effects, superseded rows, oldest first."""

    makers: Mapping[str, Key] = field(default_factory=dict)
    acted: Collection[tuple[Key, int]] = ()
    rows: Sequence[TaskRecord] = ()


NOTHING_BEFORE = Before()


def restore(
    wiring: Wiring,
    run: RunRecord,
    rows: Sequence[TaskRecord],
    attempts: Iterable[AttemptRecord],
    artifacts: Mapping[str, Artifact],
    pushes: Mapping[str, Mapping[str, Any]],
    before: Before = NOTHING_BEFORE,
    leaves: Leaves | None = None,
    last_attempt: int = 0,
) -> Progress:
    """`rows` are the newest generation of each task run that is not among `leaves`; `pushes` are by open attempt.

    `attempts` may leave out those that have ended if `last_attempt` is the number of the last that began.
    """
    progress = Progress(wiring, run)
    progress.artifacts.update(artifacts)
    progress.makers.update(before.makers)
    progress.acted.update(before.acted)
    progress.pushes.update(pushes)
    if leaves is not None:
        progress.units.keep(leaves)
    for row in rows:
        key = key_of(row)
        if key == ROOT or key.path not in wiring.sites:
            continue
        if row.state is TaskState.PENDING:
            progress.generations[key] = row.generation
            progress.expected.add(key)
            continue
        if row.state is TaskState.REMOVED:
            progress.generations[key] = row.generation + 1
            continue
        progress.stored[key] = row
        if row.steer is not None and row.state is TaskState.SUCCEEDED:
            for path in skipped_by(wiring, wiring.site(row.path), row.steer):
                prefix = key.instance[: wiring.shared(path, row.path)]
                progress.skips[Key(path, prefix)] = str(key)
    for row in before.rows:
        remember(progress, key_of(row), row)
    progress.attempt_number = last_attempt
    for attempt in attempts:
        progress.attempt_number = max(progress.attempt_number, int(attempt.id.rpartition(".")[2]))
        if not attempt.state.final:
            progress.open_attempts[Key(attempt.path, instance_from(attempt.instance))] = attempt
    progress.root.generation = run.generation
    if run.state.final:
        progress.root.state = TaskState(run.state.value)
    if run.state is RunState.CANCELLING:
        progress.cancelled = run.cause
        progress.any_stopping = True
    return progress


def key_of(row: TaskRecord) -> Key:
    return Key(row.path, instance_from(row.instance))
