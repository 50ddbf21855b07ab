"""What a test has in its hands: pipelines run here and now, with parts of them replaced, and results to assert on.

One home for each, which belongs to nobody else and is gone afterwards.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from tidemill.actions.compile import compile_pipeline
from tidemill.actions.variables import set_variable
from tidemill.authoring.pipeline import PipelineDefinition
from tidemill.authoring.task import Task
from tidemill.authoring.trace import trace
from tidemill.core.annotations import coerce
from tidemill.core.clock import EPOCH
from tidemill.core.errors import InputError, TidemillError
from tidemill.core.graph import Pipeline
from tidemill.core.values import NotAValue, normalize
from tidemill.storage.artifacts.files import remove
from tidemill.testing.clock import LeapingClock
from tidemill.testing.imports import Imports
from tidemill.testing.in_process import InlineApp, inline_app
from tidemill.testing.outcome import RunResult
from tidemill.testing.overriding import Overrides, answers, check_events, substituted
from tidemill.testing.stand_ins import Here, write

Target: TypeAlias = PipelineDefinition[..., Any] | Pipeline | str | os.PathLike[str]
"""A pipeline function, a compiled pipeline, or `FILE[:PIPELINE]`."""


class Harness:
    """Runs pipelines in the test's process on a calendar that leaps to whatever is due next: waiting takes no time.

    The fixture `tidemill` of pytest is one, `inline()` gives one elsewhere:

        def test_what_fails_is_tried_again(tidemill):
            run = tidemill.run(churn, {"threshold": 0.5}, returns={"load": [1, 2]}, fails={"train": [OSError("once")]})
            run.assert_succeeded()
            assert run["train"].output > 0.9 and len(run["train"].attempts) == 2
            assert run["report"].state == "skipped" and "2 rows" in run["train"].logs

    A run is a RunResult, what became of one task a TaskResult. A run that fails raises nothing; `assert_succeeded`
    does, with the whole report. A task alone needs no harness: outside of a pipeline it is its function.
    """

    def __init__(self, app: InlineApp) -> None:
        self.app = app
        self.runs: list[RunResult] = []
        self._here = Here()
        self._imports = Imports()

    @property
    def clock(self) -> LeapingClock:
        """The calendar of runs: `now()`, `advance("1 day")`, `advance_to(moment)`, `set_calendar(moment)`."""
        return self.app.leaping

    @property
    def home(self) -> Path:
        return self.app.settings.home

    def run(
        self,
        pipeline: Target,
        params: Mapping[str, Any] | None = None,
        *,
        replace: Mapping[Any, Any] | None = None,
        returns: Mapping[Any, Any] | None = None,
        fails: Mapping[Any, Any] | None = None,
        approve: Mapping[str, bool] | None = None,
        events: Mapping[str, Any] | None = None,
        executor: str = "",
        scheduled_for: datetime | None = None,
        interval_start: datetime | None = None,
        interval_end: datetime | None = None,
        seed: int | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> RunResult:
        """Run a pipeline to its end, whatever that is.

        `replace` gives functions, `returns` results and `fails` exceptions (a list: those of the first attempts) for
        tasks, each named by its path, by a pattern such as "folds/*", or by the task itself. `approve` answers tasks
        that ask, `events` gives payloads to those that wait for one. `executor="processes"` runs tasks in processes.

        Raises ProblemsFound for a wrong pipeline, InputError and NotFound for wrong parameters and names, Unanswered
        for a wait that nothing ends.
        """
        __tracebackhide__ = True
        overrides = Overrides(replace or {}, returns or {}, fails or {})
        try:
            graph = self._changed(_graph(pipeline), overrides, executor)
            check_events(graph, events or {})
            record = self.app.run(
                graph,
                _plain(graph, params or {}),
                approve=answers(graph, approve or {}),
                events=events,
                executor=executor,
                scheduled_for=scheduled_for,
                interval_start=interval_start,
                interval_end=interval_end,
                seed=seed,
                tags=tags or {},
            )
        except TidemillError as error:
            raise error.with_traceback(None) from None  # it ends at the line of the test
        return self._kept(RunResult(self.app, graph, record))

    def retry(
        self,
        run: RunResult,
        *also: str,
        approve: Mapping[str, bool] | None = None,
        events: Mapping[str, Any] | None = None,
    ) -> RunResult:
        """Reopen a run: what failed, and the tasks `also`, runs again, replaced as before; what succeeded is kept."""
        __tracebackhide__ = True
        try:
            check_events(run.pipeline, events or {})
            said = answers(run.pipeline, approve or {})
            again = self.app.retry(run.record, *also, approve=said, events=events)
        except TidemillError as error:
            raise error.with_traceback(None) from None
        return self._kept(RunResult(self.app, run.pipeline, again))

    def set_variable(self, name: str, value: Any) -> None:
        """Give tasks what `current().variable(name)` reads."""
        set_variable(self.app, name, value)

    def close(self) -> None:
        self._here.close()
        self._imports.undo()

    def _changed(self, graph: Pipeline, overrides: Overrides, executor: str) -> Pipeline:
        self._imports.expect(graph)
        folder = self.home / "stand-ins"
        stand_ins = overrides.stand_ins(graph, folder)
        if not stand_ins:
            return graph
        folder.mkdir(exist_ok=True)
        inline = (executor or self.app.settings.executor) == "inline"
        return substituted(graph, self._here.add(stand_ins) if inline else write(stand_ins, folder))

    def _kept(self, run: RunResult) -> RunResult:
        self.runs.append(run)
        return run


@contextmanager
def inline(home: Path | None = None, *, start: datetime = EPOCH, **settings: Any) -> Iterator[Harness]:
    """A home to run pipelines in from any test framework, or none: in the folder `home`, or in one that goes away.

    Its calendar begins at `start`; further keywords are those of `Settings`.
    """
    folder = home or Path(tempfile.mkdtemp(prefix="tidemill-test-"))
    try:
        with inline_app(folder, start=start, **settings) as app:
            harness = Harness(app)
            try:
                yield harness
            finally:
                harness.close()
    finally:
        if home is None:
            remove(folder)


def _graph(pipeline: Target) -> Pipeline:
    match pipeline:
        case Pipeline():
            return pipeline
        case PipelineDefinition():
            return trace(pipeline)
        case str() | os.PathLike():
            return compile_pipeline(os.fspath(pipeline))
        case Task():
            raise InputError(f"{pipeline.title} is no pipeline", remedy="call it; or give a @pipeline that calls it")
    raise InputError(f"{pipeline!r:.80} is no pipeline", remedy="give a function with @pipeline, or FILE[:PIPELINE]")


def _plain(graph: Pipeline, params: Mapping[str, Any]) -> dict[str, Any]:
    types = {parameter.name: parameter.type for parameter in graph.params}
    plain = {}
    for name, value in params.items():
        try:
            found = normalize(os.fspath(value) if isinstance(value, os.PathLike) else value)
            plain[name] = coerce(found, types[name]) if name in types else found
        except (NotAValue, ValueError) as error:
            raise InputError(
                f"parameter {name!r}: {error}", remedy="parameters are plain values; returns= gives a task any object"
            ) from None
    return plain
