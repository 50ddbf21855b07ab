"""One task run in memory: the mutable twin of its row, plus what is rebuilt from the graph after a crash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tidemill.core.causes import Cause
from tidemill.core.history import AttemptRecord, TaskKind, TaskRecord
from tidemill.core.instances import Instance, Key, Step, instance_text
from tidemill.core.joins import Counts
from tidemill.core.records import Steer, Wake
from tidemill.core.states import TASK_MOVES, TaskState, check_move
from tidemill.core.wiring import Site
from tidemill.planning.facts import CacheHit, CacheMiss
from tidemill.planning.step import Execute

NOTHING: Mapping[str, Any] = {}


@dataclass(slots=True, eq=False)
class Unit:
    """`open` counts unfinished children of a map or scope; `created` is how many instances of a map exist so far."""

    key: Key
    site: Site
    kind: TaskKind
    counts: Counts
    state: TaskState = TaskState.PENDING
    generation: int = 0
    outputs: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    inputs: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    cause: Cause | None = None
    count: int | None = None
    sizes: tuple[int, ...] = ()
    created: int = 0
    open: int = 0
    filled: int = -1
    """The round of a scope whose inside has been created."""
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
    attempt: AttemptRecord | None = None
    execute: Execute | None = None
    answer: CacheHit | CacheMiss | None = None
    pushed: dict[str, Any] | None = None
    sources: dict[int, Any] | None = None
    stopping: Cause | None = None
    marked: TaskState | None = None
    """The state that a person gave to a map or scope that is being stopped for it."""
    asked: bool = False
    """The attempt that is out asked its owner for something: its result hangs on more than its inputs."""
    wanted: Mapping[str, Any] | None = None
    """Cache key parts that nobody has looked up yet."""
    refused_by: str = ""
    """The limit that was full when it was to start last."""
    overtaken: bool = False
    """Somebody else was computing the result that it is to make; it may be there by now."""

    @property
    def one_of_many(self) -> bool:
        return self.site.own and len(self.key.instance) == self.site.width

    @property
    def mending(self) -> bool:
        """It found inputs damaged, and waits until what made them has run again."""
        return (
            self.state is TaskState.RETRYING
            and self.due_at is None
            and self.wake is not None
            and bool(self.wake.artifacts)
        )

    @property
    def inner(self) -> Instance:
        """The instance prefix of the children of a scope in its current round."""
        if self.site.own:
            return (*self.key.instance[:-1], Step(self.key.instance[-1].item, self.round))
        if self.site.retried:
            return (*self.key.instance, Step(0, self.round))
        return self.key.instance

    def to(self, state: TaskState) -> TaskState:
        """Make a legal move and give the state that was left."""
        old = self.state
        self.state = check_move(TASK_MOVES, old, state)
        return old

    def begin_anew(self, why: Wake) -> None:
        """Out of a final state into the next generation. `why` names what is damaged."""
        self.generation += 1
        self.state = TaskState.PENDING
        self.outputs, self.cause, self.wake, self.answer, self.reused_from = NOTHING, None, why, None, ""
        self.ended_at = None

    def record(self, run: str) -> TaskRecord:
        return TaskRecord(
            run=run,
            path=self.key.path,
            instance=instance_text(self.key.instance),
            generation=self.generation,
            kind=self.kind,
            state=self.state,
            outputs=self.outputs,
            inputs=self.inputs,
            cause=self.cause,
            count=self.count,
            sizes=self.sizes,
            round=self.round,
            attempts=self.attempts,
            failures=self.failures,
            losses=self.losses,
            steer=self.steer,
            wake=self.wake,
            due_at=self.due_at,
            deadline_at=self.deadline_at,
            started_at=self.started_at,
            ended_at=self.ended_at,
            reused_from=self.reused_from,
        )

    def take(self, row: TaskRecord) -> None:
        """Become what a row says."""
        self.generation, self.state, self.kind = row.generation, row.state, row.kind
        self.outputs, self.inputs, self.cause = row.outputs, row.inputs, row.cause
        self.count, self.sizes, self.round = row.count, row.sizes, row.round
        self.attempts, self.failures, self.losses = row.attempts, row.failures, row.losses
        self.steer, self.wake = row.steer, row.wake
        self.due_at, self.deadline_at = row.due_at, row.deadline_at
        self.started_at, self.ended_at, self.reused_from = row.started_at, row.ended_at, row.reused_from
