"""A home with one run in it whose every time and figure is fixed, so that what is printed can be compared as a text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tidemill import each, pipeline, task, when
from tidemill.app import App
from tidemill.authoring.trace import trace
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import Pipeline
from tidemill.core.graph_json import pipeline_digest, pipeline_text
from tidemill.core.history import AttemptRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.records import Artifact, Usage
from tidemill.core.states import AttemptState, RunState, TaskState
from tidemill.settings import Settings
from tidemill.storage.metadata import artifacts, attempts, definitions, runs, task_runs

START = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
MB = 1_000_000


@task
def load(path: str) -> list[int]:
    return [1]


@task(retries=1)
def train(x: int) -> float:
    return 1.0


@task
def a_task_with_a_name_that_is_really_rather_long(scores: list[float]) -> float:
    return 1.0


@task
def publish(best: float) -> None: ...


@pipeline
def churn(path: str = "data/churn.csv", threshold: float = 0.85) -> None:
    scores = each(train, over={"x": load(path)})
    best = a_task_with_a_name_that_is_really_rather_long(scores)
    with when(best >= threshold):
        publish(best)


def definition() -> Pipeline:
    return trace(churn)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


WRONG = Cause(
    CauseKind.USER_CODE,
    "ValueError: the matrix is singular and cannot be inverted",
    classes=("ValueError", "Exception", "BaseException"),
    traceback='Traceback (most recent call last):\n  File "churn.py", line 20, in train\nValueError: the matrix\n',
)
LATER = Cause(CauseKind.UPSTREAM, "something before it failed")


def record_home(home: Path, instances: int = 3) -> App:
    """An open home whose run `abc123` failed in instance 1 of its map."""
    app = App(Settings(home=home))
    graph = definition()
    digest = pipeline_digest(graph)
    run = RunRecord(
        "abc123def456",
        "default",
        graph.name,
        digest,
        {"path": "data/churn.csv", "threshold": 0.85},
        RunState.FAILED,
        at(0),
        scheduled_for=at(-1800),
        interval_start=at(-88200),
        interval_end=at(-1800),
        started_at=at(0),
        ended_at=at(75),
        seed=7,
        actor="ann",
        cause=Cause(CauseKind.UPSTREAM, "train failed: 1 of its instances failed"),
        executor="processes",
        tags={"why": "monthly"},
    )
    other = RunRecord(
        "bbb", "default", "nightly", digest, {}, RunState.SUCCEEDED, at(-90), started_at=at(-90), ended_at=at(-89.75)
    )
    with app.database.write() as connection:
        definitions.put(connection, "default", digest, graph.name, pipeline_text(graph), at(0))
        runs.insert(connection, other)
        runs.insert(connection, run)
        task_runs.save(connection, "default", list(_rows(instances)))
        attempts.begin(connection, "default", list(_attempts(instances)))
        model = Artifact("m1", "tidemill.authoring.artifacts.Model", codec="skops", digest="blake2b:0123", size=4 * MB)
        artifacts.put(connection, "default", run.id, "train", "0.0", 0, [model], at(10))
    return app


def _rows(instances: int) -> list[TaskRecord]:
    def row(path: str, instance: str, kind: TaskKind, state: TaskState, **more: object) -> TaskRecord:
        return TaskRecord("abc123def456", path, instance, 0, kind, state, **more)  # type: ignore[arg-type]

    ok, bad, never = TaskState.SUCCEEDED, TaskState.FAILED, TaskState.UPSTREAM_FAILED
    leaf, many, scope = TaskKind.LEAF, TaskKind.MAP, TaskKind.SCOPE
    rows = [
        row("load", "", leaf, ok, started_at=at(0), ended_at=at(2.5), attempts=1, outputs={"result": [1, 2]}),
        row("train", "", many, bad, count=instances, cause=WRONG, started_at=at(3), ended_at=at(70)),
    ]
    for n in range(instances):
        state, cause = (bad, WRONG) if n == 1 else (ok, None)
        rows.append(row("train", f"{n}.0", leaf, state, cause=cause, started_at=at(3), ended_at=at(10 + n), attempts=1))
    rows += [
        row("a_task_with_a_name_that_is_really_rather_long", "", leaf, never, cause=LATER, ended_at=at(75)),
        row("when_1", "", scope, never, cause=LATER, ended_at=at(75)),
    ]
    return rows


def _attempts(instances: int) -> list[AttemptRecord]:
    def attempt(
        number: int, path: str, instance: str, state: AttemptState, tried: int, seconds: float
    ) -> AttemptRecord:
        return AttemptRecord(
            f"abc123def456.{number}",
            "abc123def456",
            path,
            instance,
            0,
            tried,
            state,
            at(3),
            executor="processes",
            ended_at=at(3 + seconds),
            cause=WRONG if state is AttemptState.FAILED else None,
            usage=Usage(seconds, seconds / 2, 120 * MB),
        )

    ok, bad = AttemptState.SUCCEEDED, AttemptState.FAILED
    found = [attempt(1, "load", "", ok, 1, 2.5)]
    for n in range(instances):
        found.append(attempt(2 * n + 2, "train", f"{n}.0", bad if n == 1 else ok, 1, 3.0))
    return [*found, attempt(3, "train", "1.0", bad, 2, 4.0)]
