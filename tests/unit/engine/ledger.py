"""What the database would hold of a run that is only simulated, and the memory that is rebuilt from it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tidemill.core.history import AttemptRecord, RunRecord, TaskRecord
from tidemill.core.instances import Key
from tidemill.core.records import Artifact
from tidemill.core.wiring import Wiring
from tidemill.engine.commit import moved_run
from tidemill.engine.moves import AttemptSettled, AttemptStarted, KeepPush, Move, RunMoved, TaskMoved
from tidemill.engine.progress import Progress
from tidemill.engine.reopen import reopened, to_run_again
from tidemill.engine.restore import key_of, restore


class Ledger:
    def __init__(self, run: RunRecord) -> None:
        self.run = run
        self.tasks: dict[tuple[str, str, int], TaskRecord] = {}
        self.attempts: dict[str, AttemptRecord] = {}
        self.artifacts: dict[str, Artifact] = {}
        self.pushes: dict[str, dict[str, Any]] = {}

    def copy(self) -> Ledger:
        other = Ledger(self.run)
        other.tasks, other.attempts = dict(self.tasks), dict(self.attempts)
        other.artifacts = dict(self.artifacts)
        other.pushes = {attempt: dict(pushed) for attempt, pushed in self.pushes.items()}
        return other

    def note(self, moves: Iterable[Move]) -> None:
        for move in moves:
            match move:
                case RunMoved():
                    self.run = moved_run(self.run, move)
                case TaskMoved(record=record, made=made):
                    self.tasks[record.path, record.instance, record.generation] = record
                    self.artifacts |= {artifact.id: artifact for artifact in made}
                case AttemptStarted(record=attempt):
                    assert attempt.id not in self.attempts, "an attempt begins once"
                    self.attempts[attempt.id] = attempt
                case AttemptSettled(record=attempt):
                    assert not self.attempts[attempt.id].state.final, "an attempt ends once"
                    assert attempt.state.final
                    self.attempts[attempt.id] = attempt
                case KeepPush(pushed=pushed):
                    self.pushes.setdefault(pushed.attempt, {})[pushed.key] = pushed.value
                    self.artifacts |= {artifact.id: artifact for artifact in pushed.artifacts}
                case _:
                    pass

    def newest(self) -> list[TaskRecord]:
        found: dict[tuple[str, str], TaskRecord] = {}
        for (path, instance, _), row in sorted(self.tasks.items()):
            found[path, instance] = row
        return list(found.values())

    def row(self, key: Key) -> TaskRecord:
        return next(row for row in self.newest() if key_of(row) == key)

    def restored(self, wiring: Wiring) -> Progress:
        return self._progress(wiring, self.run, self.newest())

    def again(self, wiring: Wiring, also: tuple[str, ...] = ()) -> set[Key]:
        return to_run_again(wiring, self.newest(), also)

    def reopened(self, wiring: Wiring, now: datetime, also: tuple[str, ...] = ()) -> Progress:
        attempts, artifacts = list(self.attempts.values()), self.artifacts
        self.run, fresh, progress = reopened(wiring, self.run, self.newest(), attempts, artifacts, now, also)
        self.tasks |= {(row.path, row.instance, row.generation): row for row in fresh}
        return progress

    def _progress(self, wiring: Wiring, run: RunRecord, rows: list[TaskRecord]) -> Progress:
        return restore(wiring, run, rows, list(self.attempts.values()), self.artifacts, self.pushes)
