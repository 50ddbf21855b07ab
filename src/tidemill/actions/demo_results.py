"""What came of a run of the demo, read back from what was recorded: nothing here was in the memory of who ran it.

The only place that knows both the names in the demo's pipeline and the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidemill.actions.runs import find_run
from tidemill.app import App, content_of
from tidemill.core.errors import StateError
from tidemill.core.history import AttemptRecord, RunRecord, TaskRecord
from tidemill.core.instances import instance_from, show
from tidemill.core.records import Artifact
from tidemill.core.states import AttemptState, TaskState
from tidemill.core.values import ArtifactRef
from tidemill.storage.metadata import artifacts, attempts, task_runs

PIPELINE = "diagnosis"
_VALIDATE, _TRAIN, _EVALUATE, _PICK = "validate", "train", "evaluate", "pick_best"
_STORE, _TURN_DOWN = "good_enough/store", "too_weak/turn_down"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model that competed. `seconds` are those of its training; without metrics it was not judged."""

    name: str
    metrics: Mapping[str, float]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class StoredModel:
    """The model that was kept: the digest of its content, where that lies, its size in bytes, how to load it."""

    digest: str
    path: str
    size: int
    codec: str


@dataclass(frozen=True, slots=True)
class Data:
    """What was learned from. Without a file it is the data that comes with scikit-learn; the counts are of all rows."""

    file: str
    target: str
    rows: int | None = None
    features: int | None = None


@dataclass(frozen=True, slots=True)
class Demo:
    """The whole of it. `decision` is "stored", "not stored" or, where the run did not come so far, ""."""

    run: str
    state: str
    seconds: float
    seed: int
    threshold: float
    data: Data
    findings: tuple[Mapping[str, Any], ...] = ()
    tasks: Mapping[str, str] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    best: str = ""
    decision: str = ""
    reason: str = ""
    model: StoredModel | None = None


def read_demo(app: App, run_id: str) -> Demo:
    """The demo that is recorded under this id, or beginning of an id. Raises StateError for a run of something else."""
    run = find_run(app, run_id)
    if run.pipeline != PIPELINE:
        raise StateError(
            f"run {run.id} is one of the pipeline {run.pipeline!r}, not of the demo", remedy=f"`tidemill show {run.id}`"
        )
    with app.database.read() as connection:
        tasks = {show(task.path, instance_from(task.instance)): task for task in task_runs.load(connection, run.id)}
        tries = attempts.of_run(connection, run.id)
        model = _output(tasks, _STORE, "model")
        found = artifacts.get_many(connection, run.team, [model.id]) if isinstance(model, ArtifactRef) else {}
    stored = _stored(app, found[model.id]) if isinstance(model, ArtifactRef) else None
    decision, reason = _decision(run, tasks)
    return Demo(
        run=run.id,
        state=run.state.value,
        seconds=((run.ended_at or app.clock.now()) - run.created_at).total_seconds(),
        seed=run.params["seed"],
        threshold=run.params["threshold"],
        data=Data(
            run.params["data"],
            run.params["target"],
            _output(tasks, _VALIDATE, "rows"),
            _output(tasks, _VALIDATE, "features"),
        ),
        findings=tuple(_output(tasks, _VALIDATE, "findings") or ()),
        tasks={name: task.state.value for name, task in tasks.items() if name},
        candidates=_candidates(run, tasks, tries),
        best=_output(tasks, _PICK, "candidate") or "",
        decision=decision,
        reason=reason,
        model=stored,
    )


def _output(tasks: Mapping[str, TaskRecord], name: str, key: str = "result") -> Any:
    task = tasks.get(name)
    return task.outputs.get(key) if task is not None and task.state is TaskState.SUCCEEDED else None


def _candidates(run: RunRecord, tasks: Mapping[str, TaskRecord], tries: list[AttemptRecord]) -> tuple[Candidate, ...]:
    seconds = {
        instance_from(one.instance)[-1].item: one.usage.wall_s
        for one in tries
        if one.path == _TRAIN and one.instance and one.state is AttemptState.SUCCEEDED
    }
    return tuple(
        Candidate(name, _output(tasks, f"{_EVALUATE}[{n}]") or {}, seconds.get(n))
        for n, name in enumerate(run.params["candidates"])
    )


def _decision(run: RunRecord, tasks: Mapping[str, TaskRecord]) -> tuple[str, str]:
    threshold = run.params["threshold"]
    if _output(tasks, _STORE, "model") is not None:
        best, accuracy = _output(tasks, _PICK, "candidate"), _output(tasks, _PICK, "accuracy")
        return "stored", f"{best} reaches an accuracy of {accuracy:.4f}; {threshold:g} was demanded"
    turned_down = _output(tasks, _TURN_DOWN)
    if turned_down is not None:
        return "not stored", turned_down
    return "", _why(run, tasks)


def _why(run: RunRecord, tasks: Mapping[str, TaskRecord]) -> str:
    """The cause of what failed first, or of the end of the run."""
    broken = [
        (task.ended_at, name, task.cause)
        for name, task in tasks.items()
        if name and task.state is TaskState.FAILED and task.cause is not None
    ]
    first = min(broken, key=lambda one: (one[0] is None, one[0] or run.created_at, -len(one[1])), default=None)
    if first is not None:
        return f"{first[1]}: {first[2].message}"
    return run.cause.message if run.cause is not None else ""


def _stored(app: App, artifact: Artifact) -> StoredModel:
    path = app.artifacts.path_of(content_of(artifact))
    return StoredModel(artifact.digest, str(path or ""), artifact.size, artifact.codec)
