"""What goes into `decide` (events) and what comes out of it (moves), as plain data. Time comes with each event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

from tidemill.core.causes import Cause
from tidemill.core.graph import Node
from tidemill.core.history import AttemptRecord, TaskRecord
from tidemill.core.instances import Key
from tidemill.core.records import Artifact, Gone, Pushed, Report
from tidemill.core.states import RunState, TaskState
from tidemill.planning.facts import CacheHit, CacheMiss
from tidemill.planning.step import Execute

# --- events ---


@dataclass(frozen=True, slots=True)
class Begin:
    """The run starts, or (after a restore) goes on."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """There is room for `slots` more attempts, and none for those that need one of the `full` limits.

    `ahead`: who will be done at once may be given out before a slot is free, and takes only a part of one.
    """

    slots: float
    full: frozenset[str] = frozenset()
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    report: Report


@dataclass(frozen=True, slots=True)
class WentAway:
    gone: Gone


@dataclass(frozen=True, slots=True)
class PushedOutput:
    pushed: Pushed


@dataclass(frozen=True, slots=True)
class Refused:
    """The commit could not claim a limit: the attempt has not started and is no attempt."""

    attempt: str
    limit: str


class TimerKind(Enum):
    DUE = "due"  # a retry, or the end of a wait
    DEADLINE = "deadline"  # of a wait, a scope or the run


@dataclass(frozen=True, slots=True)
class TimerFired:
    key: Key
    kind: TimerKind


@dataclass(frozen=True, slots=True)
class CacheAnswered:
    key: Key
    answer: CacheHit | CacheMiss


@dataclass(frozen=True, slots=True)
class PreviousChanged:
    """How nodes ended in the previous run, so far; `over` when that run is final."""

    states: Mapping[str, TaskState]


@dataclass(frozen=True, slots=True)
class Happened:
    """An outside event that nodes may wait for."""

    name: str
    key: str = ""
    payload: Any = None


@dataclass(frozen=True, slots=True)
class Approved:
    key: Key
    yes: bool
    actor: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Marked:
    """A person says how a task run is to be taken."""

    key: Key
    state: TaskState
    actor: str


@dataclass(frozen=True, slots=True)
class Cancel:
    actor: str
    reason: str = ""


Event: TypeAlias = (
    Begin
    | Dispatch
    | Reported
    | WentAway
    | PushedOutput
    | Refused
    | TimerFired
    | CacheAnswered
    | PreviousChanged
    | Happened
    | Approved
    | Marked
    | Cancel
)

# --- moves ---


@dataclass(frozen=True, slots=True)
class RunMoved:
    old: RunState
    new: RunState
    at: datetime
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class TaskMoved:
    """The task run as it now is; `old` is the state it left. `made` are artifacts that came to be with it."""

    record: TaskRecord
    old: TaskState
    at: datetime
    made: tuple[Artifact, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """An attempt to be started after the commit. `final_number` is the last number the retry policy allows.

    `weight` is the part of a slot that it takes.
    """

    record: AttemptRecord
    key: Key
    node: Node
    execute: Execute
    final_number: int
    resume: Any = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class AttemptSettled:
    """An attempt has its final state. `held`: it may hold limits, which are free with the commit."""

    record: AttemptRecord
    held: bool = True


@dataclass(frozen=True, slots=True)
class StopAttempt:
    attempt: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask the cache; the answer comes back as `CacheAnswered`."""

    key: Key
    parts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep these outputs under this cache key."""

    key: Key
    parts: Mapping[str, Any]
    outputs: Mapping[str, Any]
    ttl: float | None


@dataclass(frozen=True, slots=True)
class Forget:
    """Reuse no result of the task runs that made these artifacts: their content is damaged."""

    key: Key
    artifacts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetTimer:
    at: datetime
    key: Key
    kind: TimerKind


@dataclass(frozen=True, slots=True)
class KeepPush:
    key: Key
    pushed: Pushed


@dataclass(frozen=True, slots=True)
class Noted:
    """Something worth an event that changes no row."""

    kind: str
    at: datetime
    key: Key | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)


Move: TypeAlias = (
    RunMoved
    | TaskMoved
    | AttemptStarted
    | AttemptSettled
    | StopAttempt
    | LookUp
    | Remember
    | Forget
    | SetTimer
    | KeepPush
    | Noted
)
