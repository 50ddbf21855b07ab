"""What one turn of a run carries along: the moves so far, and the units still to be looked at.

Every module that decides something takes a `Flow`; none calls another in a circle, because "look at this unit" is a
queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tidemill.core.causes import Cause
from tidemill.core.instances import Key
from tidemill.core.records import Artifact, Report
from tidemill.core.states import RUN_MOVES, AttemptState, RunState, TaskState, check_move
from tidemill.engine.counting import Counting
from tidemill.engine.moves import AttemptSettled, Move, Noted, RunMoved, SetTimer, TaskMoved, TimerKind
from tidemill.engine.progress import ROOT, Progress
from tidemill.engine.unit import Unit


class Flow:
    def __init__(self, progress: Progress, now: datetime) -> None:
        self.progress = progress
        self.now = now
        self.moves: list[Move] = []
        self._todo: deque[Unit] = deque()
        self.counting = Counting(progress, self.touch)

    def touch(self, unit: Unit) -> None:
        """Something changed for this unit: look at it before the turn is over."""
        self._todo.append(unit)

    def touched(self) -> Unit | None:
        return self._todo.popleft() if self._todo else None

    def move(self, unit: Unit, state: TaskState, made: tuple[Artifact, ...] = ()) -> None:
        old = unit.to(state)
        if state in (TaskState.RETRYING, TaskState.SUSPENDED):
            self.progress.sleeping.add(unit.key)
        else:
            self.progress.sleeping.discard(unit.key)
        if unit.mending:
            self.progress.mending.add(unit.key)
        else:
            self.progress.mending.discard(unit.key)
        self.record(unit, old, made)

    def record(self, unit: Unit, old: TaskState, made: tuple[Artifact, ...] = ()) -> None:
        """The row becomes what the unit is."""
        self.moves.append(TaskMoved(unit.record(self.progress.run_record.id), old, self.now, made))

    def move_run(self, state: RunState, cause: Cause | None) -> None:
        old = self.progress.state
        self.progress.state = check_move(RUN_MOVES, old, state)
        self.moves.append(RunMoved(old, state, self.now, cause))

    def settle_attempt(
        self, unit: Unit, state: AttemptState, cause: Cause | None, report: Report | None = None
    ) -> None:
        """The attempt that is out takes its final state; nothing can change it after."""
        assert unit.attempt is not None
        usage = report.usage if report is not None else unit.attempt.usage
        notes = report.notes if report is not None else ()
        record = replace(unit.attempt, state=state, ended_at=self.now, cause=cause, usage=usage, notes=notes)
        self.moves.append(AttemptSettled(record, held=unit.execute is None or bool(unit.execute.limits)))
        self.progress.attempts.pop(unit.attempt.id, None)
        unit.attempt = None

    def set_timers(self, unit: Unit) -> None:
        if unit.due_at is not None:
            self.moves.append(SetTimer(unit.due_at, unit.key, TimerKind.DUE))
        if unit.deadline_at is not None:
            self.moves.append(SetTimer(unit.deadline_at, unit.key, TimerKind.DEADLINE))

    def note(self, kind: str, key: Key, payload: Mapping[str, Any]) -> None:
        self.moves.append(Noted(kind, self.now, key, payload))

    def keep_artifacts(self, unit: Unit, artifacts: Iterable[Artifact]) -> None:
        """Know what a unit made."""
        for artifact in artifacts:
            # A preview is for people: neither memory nor tickets carry it.
            kept = replace(artifact, preview={}) if artifact.preview else artifact
            self.progress.artifacts[artifact.id] = kept
            self.progress.makers[artifact.id] = unit.key

    def stopping(self, unit: Unit) -> Cause | None:
        """Why a unit must not go on: the run is cancelled, or a scope around it is being stopped."""
        if self.progress.cancelled is not None:
            return self.progress.cancelled
        if unit.stopping is not None:
            return unit.stopping
        if not self.progress.any_stopping:
            return None
        while unit.key != ROOT:
            unit = self.progress.parent_of(unit)
            if unit.stopping is not None:
                return unit.stopping
        return None
