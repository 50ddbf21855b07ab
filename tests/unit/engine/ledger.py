"""What the database would hold of a run that is only simulated, and the memory that is rebuilt from it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tidemill.core.history import AttemptRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Key
from tidemill.core.records import Artifact
from tidemill.core.states import TaskState
from tidemill.core.wiring import Wiring
from tidemill.engine.commit import moved_run
from tidemill.engine.moves import AttemptSettled, AttemptStarted, KeepPush, Move, RunMoved, TaskMoved
from tidemill.engine.progress import Progress
from tidemill.engine.reopen import reopened, to_run_again
from tidemill.engine.restore import Before, key_of, restore


class Leaves:
    """What is read only when somebody asks for it."""

    def __init__(self, rows: dict[tuple[str, str], TaskRecord]) -> None:
        self._rows = rows
        self.read: list[str] = []

    def states(self) -> dict[str, dict[str, TaskState]]:
        found: dict[str, dict[str, TaskState]] = {}
        for (path, instance), row in self._rows.items():
            found.setdefault(path, {})[instance] = row.state
        return found

    def record(self, path: str, instance: str) -> TaskRecord:
        self.read.append(f"{path} {instance}")
        return self._rows[path, instance]


def is_leaf(row: TaskRecord) -> bool:
    """Whether a task run is over and out of the ordinary in nothing, as the database sees it."""
    ended = row.state.final and row.state is not TaskState.REMOVED
    odd = row.generation or row.inputs or row.round or row.steer or row.wake or row.reused_from
    return row.kind is TaskKind.LEAF and ended and not odd


class Ledger:
    def __init__(self, run: RunRecord) -> None:
        self.run = run
        self.tasks: dict[tuple[str, str, int], TaskRecord] = {}
        self.attempts: dict[str, AttemptRecord] = {}
        self.artifacts: dict[str, Artifact] = {}
        self.makers: dict[str, Key] = {}
        self.pushes: dict[str, dict[str, Any]] = {}

    def copy(self) -> Ledger:
        other = Ledger(self.run)
        other.tasks, other.attempts = dict(self.tasks), dict(self.attempts)
        other.artifacts, other.makers = dict(self.artifacts), dict(self.makers)
        other.pushes = {attempt: dict(pushed) for attempt, pushed in self.pushes.items()}
        return other

    def note(self, moves: Iterable[Move]) -> None:
        for move in moves:
            match move:
                case RunMoved():
                    self.run = moved_run(self.run, move)
                case TaskMoved(record=record, made=made):
                    self.tasks[record.path, record.instance, record.generation] = record
                    self._made(key_of(record), made)
                case AttemptStarted(record=attempt):
                    assert attempt.id not in self.attempts, "an attempt begins once"
                    self.attempts[attempt.id] = attempt
                case AttemptSettled(record=attempt):
                    assert not self.attempts[attempt.id].state.final, "an attempt ends once"
                    assert attempt.state.final
                    self.attempts[attempt.id] = attempt
                case KeepPush(key=key, pushed=pushed):
                    self.pushes.setdefault(pushed.attempt, {})[pushed.key] = pushed.value
                    self._made(key, pushed.artifacts)
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
        newest = self.newest()
        leaves = Leaves({(row.path, row.instance): row for row in newest if is_leaf(row)})
        others = [row for row in newest if not is_leaf(row)]
        out = [attempt for attempt in self.attempts.values() if not attempt.state.final]
        last = max((int(id_.rpartition(".")[2]) for id_ in self.attempts), default=0)
        return restore(wiring, self.run, others, out, self.artifacts, self.pushes, self._before(), leaves, last)

    def again(self, wiring: Wiring, also: tuple[str, ...] = ()) -> set[Key]:
        return to_run_again(wiring, self.newest(), also)

    def reopened(self, wiring: Wiring, now: datetime, also: tuple[str, ...] = ()) -> Progress:
        attempts, artifacts = list(self.attempts.values()), self.artifacts
        newest, before = self.newest(), self._before()
        self.run, fresh, progress = reopened(wiring, self.run, newest, attempts, artifacts, now, also, before)
        self.tasks |= {(row.path, row.instance, row.generation): row for row in fresh}
        return progress

    def _before(self) -> Before:
        newest = {(row.path, row.instance): row.generation for row in self.newest()}
        old = [row for (*place, at), row in sorted(self.tasks.items()) if at < newest[*place]]
        return Before(self.makers, (), old)

    def _made(self, key: Key, made: Iterable[Artifact]) -> None:
        for artifact in made:
            self.artifacts[artifact.id], self.makers[artifact.id] = artifact, key
