"""A run as lines: one for each change of a state, with its time, for pipes and files. Nothing is drawn over.

The engine's thread only leaves the lines here; a slow reader slows nothing down. Where tasks run in that thread too it
writes them itself, so that a line does not get into the middle of what a task prints.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

from tidemill.actions.wording import approve_command
from tidemill.cli import looks
from tidemill.cli.output import Out
from tidemill.core.history import RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.states import RunState, TaskState
from tidemill.engine.moves import AttemptStarted, Move, Noted, RunMoved, TaskMoved


class Lines:
    """Use as a context manager; `watch` is for the engine."""

    def __init__(self, out: Out, inline: bool = False) -> None:
        self._out = out
        self._inline = inline
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="lines", daemon=True)

    def __enter__(self) -> Lines:
        self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._queue.put(None)
        self._writer.join()

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None:
        for line in changes(run, moves):
            self._put(line)

    def settle(self, run: RunRecord, rows: Sequence[TaskRecord]) -> None:
        self._put(_stamped(run.ended_at or run.created_at, f"run {run.id} {looks.word(run.state)}"))

    def note(self, at: datetime, text: str) -> None:
        self._put(_stamped(at, text))

    def _put(self, line: str) -> None:
        if self._inline:
            self._say(line)
        else:
            self._queue.put(line)

    def _write(self) -> None:
        while (line := self._queue.get()) is not None:
            self._say(line)

    def _say(self, line: str) -> None:
        # A reader that has left is no reason to stop the run.
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._out.console.file.write(self._out.safe(line) + "\n")
            self._out.console.file.flush()


def changes(run: RunRecord, moves: Sequence[Move]) -> Iterator[str]:
    """The lines that tell of these moves."""
    for move in moves:
        match move:
            case RunMoved(new=new, at=at, cause=cause):
                reason = f": {_brief(cause.message)}" if cause is not None and new is not RunState.RUNNING else ""
                yield _stamped(at, f"run {run.id} {looks.word(new)}{reason}")
            case TaskMoved(record=record, at=at) if record.path:
                said = told_of(record)
                if said:
                    yield _stamped(at, said)
            case AttemptStarted(record=attempt, key=key):
                again = f" (try {attempt.number})" if attempt.number > 1 else ""
                yield _stamped(attempt.started_at, f"{key} running{again}")
            case Noted(kind="run.paused", at=at, payload=payload):
                yield _stamped(at, f"paused: {payload.get('message', '')}")
            case Noted(kind="run.let-go", at=at, payload=payload):
                yield _stamped(at, f"run {run.id} let go: {payload.get('message', '')}")
            case Noted(kind="artifact.damaged", at=at, key=key, payload=payload):
                made = f" of {payload['by']}" if payload.get("by") else ""
                said = f"{payload.get('problem', '')}; {payload.get('then', '')}"
                yield _stamped(at, f"{key} found artifact {payload.get('artifact', '')}{made} damaged: {said}")
            case Noted(kind="limit.refused", at=at, key=key, payload={"by": str(attempt)}):
                other = attempt.rpartition(".")[0]
                who = "another task of this run" if other == run.id else f"run {other}" if other else "somebody"
                yield _stamped(at, f"{key} waits: {who} computes the same result")
            case Noted(kind="executor.note", at=at, payload=payload):
                yield _stamped(at, f"note: {payload.get('text', '')}")
            case _:
                pass


def told_of(record: TaskRecord) -> str:
    """The task run and how it stands; "" where that is not worth a line."""
    said = _task(record)
    return f"{_name(record)} {said}" if said else ""


def _task(record: TaskRecord) -> str:
    why = f": {_brief(record.cause.message)}" if record.cause is not None else ""
    took = looks.duration(looks.between(record.started_at, record.ended_at))
    match record.state:
        case TaskState.RUNNING if record.kind is TaskKind.MAP and record.count is not None and record.ended_at is None:
            return f"maps over {record.count}"
        case TaskState.RUNNING | TaskState.READY | TaskState.PENDING:
            return ""
        case TaskState.SUCCEEDED if record.kind is not TaskKind.LEAF:
            return ""
        case TaskState.SUCCEEDED if record.reused_from:
            return f"succeeded, reused from {record.reused_from}"
        case TaskState.SUCCEEDED:
            return f"succeeded in {took}" if took else "succeeded"
        case TaskState.RETRYING:
            due = f", next try at {_clock(record.due_at)}" if record.due_at is not None else ""
            return f"retrying{due}{why}"
        case TaskState.SUSPENDED:
            return f"waits{_for_what(record)}"
        case state:
            return f"{looks.word(state)}{why}"


def _brief(message: str) -> str:
    """Its first line; the summary at the end has all of it."""
    first, *more = message.strip().splitlines() or [""]
    return f"{first} …" if more else first


def _for_what(record: TaskRecord) -> str:
    wake = record.wake
    if wake is None:
        return ""
    if wake.approval:
        return f" for approval: {wake.approval} ({approve_command(record)})"
    if wake.event:
        return f" for the event {wake.event}" + (f" with key {wake.event_key}" if wake.event_key else "")
    return f" until {_clock(record.due_at)}" if record.due_at is not None else ""


def _name(record: TaskRecord) -> Key:
    return Key(record.path, instance_from(record.instance))


def _clock(at: datetime) -> str:
    return at.astimezone().strftime("%H:%M:%S")


def _stamped(at: datetime, text: str) -> str:
    return f"{_clock(at)}  {' '.join(text.split())}"
