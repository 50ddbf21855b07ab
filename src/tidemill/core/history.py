"""The records of what happened: one frozen dataclass for each entity, the same in memory, in a row and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from tidemill.core.causes import Cause
from tidemill.core.records import Steer, Usage, Wake
from tidemill.core.states import AttemptState, RunState, TaskState

DEFAULT_TEAM = "default"
EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. `definition` is the digest of its stored graph; `request_key` makes submitting twice the same run.

    `generation` counts the times it was reopened; `seed` is the source of all randomness; `next_seq` numbers its
    events. `refresh` are paths of tasks and scopes of which nothing is reused, or `EVERYTHING`.
    """

    id: str
    team: str
    pipeline: str
    definition: str
    params: Mapping[str, Any]
    state: RunState
    created_at: datetime
    request_key: str = ""
    scheduled_for: datetime | None = None
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    seed: int = 0
    generation: int = 0
    priority: int = 0
    actor: str = ""
    cause: Cause | None = None
    executor: str = ""
    entry: str = ""
    previous: str = ""
    tags: Mapping[str, Any] = field(default_factory=dict)
    refresh: tuple[str, ...] = ()
    next_seq: int = 1


class TaskKind(Enum):
    LEAF = "leaf"  # an attempt or a wait
    MAP = "map"  # a mapped node before its instances; `count` tells how many
    SCOPE = "scope"  # a `Sub`, or one instance of it


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One task run, identified by (run, path, instance, generation). Pending and ready ones have no row.

    `sizes` are the lengths of what a map runs over; `round` is the current generation of a retried scope; `inputs` are
    the bound inputs of a scope; `failures` and `losses` count against the two retry budgets; `first_started` starts
    deadlines.
    """

    run: str
    path: str
    instance: str
    generation: int
    kind: TaskKind
    state: TaskState
    outputs: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    cause: Cause | None = None
    count: int | None = None
    sizes: tuple[int, ...] = ()
    round: int = 0
    attempts: int = 0
    failures: int = 0
    losses: int = 0
    steer: Steer | None = None
    wake: Wake | None = None
    due_at: datetime | None = None
    deadline_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reused_from: str = ""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try of a task run. `id` also names its process to the executor and its log file."""

    id: str
    run: str
    path: str
    instance: str
    generation: int
    number: int
    state: AttemptState
    started_at: datetime
    executor: str = ""
    epoch: int = 0
    pid: int = 0
    ended_at: datetime | None = None
    cause: Cause | None = None
    usage: Usage = field(default_factory=Usage)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One thing that happened in a run; (run, seq) is its identity and its order."""

    run: str
    seq: int
    at: datetime
    kind: str
    path: str = ""
    instance: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


class CommandKind(Enum):
    CANCEL = "cancel"
    REOPEN = "reopen"
    APPROVE = "approve"  # payload: path, instance, yes, comment
    MARK = "mark"  # payload: path, instance, state
    PRIORITY = "priority"
    EVENT = "event"  # payload: name, key, payload: what a waiting node waits for


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A wish of somebody who does not hold the run's lease; the holder consumes it in its own transaction."""

    id: int
    run: str
    kind: CommandKind
    actor: str
    created_at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
