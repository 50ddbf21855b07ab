"""A new run: its definition and its record, stored in one transaction. The same request key gives the same run."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tidemill.core.crash import point
from tidemill.core.errors import InputError, StateError, did_you_mean
from tidemill.core.graph import Pipeline
from tidemill.core.graph_json import pipeline_digest, pipeline_text
from tidemill.core.history import DEFAULT_TEAM, EventRecord, RunRecord, TaskRecord
from tidemill.core.states import RunState, TaskState
from tidemill.core.types import judge_value
from tidemill.core.values import MISSING, Value
from tidemill.core.wiring import Wiring
from tidemill.storage.metadata import definitions, events, metrics, runs, task_runs
from tidemill.storage.metadata.database import Database

_submitted = point("submit.stored")


@dataclass(frozen=True, slots=True)
class Submission:
    """What is wanted. `seed` None draws one.

    `taken` are rows that the run begins with: final ones of another run, each with where it was `reused_from`.
    `rerun_of` is that run, whose `previous` run counts as this one's too.
    """

    pipeline: Pipeline
    params: Mapping[str, Value] = field(default_factory=dict)
    team: str = DEFAULT_TEAM
    actor: str = ""
    request_key: str = ""
    scheduled_for: datetime | None = None
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    seed: int | None = None
    priority: int = 0
    tags: Mapping[str, Any] = field(default_factory=dict)
    refresh: tuple[str, ...] = ()
    executor: str = ""
    entry: str = ""
    taken: Sequence[TaskRecord] = ()
    rerun_of: RunRecord | None = None


def submit(database: Database, wanted: Submission, now: datetime, owner: str = "") -> RunRecord:
    """Store the run, queued; with `owner` it is that engine's from the first moment, so that no other one takes it.

    Raises InputError for wrong parameters, NotFound if the run whose results are taken over is gone.
    """
    params = complete(wanted.pipeline, wanted.params)
    seed = wanted.seed if wanted.seed is not None else random.SystemRandom().getrandbits(31)
    digest = pipeline_digest(wanted.pipeline)
    record = RunRecord(
        id=uuid.uuid4().hex[:12],
        team=wanted.team,
        pipeline=wanted.pipeline.name,
        definition=digest,
        params=params,
        state=RunState.QUEUED,
        created_at=now,
        request_key=wanted.request_key,
        scheduled_for=wanted.scheduled_for,
        interval_start=wanted.interval_start,
        interval_end=wanted.interval_end,
        seed=seed,
        priority=wanted.priority,
        actor=wanted.actor,
        executor=wanted.executor,
        entry=wanted.entry,
        tags=wanted.tags,
        refresh=wanted.refresh,
        next_seq=2 + len(wanted.taken),
    )
    with database.write() as connection:
        definitions.put(connection, wanted.team, digest, wanted.pipeline.name, pipeline_text(wanted.pipeline), now)
        if wanted.rerun_of is not None:
            # It may have been removed since its results were looked at; then nothing is stored.
            previous: str | None = runs.get(connection, wanted.rerun_of.id).previous
        else:
            previous = runs.previous(connection, wanted.team, record.pipeline, record)
        record = replace(record, previous=previous or "")
        stored = runs.insert(connection, record)
        if stored.id == record.id:
            payload = {"pipeline": record.pipeline, "actor": record.actor}
            if wanted.rerun_of is not None:
                payload["rerun_of"] = wanted.rerun_of.id
            submitted = EventRecord(record.id, 1, now, "run.submitted", payload=payload)
            taken = [replace(row, run=record.id) for row in wanted.taken]
            task_runs.save(connection, wanted.team, taken)
            if taken:
                metrics.save(connection, wanted.team, Wiring(wanted.pipeline), taken)
            events.append(connection, wanted.team, [submitted, *_taken_over(record.id, wanted.taken, now)])
            if owner:
                runs.take(connection, record.id, owner)
    _submitted()
    if stored.id != record.id and (stored.definition, stored.params) != (record.definition, record.params):
        raise StateError(
            f"the request key {wanted.request_key!r} was used for run {stored.id} of {stored.pipeline}, with another "
            "definition or other parameters",
            remedy="use another key for another request",
        )
    return stored


def _taken_over(run: str, rows: Sequence[TaskRecord], now: datetime) -> Iterator[EventRecord]:
    """What would be told of each if it had ended here."""
    for seq, row in enumerate(rows, 2):
        payload = {"from": TaskState.PENDING.value, "generation": row.generation, "reused_from": row.reused_from}
        if row.count is not None:
            payload["count"] = row.count
        yield EventRecord(run, seq, now, f"task.{row.state.value}", row.path, row.instance, payload)


def complete(pipeline: Pipeline, given: Mapping[str, Value]) -> dict[str, Value]:
    """The parameters of a run: what was given, checked, and defaults. Raises InputError naming all problems."""
    known = {parameter.name: parameter for parameter in pipeline.params}
    problems = [
        f"there is no parameter {name!r}; {did_you_mean(name, known)}".rstrip("; ")
        for name in given
        if name not in known
    ]
    params: dict[str, Value] = {}
    for name, parameter in known.items():
        value = given.get(name, parameter.default)
        if value is MISSING:
            problems.append(f"parameter {name!r} ({parameter.type}) has no default and was not given")
            continue
        wrong = judge_value(value, parameter.type)
        if wrong:
            problems.append(f"parameter {name!r}: {wrong}")
        params[name] = value
    if problems:
        remedy = "give it with -p NAME=VALUE; `tidemill graph FILE` shows the parameters"
        raise InputError("; ".join(problems), remedy=remedy, place=f"pipeline {pipeline.name}")
    return params
