"""Running a recorded attempt again in this process: same inputs, seed and context, and no effects.

Nothing is recorded, and what the task gives is compared with what it gave.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from tidemill.actions.changed_code import CodeChange, Definitions, code_changes, is_known, today
from tidemill.actions.differing_outputs import Compared, Side, compare_outputs
from tidemill.actions.recorded import Recorded, find_attempt
from tidemill.app import App
from tidemill.core.causes import Cause
from tidemill.core.errors import NotFound, StateError, TidemillError
from tidemill.core.records import PollFunction, Pushed, Reply, Report, Request, RunFunction, Ticket, Verb
from tidemill.core.states import AttemptState
from tidemill.core.values import MISSING, references
from tidemill.engine.reading import find_output
from tidemill.executors.environment import clean_environment
from tidemill.storage.artifacts.files import remove
from tidemill.storage.artifacts.local import LocalStore
from tidemill.storage.metadata import artifacts, variables
from tidemill.worker.channel import Outgoing
from tidemill.worker.context import task_seed
from tidemill.worker.debugging import debugged, watched
from tidemill.worker.execute import execute
from tidemill.worker.seeding import seeded
from tidemill.worker.task_log import log_to_stderr

_ENDED_WELL = frozenset({AttemptState.SUCCEEDED, AttemptState.SKIPPED, AttemptState.SUSPENDED})


class Verdict(Enum):
    """What came of a replay."""

    EQUAL = "equal"  # it ended as recorded, and all it gave is the same to the last bit
    DIFFERS = "differs"  # it ended as recorded, and gave something else
    FAILED_AS_RECORDED = "failed as recorded"
    FAILED_DIFFERENTLY = "failed differently"
    ENDED_DIFFERENTLY = "ended differently"
    LEFT = "left"  # somebody left the debugger, or interrupted it


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known before the function is called. `unread` says why the code of today is not known."""

    recorded: Recorded
    code: tuple[CodeChange, ...]
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Replay:
    """`steers` is said when the task's word on what follows it differs. `notes` say what was not as it had been."""

    begun: Begun
    verdict: Verdict
    report: Report
    compared: Compared
    steers: str = ""
    notes: tuple[str, ...] = ()


def begin_replay(app: App, run_id: str, task: str, attempt: int | None = None) -> Begun:
    """Find the attempt, see to it that its inputs are there, and what of its code has changed.

    Raises NotFound, InputError, and StateError for what cannot be run again.
    """
    recorded = find_attempt(app, run_id, task, attempt)
    _check_inputs(app, recorded)
    function = _function(recorded.ticket)
    with app.database.read() as connection:
        then = Definitions(connection, recorded.run).at(recorded.attempt.started_at)
    now = today(then)
    if now.pipeline is None:
        return Begun(recorded, (), f"its file cannot be read as a pipeline now: {now.why}")
    if not is_known(then, function):
        return Begun(recorded, (), f"the code of {function} has no fingerprint, so nobody knows whether it changed")
    return Begun(recorded, tuple(code_changes(then, now.pipeline, {function})))


def replay(app: App, begun: Begun, debugger: bool = False) -> Replay:
    """Call the function here and compare. With `debugger` it stops where it raises, or at its first line if it
    succeeded before."""
    recorded = begun.recorded
    ticket = recorded.ticket
    app.settings.scratch.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="replay-", dir=app.settings.scratch))
    try:
        aside = LocalStore(scratch / "results")
        link = _Link(app, recorded)
        calling: Callable[..., Any] = watched
        if debugger:
            calling = debugged(at_first_line=recorded.attempt.state in _ENDED_WELL)
        with _as_a_worker(app, recorded), seeded(task_seed(ticket.facts.seed, ticket.path, ticket.indexes)):
            report = execute(
                ticket,
                lambda: app.artifacts,
                link,
                scratch_root=scratch,
                results=lambda: aside,
                calling=calling,
            )
        compared = _compare(app, recorded, report, link, aside, scratch)
    finally:
        remove(scratch)
    notes = tuple(dict.fromkeys([*recorded.notes, *link.notes, *report.notes]))
    steers = _steers(recorded, report)
    return Replay(begun, _verdict(recorded, report, compared, bool(steers)), report, compared, steers, notes)


def _check_inputs(app: App, recorded: Recorded) -> None:
    for artifact in recorded.ticket.artifacts.values():
        problem = app.verify(artifact)
        if problem:
            with app.database.read() as connection:
                maker = artifacts.producers(connection, recorded.run.team, [artifact.id]).get(artifact.id)
            remedy = f"`tidemill rerun {maker.run} --from {maker.path}` makes it anew in a new run" if maker else ""
            raise StateError(
                f"an input of {recorded.key} is not there as it was: {problem}",
                place=f"artifact {artifact.id}",
                remedy=remedy,
            )


def _function(ticket: Ticket) -> str:
    assert isinstance(ticket.work, RunFunction | PollFunction)
    return str(ticket.work.function)


@contextmanager
def _as_a_worker(app: App, recorded: Recorded) -> Iterator[None]:
    """The environment, arguments and folders of import that the task's process had, as far as this process can."""
    work = recorded.ticket.work
    assert isinstance(work, RunFunction | PollFunction)
    environment, arguments, folders = dict(os.environ), sys.argv, list(sys.path)
    if recorded.run.executor != "inline":
        _become(clean_environment(app.settings.for_tasks(environment), environment))
    sys.argv = [work.function.file or work.function.module]
    # After everything that is installed: a file of the project must not shadow a library.
    sys.path.append(os.getcwd())
    log_to_stderr()
    try:
        yield
    finally:
        _become(environment)
        sys.argv, sys.path[:] = arguments, folders


def _become(environment: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


class _Link:
    """Answers what the task asks from the record, and keeps what it pushes."""

    def __init__(self, app: App, recorded: Recorded) -> None:
        self._app = app
        self._recorded = recorded
        self.pushed: dict[str, Pushed] = {}
        self.notes: list[str] = []

    def send(self, message: Outgoing) -> None:
        if isinstance(message, Pushed):
            self.pushed[message.key] = message

    def ask(self, request: Request) -> Reply:
        try:
            match request.verb:
                case Verb.ACT:
                    return self._act(request)
                case Verb.READ:
                    return self._read(request)
                case Verb.VARIABLE:
                    return self._variable(request)
        except TidemillError as error:
            return Reply(request.number, error=str(error))

    def _act(self, request: Request) -> Reply:
        done = self._recorded.effects.get(request.number)
        if done is None:
            error = "a replay has no effects, and no answer to this one was recorded"
            return Reply(request.number, error=error)
        if done.action != request.name:
            error = f"effect {request.number} of this task was {done.action!r}, and a replay has no others"
            return Reply(request.number, error=error)
        with self._app.database.read() as connection:
            ids = [reference.id for reference in references(done.answer)]
            records = artifacts.get_many(connection, self._recorded.run.team, ids)
        return Reply(request.number, done.answer, records)

    def _read(self, request: Request) -> Reply:
        recorded = self._recorded
        row = recorded.row
        with self._app.database.read() as connection:
            run, value, found = find_output(connection, recorded.held, recorded.unit, request)
            used = set(artifacts.used_by(connection, row.run, row.path, row.instance, row.generation))
        if run.id != recorded.run.id and (not found or not {ref.id for ref in references(value)} <= used):
            self.notes.append(f"{request.name} of run {run.id} was read as it is now")
        return Reply(request.number, value, found)

    def _variable(self, request: Request) -> Reply:
        team = self._recorded.run.team
        with self._app.database.read() as connection:
            value = variables.get(connection, team, request.name)
        if value is MISSING:
            raise NotFound(f"there is no variable {request.name!r} now, and what it was is not recorded")
        self.notes.append(f"the variable {request.name} was read as it is now")
        return Reply(request.number, value)


def _compare(app: App, recorded: Recorded, report: Report, link: _Link, aside: LocalStore, scratch: Path) -> Compared:
    pushed = {key: message.value for key, message in link.pushed.items()}
    made = [*report.artifacts, *(one for message in link.pushed.values() for one in message.artifacts)]
    # What it was given and gives away again is known by the same id.
    known = {**recorded.artifacts, **recorded.ticket.artifacts}
    now = Side({**pushed, **report.outputs}, {**known, **{one.id: one for one in made}}, (aside, app.artifacts))
    then = Side(recorded.outputs, recorded.artifacts, (app.artifacts,))
    compared = tempfile.mkdtemp(prefix="compared-", dir=scratch)
    return compare_outputs(then, now, Path(compared))


def _verdict(recorded: Recorded, report: Report, compared: Compared, steers: bool) -> Verdict:
    then, now = recorded.attempt, report
    if now.state is AttemptState.CANCELLED:
        return Verdict.LEFT
    if now.state is AttemptState.FAILED and then.state is AttemptState.FAILED:
        same = _told(then.cause) == _told(now.cause) and compared.equal
        return Verdict.FAILED_AS_RECORDED if same else Verdict.FAILED_DIFFERENTLY
    if now.state is not then.state:
        return Verdict.FAILED_DIFFERENTLY if now.state is AttemptState.FAILED else Verdict.ENDED_DIFFERENTLY
    return Verdict.EQUAL if compared.equal and not steers else Verdict.DIFFERS


def _told(cause: Cause | None) -> tuple[object, ...]:
    return () if cause is None else (cause.kind, cause.classes, cause.message)


def _steers(recorded: Recorded, report: Report) -> str:
    then, now = recorded.row.steer, report.steer
    if recorded.attempt.state is not AttemptState.SUCCEEDED or report.state is not AttemptState.SUCCEEDED:
        return ""
    return "" if then == now else f"its word on what follows it was {then}, and is {now}"
