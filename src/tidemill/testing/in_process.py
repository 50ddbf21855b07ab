"""A whole Tidemill in the test's own process: tasks run inline, and the calendar leaps to whatever is due next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tidemill.actions.runs import Running, actor, resume_run, retry_run, start_run
from tidemill.app import App
from tidemill.authoring.pipeline import PipelineDefinition
from tidemill.authoring.trace import trace
from tidemill.core.check import check
from tidemill.core.clock import EPOCH
from tidemill.core.errors import StateError
from tidemill.core.graph import Pipeline
from tidemill.core.history import CommandKind, RunRecord, TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.ports import Executor
from tidemill.core.problems import ProblemsFound
from tidemill.core.states import TaskState
from tidemill.engine.loop import Watcher
from tidemill.engine.moves import Move, TaskMoved
from tidemill.executors.early import Early
from tidemill.executors.inline import InlineExecutor
from tidemill.settings import Settings
from tidemill.storage.metadata import commands, runs, task_runs
from tidemill.testing.clock import LeapingClock
from tidemill.worker.debugging import watched


class Unanswered(StateError):
    """A run waits for a person or an event, and the test has not said what comes."""

    code = "unanswered"


class InlineApp(App):
    """An `App` whose runs need no other process and no time. `clock` may be moved by the test."""

    def __init__(self, settings: Settings, clock: LeapingClock) -> None:
        super().__init__(settings, clock)
        self.leaping = clock

    def executor(self, name: str = "", debug: bool = False, slots: int = 0, early: Early | None = None) -> Executor:
        if (name or self.settings.executor) != "inline":
            return super().executor(name, debug, slots, early)
        scratch = self.settings.scratch
        scratch.mkdir(parents=True, exist_ok=True)
        return InlineExecutor(
            self.settings.logs, answer=self._answer, debug=debug, scratch_root=scratch, calling=_free_to_leave
        )

    def run(
        self,
        pipeline: Pipeline | PipelineDefinition[..., Any],
        params: Mapping[str, Any] | None = None,
        *,
        approve: Mapping[str, bool] | None = None,
        events: Mapping[str, Any] | None = None,
        watch: Watcher | None = None,
        **submission: Any,
    ) -> RunRecord:
        """Run a pipeline to its end. Raises ProblemsFound for a wrong one, InputError for wrong parameters.

        `approve` answers tasks that ask, by their names (`ask`, `ask[2]`); `events` gives payloads to waits, by the
        name of the event. A run that waits for something else, without a deadline, raises Unanswered.
        """
        graph = pipeline if isinstance(pipeline, Pipeline) else trace(pipeline)
        problems = check(graph)
        if problems:
            raise ProblemsFound(problems)
        answers = _Answers(self, approve or {}, events or {}, watch)
        leap = self.leaping.advance_to
        return start_run(self, graph, params, watch=answers, begun=answers.begun, leap=leap, **submission)

    def resume(
        self,
        run: RunRecord | str,
        *,
        approve: Mapping[str, bool] | None = None,
        events: Mapping[str, Any] | None = None,
        watch: Watcher | None = None,
    ) -> RunRecord:
        """Go on with a run whose engine went away. Answers are given as in `run`."""
        answers = _Answers(self, approve or {}, events or {}, watch)
        return resume_run(self, _id(run), watch=answers, begun=answers.begun, leap=self.leaping.advance_to)

    def retry(
        self,
        run: RunRecord | str,
        *also: str,
        approve: Mapping[str, bool] | None = None,
        events: Mapping[str, Any] | None = None,
        watch: Watcher | None = None,
    ) -> RunRecord:
        """Reopen a finished run: what failed, and the nodes `also`, runs again. Answers are given as in `run`."""
        answers = _Answers(self, approve or {}, events or {}, watch)
        return retry_run(self, _id(run), also, watch=answers, begun=answers.begun, leap=self.leaping.advance_to)


@contextmanager
def inline_app(home: Path, *, start: datetime = EPOCH, **settings: Any) -> Iterator[InlineApp]:
    """An open home in the folder `home`, which is made if need be; further keywords are those of `Settings`."""
    given = {"executor": "inline", "sweep_seconds": 0.02, **settings}
    app = InlineApp(Settings(home=home, **given), LeapingClock(start))
    with app:
        yield app


def _free_to_leave(function: Callable[..., Any], *positional: Any, **named: Any) -> Any:
    """The function's result. Raises KeyboardInterrupt for whoever leaves a debugger in it, pytest's own included."""
    try:
        return watched(function, *positional, **named)
    except BaseException as error:
        if (type(error).__module__, type(error).__name__) == ("_pytest.outcomes", "Exit"):
            raise KeyboardInterrupt(str(error)) from None
        raise


class _Answers:
    """Watches a run and gives it what it waits for as soon as it waits."""

    def __init__(self, app: App, approve: Mapping[str, bool], events: Mapping[str, Any], watch: Watcher | None) -> None:
        self._app = app
        self._approve = approve
        self._events = events
        self._watch = watch
        self._wake: Callable[[], None] = lambda: None

    def begun(self, running: Running) -> None:
        """Answer those that waited already when the run was taken up; what others have left for them comes first."""
        self._wake = running.engine.wake
        with self._app.database.read() as connection:
            run, rows = runs.get(connection, running.run), task_runs.load(connection, running.run)
            left = commands.pending(connection, [running.run])
        for row in rows:
            if row.state is TaskState.SUSPENDED:
                self._answer(run, row, demand=not left)

    def __call__(self, run: RunRecord, moves: Sequence[Move]) -> None:
        if self._watch is not None:
            self._watch(run, moves)
        for move in moves:
            if isinstance(move, TaskMoved) and move.record.state is TaskState.SUSPENDED:
                self._answer(run, move.record)

    def _answer(self, run: RunRecord, row: TaskRecord, demand: bool = True) -> None:
        wake, name = row.wake, str(Key(row.path, instance_from(row.instance)))
        if wake is None or row.due_at is not None:
            return
        answer = self._approve.get(name, self._approve.get(row.path))
        if wake.approval and answer is not None:
            said = {"path": row.path, "instance": row.instance, "yes": answer}
            self._tell(run, CommandKind.APPROVE, said)
        elif wake.event and wake.event in self._events:
            said = {"name": wake.event, "key": wake.event_key, "payload": self._events[wake.event]}
            self._tell(run, CommandKind.EVENT, said)
        elif demand and row.deadline_at is None:
            what = f"the event {wake.event!r}" if wake.event else "an approval"
            remedy = f"events={{{wake.event!r}: None}}" if wake.event else f"approve={{{name!r}: True}}"
            raise Unanswered(f"{name} waits for {what}", remedy=f"say what comes: run(..., {remedy})")

    def _tell(self, run: RunRecord, kind: CommandKind, said: Mapping[str, Any]) -> None:
        now = self._app.clock.now()
        with self._app.database.write() as connection:
            commands.add(connection, run.team, run.id, kind, actor(), said, now)
        self._wake()


def _id(run: RunRecord | str) -> str:
    return run if isinstance(run, str) else run.id
