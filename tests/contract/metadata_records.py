"""Records for the tests of the database, each complete but for what a test is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tidemill.core.history import AttemptRecord, EventRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.states import AttemptState, RunState, TaskState

TEAM = "default"
NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def run(id_: str = "r1", **fields: Any) -> RunRecord:
    known: dict[str, Any] = {
        "team": TEAM,
        "pipeline": "churn",
        "definition": "blake2b:00",
        "params": {},
        "state": RunState.RUNNING,
        "created_at": NOW,
    }
    return RunRecord(id=id_, **(known | fields))


def task(path: str = "train", instance: str = "", generation: int = 0, **fields: Any) -> TaskRecord:
    known: dict[str, Any] = {"run": "r1", "kind": TaskKind.LEAF, "state": TaskState.RUNNING}
    return TaskRecord(path=path, instance=instance, generation=generation, **(known | fields))


def attempt(id_: str = "a1", **fields: Any) -> AttemptRecord:
    known: dict[str, Any] = {
        "run": "r1",
        "path": "train",
        "instance": "",
        "generation": 0,
        "number": 1,
        "state": AttemptState.STARTED,
        "started_at": NOW,
    }
    return AttemptRecord(id=id_, **(known | fields))


def event(seq: int, run_id: str = "r1", kind: str = "task.ended", **fields: Any) -> EventRecord:
    return EventRecord(run=run_id, seq=seq, at=NOW, kind=kind, **fields)
