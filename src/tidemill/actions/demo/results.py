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
from tidemill.core.history import AttemptRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import instance_from, show
from tidemill.core.records import Artifact
from tidemill.core.states import AttemptState, TaskState
from tidemill.core.values import ArtifactRef
from tidemill.storage.metadata import artifacts, attempts, pushes, task_runs
from tidemill.storage.metadata.database import Connection

PIPELINE = "diagnosis"
_INGEST, _VALIDATE, _TRAIN, _EVALUATE, _PICK, _GATE = "ingest", "validate", "train", "evaluate", "pick_best", "gate"
_REGISTER, _TURN_DOWN = "good_enough/register", "too_weak/turn_down"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model that competed. `seconds` are those of its training; without metrics it was not judged."""

    name: str
    metrics: Mapping[str, float]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class StoredModel:
    """The model that was registered, or found to be registered already.

    `digest` and `size` (bytes) are of its content, `path` is where that lies, `codec` how it is loaded.
    """

    name: str
    version: int
    is_new: bool
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
    """One run of the demo. `decision` is "registered", "refused" or, where the run did not come so far, "".

    `gate` is the id of the decision that the gate recorded, `reused` counts task runs whose results were there already.
    """

    run: str
    state: str
    seconds: float
    seed: int
    threshold: float
    data: Data
    findings: tuple[Mapping[str, Any], ...] = ()
    owner: str = ""
    tasks: Mapping[str, str] = field(default_factory=dict)
    reused: int = 0
    computed: int = 0
    candidates: tuple[Candidate, ...] = ()
    best: str = ""
    verdict: str = ""
    gate: str = ""
    reasons: tuple[str, ...] = ()
    decision: str = ""
    reason: str = ""
    model: StoredModel | None = None

    @property
    def broken_rules(self) -> tuple[str, ...]:
        """The rules of the contract for which nothing went on, as `column: rule` where they are about one."""
        blocking = [finding for finding in self.findings if finding.get("blocks")]
        return tuple(": ".join(filter(None, (one["column"], one["rule"]))) for one in blocking)

    @property
    def stopped(self) -> bool:
        """Whether the contract was broken, so that nothing was learned from the rows."""
        return self.tasks.get(_VALIDATE) == TaskState.FAILED.value and bool(self.broken_rules)


def rows_read_by(app: App, run_id: str) -> Artifact:
    """The rows that a run read. Raises StateError if it read none."""
    with app.database.read() as connection:
        tasks = {task.path: task for task in task_runs.load(connection, run_id)}
        rows = _output(tasks, _INGEST)
        found = artifacts.get_many(connection, app.settings.team, [rows.id]) if isinstance(rows, ArtifactRef) else {}
    if not found:
        raise StateError(f"run {run_id} read no rows", remedy=f"`tidemill show {run_id}`")
    return found[rows.id]


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
        ingested, model = _output(tasks, _INGEST), _output(tasks, _PICK, "model")
        wanted = [one.id for one in (ingested, model) if isinstance(one, ArtifactRef)]
        found = artifacts.get_many(connection, run.team, wanted)
        contract = _contract(connection, tasks, tries)
    rows = found.get(ingested.id) if isinstance(ingested, ArtifactRef) else None
    leaves = [task for task in tasks.values() if task.kind is TaskKind.LEAF and task.state is TaskState.SUCCEEDED]
    decision, reason = _decision(run, tasks)
    return Demo(
        run=run.id,
        state=run.state.value,
        seconds=((run.ended_at or app.clock.now()) - run.created_at).total_seconds(),
        seed=run.params["seed"],
        threshold=run.params["threshold"],
        data=_data(run, rows),
        findings=tuple(contract.get("findings", ())),
        owner=str(contract.get("owner", "")),
        tasks={name: task.state.value for name, task in tasks.items() if name},
        reused=sum(bool(task.reused_from) for task in leaves),
        computed=sum(not task.reused_from for task in leaves),
        candidates=_candidates(run, tasks, tries),
        best=_output(tasks, _PICK, "candidate") or "",
        verdict=_output(tasks, _GATE, "verdict") or "",
        gate=_output(tasks, _GATE, "decision") or "",
        reasons=tuple(_output(tasks, _GATE, "reasons") or ()),
        decision=decision,
        reason=reason,
        model=_stored(app, tasks, found.get(model.id) if isinstance(model, ArtifactRef) else None),
    )


def _output(tasks: Mapping[str, TaskRecord], name: str, key: str = "result") -> Any:
    task = tasks.get(name)
    return task.outputs.get(key) if task is not None and task.state is TaskState.SUCCEEDED else None


def _data(run: RunRecord, rows: Artifact | None) -> Data:
    found = rows.metadata if rows is not None else {}
    columns = found.get("columns_total")
    return Data(
        run.params["data"] or "",
        run.params["target"],
        found.get("rows"),
        columns - 1 if isinstance(columns, int) else None,
    )


def _contract(connection: Connection, tasks: Mapping[str, TaskRecord], tries: list[AttemptRecord]) -> Mapping[str, Any]:
    """What checking the rows gave; of a task that failed what it pushed."""
    found = _output(tasks, _VALIDATE)
    if isinstance(found, Mapping):
        return found
    last = max((one for one in tries if one.path == _VALIDATE), key=lambda one: one.number, default=None)
    pushed = pushes.of_attempt(connection, last.id).get("result") if last is not None else None
    return pushed if isinstance(pushed, Mapping) else {}


def _candidates(run: RunRecord, tasks: Mapping[str, TaskRecord], tries: list[AttemptRecord]) -> tuple[Candidate, ...]:
    seconds = {
        instance_from(one.instance)[-1].item: one.usage.wall_s
        for one in tries
        if one.path == _TRAIN and one.instance and one.state is AttemptState.SUCCEEDED
    }
    return tuple(
        Candidate(name, _output(tasks, f"{_EVALUATE}[{n}]", "metrics") or {}, seconds.get(n))
        for n, name in enumerate(run.params["candidates"])
    )


def _decision(run: RunRecord, tasks: Mapping[str, TaskRecord]) -> tuple[str, str]:
    reasons = _output(tasks, _GATE, "reasons") or []
    if _output(tasks, _REGISTER, "version") is not None:
        return "registered", "; ".join(reasons)
    turned_down = _output(tasks, _TURN_DOWN)
    if turned_down is not None:
        return "refused", turned_down
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


def _stored(app: App, tasks: Mapping[str, TaskRecord], model: Artifact | None) -> StoredModel | None:
    version = _output(tasks, _REGISTER, "version")
    if version is None or model is None:
        return None
    path = app.artifacts.path_of(content_of(model))
    return StoredModel(
        _output(tasks, _REGISTER, "name"),
        version,
        _output(tasks, _REGISTER, "is_new"),
        model.digest,
        str(path or ""),
        model.size,
        model.codec,
    )
