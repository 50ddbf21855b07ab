"""What a run looks like now: one spot for each node, however many instances it has; fed by the engine's moves.

Taking in a move costs the same at any size. Knows no terminal. Used by two threads, one lock apart.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tidemill.actions.wording import question_of
from tidemill.core.causes import Cause
from tidemill.core.graph import Pipeline
from tidemill.core.history import RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Instance, instance_from
from tidemill.core.states import TaskState
from tidemill.core.wiring import Site, Wiring
from tidemill.engine.moves import AttemptSettled, AttemptStarted, Move, RunMoved, TaskMoved

Place = tuple[int, ...]
"""Where an instance stands, whatever its generation."""


@dataclass(frozen=True, slots=True)
class Out:
    """An attempt that is under way."""

    attempt: str
    number: int
    since: datetime


@dataclass(slots=True)
class Spot:
    """One node. `states` are those of its instances, `maps` the sizes of its maps, `asks` those that wait for approval.

    `cause` is the newest one.
    """

    site: Site
    depth: int
    states: dict[Place, TaskState] = field(default_factory=dict)
    counts: Counter[TaskState] = field(default_factory=Counter)
    maps: dict[Place, int] = field(default_factory=dict)
    out: dict[Place, Out] = field(default_factory=dict)
    asks: dict[Place, TaskRecord] = field(default_factory=dict)
    cause: Cause | None = None
    reused: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A spot as it is shown. `total` is None unless it has instances; `state` is that of the whole."""

    path: str
    name: str
    depth: int
    state: TaskState
    done: int
    total: int | None
    counts: tuple[tuple[TaskState, int], ...]
    reused: int
    started_at: datetime | None
    ended_at: datetime | None
    cause: Cause | None
    out: Out | None
    running: int
    scope: bool


class Board:
    """`rows` are the task runs that were recorded before: of a run that is gone on with."""

    def __init__(self, pipeline: Pipeline, rows: Iterable[TaskRecord] = ()) -> None:
        self._wiring = Wiring(pipeline)
        self._spots = {path: Spot(site, path.count("/")) for path, site in self._wiring.sites.items()}
        self._lock = threading.Lock()
        self.run: RunRecord | None = None
        self.paused = ""
        for record in rows:
            self._moved(record)

    def take(self, run: RunRecord, moves: Sequence[Move]) -> None:
        """What the engine committed just now."""
        with self._lock:
            self.run = run
            self.paused = ""
            for move in moves:
                match move:
                    case TaskMoved(record=record):
                        self._moved(record)
                    case AttemptStarted(record=attempt, key=key) if key.path in self._spots:
                        out = Out(attempt.id, attempt.number, attempt.started_at)
                        self._spots[key.path].asks.pop(_place(key.instance), None)
                        self._spots[key.path].out[_place(key.instance)] = out
                    case AttemptSettled(record=attempt) if attempt.path in self._spots:
                        self._spots[attempt.path].out.pop(_place(instance_from(attempt.instance)), None)
                    case RunMoved():
                        pass
                    case _ if getattr(move, "kind", "") == "run.paused":
                        self.paused = str(getattr(move, "payload", {}).get("message", ""))
                    case _:
                        pass

    def settle(self, run: RunRecord, rows: Iterable[TaskRecord]) -> None:
        """What was recorded in the end, where nobody told of each step."""
        with self._lock:
            self.run = run
            for record in rows:
                self._moved(record)
            for spot in self._spots.values():
                spot.out.clear()

    def rows(self) -> list[Row]:
        """Every node that is not inside a scope that never began, in the order of the definition."""
        with self._lock:
            return [self._row(spot) for spot in self._spots.values() if self._shown(spot)]

    def asking(self) -> list[TaskRecord]:
        """The task runs that wait for approval, in the order of the definition."""
        with self._lock:
            return [record for spot in self._spots.values() for record in spot.asks.values()]

    def _moved(self, record: TaskRecord) -> None:
        spot = self._spots.get(record.path)
        if spot is None:
            return
        place = _place(instance_from(record.instance))
        if spot.started_at is None or (record.started_at is not None and record.started_at < spot.started_at):
            spot.started_at = record.started_at
        if record.ended_at is not None and (spot.ended_at is None or record.ended_at > spot.ended_at):
            spot.ended_at = record.ended_at
        if record.kind is TaskKind.MAP and record.count is not None:
            # What became of it is told by its instances; a cancelled map has fewer than it was to have.
            made = sum(other[: len(place)] == place for other in spot.states) if record.state.final else record.count
            spot.maps[place] = made
            return
        old = spot.states.get(place)
        if old is not None:
            spot.counts[old] -= 1
        spot.states[place] = record.state
        spot.counts[record.state] += 1
        if question_of(record):
            spot.asks[place] = record
        else:
            spot.asks.pop(place, None)
        if record.cause is not None and record.state is not TaskState.SUCCEEDED:
            spot.cause = record.cause
        if record.reused_from and record.state is TaskState.SUCCEEDED:
            spot.reused += 1

    def _shown(self, spot: Spot) -> bool:
        parent = spot.site.parent
        if not parent or spot.counts:
            return True
        around = self._spots[parent]
        return self._shown(around) and not (_all_final(around) and around.states)

    def _row(self, spot: Spot) -> Row:
        total = self._total(spot)
        done = sum(number for state, number in spot.counts.items() if state.final)
        counts = tuple((state, number) for state, number in spot.counts.items() if number)
        oldest = min(spot.out.values(), key=lambda out: out.since, default=None)
        return Row(
            path=spot.site.path,
            name=spot.site.node.id,
            depth=spot.depth,
            state=_whole(spot, total),
            done=done,
            total=total if self._mapped(spot) else None,
            counts=counts,
            reused=spot.reused,
            started_at=spot.started_at,
            ended_at=spot.ended_at,
            cause=spot.cause,
            out=oldest,
            running=len(spot.out),
            scope=spot.site.node.scope is not None,
        )

    def _mapped(self, spot: Spot) -> bool:
        return bool(spot.maps) or bool(spot.site.frames and any(frame.mapped for frame in spot.site.frames))

    def _total(self, spot: Spot) -> int:
        """How many instances there are to be, as far as that is known."""
        if spot.site.own:
            known = sum(spot.maps.values())
        else:
            parent = spot.site.parent
            known = self._total(self._spots[parent]) if parent else 1
        return max(known, sum(number for number in spot.counts.values()))


def _place(instance: Instance) -> Place:
    return tuple(step.item for step in instance)


def _all_final(spot: Spot) -> bool:
    return all(state.final for state, number in spot.counts.items() if number)


_ORDER = (
    TaskState.RUNNING,
    TaskState.RETRYING,
    TaskState.SUSPENDED,
    TaskState.READY,
)
_ENDS = (
    TaskState.FAILED,
    TaskState.CANCELLED,
    TaskState.UPSTREAM_FAILED,
    TaskState.SUCCEEDED,
    TaskState.SKIPPED,
)


def _whole(spot: Spot, total: int) -> TaskState:
    """The one state that says most about all instances."""
    for state in _ORDER:
        if spot.counts.get(state):
            return state
    done = sum(number for state, number in spot.counts.items() if state.final)
    if spot.site.own and spot.maps and not total:
        return TaskState.SUCCEEDED
    if not done:
        return TaskState.PENDING
    if done < total:
        return TaskState.RUNNING
    return next((state for state in _ENDS if spot.counts.get(state)), TaskState.PENDING)
