"""Records as JSON documents with stable keys: the one shape that programs get, from the command line and elsewhere.

Every key is documented in docs/reference/cli.md. Moments are ISO 8601 in UTC, durations seconds, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tidemill.actions.listing import Listing
from tidemill.actions.show import Made, RunView, TaskDetail, TaskView
from tidemill.core.causes import Cause
from tidemill.core.filter_text import name_text
from tidemill.core.filters import Ambiguous
from tidemill.core.history import AttemptRecord, EventRecord, RunRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.values import Missing, encode

Document = dict[str, Any]

NO_VALUE = (Missing, Ambiguous)
"""What stands where a run has no value, or not one."""


def run_header(run: RunRecord) -> Document:
    """A run without its tasks."""
    return {
        "id": run.id,
        "pipeline": run.pipeline,
        "state": run.state.value,
        "params": encode(dict(run.params)),
        "tags": encode(dict(run.tags)),
        "scheduled_for": _moment(run.scheduled_for),
        "data_interval": [_moment(run.interval_start), _moment(run.interval_end)] if run.interval_start else None,
        "created_at": _moment(run.created_at),
        "started_at": _moment(run.started_at),
        "ended_at": _moment(run.ended_at),
        "seconds": _seconds(run.started_at, run.ended_at),
        "actor": run.actor,
        "executor": run.executor,
        "seed": run.seed,
        "request_key": run.request_key,
        "generation": run.generation,
        "definition": run.definition,
        "cause": cause_document(run.cause),
    }


def run_document(view: RunView) -> Document:
    """A run with its tasks and artifacts."""
    return {
        **run_header(view.run),
        "carried": view.carried,
        "counts": {state.value: number for state, number in view.counts().items()},
        "tasks": [task_document(task) for task in view.tasks],
        "artifacts": [{**artifact_document(made), "reused": made.reused} for made in view.made],
    }


def listing_document(listing: Listing) -> Document:
    heads = [run_header(run) for run in listing.runs]
    names = [name_text(name) for name in listing.names]
    for head, values in zip(heads, listing.values, strict=False):
        head["values"] = {
            name: encode(value) for name, value in zip(names, values, strict=True) if not isinstance(value, NO_VALUE)
        }
    return {"runs": heads, "more": listing.more, "notes": list(listing.notes)}


def task_document(task: TaskView) -> Document:
    record = task.record
    return {
        "task": str(task.key),
        "path": task.key.path,
        "indexes": [step.item for step in task.key.instance],
        "kind": task.kind.value,
        "state": task.state.value,
        "tries": len(task.attempts),
        "started_at": _moment(record.started_at) if record is not None else None,
        "ended_at": _moment(record.ended_at) if record is not None else None,
        "seconds": task.seconds,
        "cpu_seconds": round(task.cpu_seconds, 6),
        "peak_bytes": task.peak_bytes,
        "count": record.count if record is not None else None,
        "reused_from": record.reused_from if record is not None else "",
        "waits_for": _waits(record),
        "outputs": encode(dict(record.outputs)) if record is not None else {},
        "cause": cause_document(record.cause) if record is not None else None,
    }


def detail_document(detail: TaskDetail) -> Document:
    """One task run with everything."""
    return {
        **task_document(detail.view),
        "run": detail.run.id,
        "generations": [
            {"generation": row.generation, "state": row.state.value, "cause": cause_document(row.cause)}
            for row in detail.generations
        ],
        "attempts": [attempt_document(attempt, number) for number, attempt in enumerate(detail.view.attempts, 1)],
        "used": [artifact_document(made) for made in detail.used],
        "artifacts": [artifact_document(made) for made in detail.made],
        "events": [event_document(event) for event in detail.events],
    }


def attempt_document(attempt: AttemptRecord, number: int) -> Document:
    """`number` counts the tries of the task run through all generations, as `logs --attempt` takes it."""
    return {
        "id": attempt.id,
        "number": number,
        "generation": attempt.generation,
        "state": attempt.state.value,
        "started_at": _moment(attempt.started_at),
        "ended_at": _moment(attempt.ended_at),
        "seconds": attempt.usage.wall_s,
        "cpu_seconds": attempt.usage.cpu_s,
        "peak_bytes": attempt.usage.peak_bytes,
        "executor": attempt.executor,
        "pid": attempt.pid,
        "notes": list(attempt.notes),
        "cause": cause_document(attempt.cause),
    }


def artifact_document(made: Made) -> Document:
    artifact = made.artifact
    return {
        "id": artifact.id,
        "type": artifact.type,
        "output": artifact.output,
        "task": str(Key(made.by.path, instance_from(made.by.instance))),
        "run": made.by.run,
        "codec": artifact.codec,
        "digest": artifact.digest,
        "size": artifact.size,
        "kind": artifact.kind,
        "uri": artifact.uri,
        "safe": artifact.safe,
        "metadata": encode(dict(artifact.metadata)),
    }


def event_document(event: EventRecord) -> Document:
    return {"seq": event.seq, "at": _moment(event.at), "kind": event.kind, "payload": encode(dict(event.payload))}


def cause_document(cause: Cause | None) -> Document | None:
    if cause is None:
        return None
    return {
        "kind": cause.kind.value,
        "message": cause.message,
        "by": cause.by,
        "classes": list(cause.classes),
        "traceback": cause.traceback,
        "signal": cause.signal,
        "exit_code": cause.exit_code,
    }


def paths(files: Sequence[Path]) -> list[str]:
    return [str(file) for file in files]


def _waits(record: Any) -> Document | None:
    wake = record.wake if record is not None else None
    if wake is None:
        return None
    return {
        "approval": wake.approval,
        "event": wake.event,
        "event_key": wake.event_key,
        "due_at": _moment(record.due_at),
        "deadline_at": _moment(record.deadline_at),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()
