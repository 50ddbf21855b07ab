"""A new run: its definition and its record, stored in one transaction. The same request key gives the same run."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tidemill.core.crash import point
from tidemill.core.errors import InputError, StateError, did_you_mean
from tidemill.core.graph import Pipeline
from tidemill.core.graph_json import pipeline_digest, pipeline_text
from tidemill.core.history import DEFAULT_TEAM, EventRecord, RunRecord
from tidemill.core.states import RunState
from tidemill.core.types import judge_value
from tidemill.core.values import MISSING, Value
from tidemill.storage.metadata import definitions, events, runs
from tidemill.storage.metadata.database import Database

_submitted = point("submit.stored")


@dataclass(frozen=True, slots=True)
class Submission:
    """What is wanted. `seed` None draws one."""

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
    executor: str = ""
    entry: str = ""


def submit(database: Database, wanted: Submission, now: datetime, owner: str = "") -> RunRecord:
    """Store the run, queued; with `owner` it is that engine's from the first moment, so that no other one takes it.

    Raises InputError for wrong parameters.
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
        next_seq=2,
    )
    with database.write() as connection:
        definitions.put(connection, wanted.team, digest, wanted.pipeline.name, pipeline_text(wanted.pipeline), now)
        previous = runs.previous(connection, wanted.team, record.pipeline, record)
        record = replace(record, previous=previous or "")
        stored = runs.insert(connection, record)
        if stored.id == record.id:
            payload = {"pipeline": record.pipeline, "actor": record.actor}
            events.append(connection, wanted.team, [EventRecord(record.id, 1, now, "run.submitted", payload=payload)])
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
