"""A run's memory from its rows: after a crash, when another engine takes it over, or when it is reopened.

Only puts things back where they stood; `decide` then goes on as if nothing had happened. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tidemill.core.history import AttemptRecord, RunRecord, TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.records import Artifact
from tidemill.core.states import RunState, TaskState
from tidemill.core.wiring import Wiring
from tidemill.engine.progress import ROOT, Progress
from tidemill.engine.steering import skipped_by


def restore(
    wiring: Wiring,
    run: RunRecord,
    rows: Sequence[TaskRecord],
    attempts: Iterable[AttemptRecord],
    artifacts: Mapping[str, Artifact],
    pushes: Mapping[str, Mapping[str, Any]],
) -> Progress:
    """`rows` are the newest generation of each task run; `attempts` all of the run; `pushes` by open attempt."""
    progress = Progress(wiring, run)
    progress.artifacts.update(artifacts)
    progress.pushes.update(pushes)
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
