"""What tasks printed: finding the attempt that is meant, reading its log, following it while it is written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidemill.actions.naming import find_task, key_of
from tidemill.actions.runs import find_run
from tidemill.app import App
from tidemill.core.errors import NotFound
from tidemill.core.history import AttemptRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Key
from tidemill.core.states import TaskState
from tidemill.engine.recover import wiring_of
from tidemill.storage.logs.files import Record, follow, last, log_path, read, tail
from tidemill.storage.metadata import attempts, runs, task_runs

LOOK_AGAIN_S = 0.1
"""Seconds between two looks at a log that is followed."""

ASK_AGAIN_S = 0.5
"""Seconds between two questions to the database whether an attempt has ended."""

_FEW = 10
_TAIL_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Log:
    """The log of one attempt of one task run. `number` counts its tries from 1, through all generations."""

    run: RunRecord
    task: Key
    attempt: AttemptRecord
    number: int


def find_log(app: App, run_id: str, task: str, number: int | None = None) -> Log:
    """The log of an attempt: the newest one, or the one with this `number`. Raises NotFound, InputError."""
    run = find_run(app, run_id)
    with app.database.read() as connection:
        sites = wiring_of(connection, run).sites
        rows = task_runs.load(connection, run.id)
        tried = attempts.of_run(connection, run.id)
        row = find_task(run, _with_running(rows, tried), task, sites)
    key = key_of(row)
    own = [attempt for attempt in tried if (attempt.path, attempt.instance) == (row.path, row.instance)]
    if not own:
        raise NotFound(f"task {key} has no attempt and so no log", remedy=_why_none(run, row))
    number = len(own) if number is None else number
    if not 1 <= number <= len(own):
        numbers = ", ".join(str(n) for n in range(1, len(own) + 1)) if len(own) <= _FEW else f"1 to {len(own)}"
        raise NotFound(f"task {key} has no attempt {number}", remedy=f"there are: {numbers}")
    return Log(run, key, own[number - 1], number)


def read_log(app: App, log: Log) -> Iterator[Record]:
    """The lines of a log, in order; none if the attempt printed nothing."""
    return read(log_path(app.settings.logs, log.run.id, log.attempt.id))


def is_elsewhere(app: App, log: Log) -> bool:
    """Whether the attempt ran and ended, and this home knows nothing of its run: its log is kept where it ran."""
    attempt = log.attempt
    ran = attempt.pid > 0 or attempt.usage.wall_s > 0
    return ran and attempt.state.final and not log_path(app.settings.logs, log.run.id, attempt.id).parent.is_dir()


def follow_log(app: App, log: Log) -> Iterator[tuple[Log, Record]]:
    """The lines as they are written, those of later attempts too, until the task has ended for good."""
    while True:
        path = log_path(app.settings.logs, log.run.id, log.attempt.id)
        for record in follow(path, _Ended(app, log), lambda: time.sleep(LOOK_AGAIN_S)):
            yield log, record
        later = _next(app, log)
        if later is None:
            return
        log = later


def last_line(app: App, run_id: str, attempt: str) -> str:
    """The last line that an attempt printed so far, or ""."""
    record = last(log_path(app.settings.logs, run_id, attempt))
    return record.text if record is not None else ""


def log_tail(app: App, run_id: str, attempt: str, number: int) -> list[str]:
    """The last lines that an attempt printed; fewer if they are very long, none where its log is kept elsewhere."""
    return [record.text for record in tail(log_path(app.settings.logs, run_id, attempt), number, _TAIL_BYTES)]


class _Ended:
    """Whether an attempt has ended; asks the database now and then only."""

    def __init__(self, app: App, log: Log) -> None:
        self._app = app
        self._log = log
        self._asked = float("-inf")
        self._over = log.attempt.state.final

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self._over and now - self._asked >= ASK_AGAIN_S:
            self._asked = now
            self._over = _stands(self._app, self._log)
        return self._over


def _stands(app: App, log: Log) -> bool:
    with app.database.read() as connection:
        own = attempts.of_task(connection, log.run.id, log.attempt.path, log.attempt.instance)
        run = runs.get(connection, log.run.id)
    return run.state.final or any(one.id == log.attempt.id and one.state.final for one in own)


def _next(app: App, log: Log) -> Log | None:
    """The attempt after this one, waiting for it as long as there may be one."""
    while True:
        with app.database.read() as connection:
            own = attempts.of_task(connection, log.run.id, log.attempt.path, log.attempt.instance)
            state = task_runs.state_of(connection, log.run.id, [log.attempt.path])
            run = runs.get(connection, log.run.id)
        ids = [one.id for one in own]
        number = ids.index(log.attempt.id) + 2 if log.attempt.id in ids else len(own) + 1
        if number <= len(own):
            return Log(run, log.task, own[number - 1], number)
        stands = state.get((log.attempt.path, log.attempt.instance))
        if run.state.final or stands is None or stands.final:
            return None
        time.sleep(ASK_AGAIN_S)


def _with_running(rows: Sequence[TaskRecord], tried: Sequence[AttemptRecord]) -> list[TaskRecord]:
    """Task runs whose first attempt is out may have no row yet."""
    known = {(row.path, row.instance) for row in rows}
    found = {
        (one.path, one.instance): TaskRecord(
            one.run, one.path, one.instance, one.generation, TaskKind.LEAF, TaskState.RUNNING
        )
        for one in tried
        if (one.path, one.instance) not in known
    }
    return [*rows, *found.values()]


def _why_none(run: RunRecord, row: TaskRecord) -> str:
    if row.reused_from:
        return f"its result was reused from {row.reused_from}"
    if row.kind is TaskKind.MAP and row.count:
        return f"it is a map over {row.count}: name one of its instances, {row.path}[0] to [{row.count - 1}]"
    if row.kind is TaskKind.SCOPE:
        return "it is a scope: name a task inside it"
    if row.cause is not None:
        return f"it is {row.state.value}: {row.cause.message}"
    return f"see `tidemill show {run.id}`"
