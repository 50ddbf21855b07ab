"""An open home with an engine and its warm processes, as a server has it: runs are submitted and carried one by one."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tidemill.actions.runs import find_run
from tidemill.app import App
from tidemill.core.graph import Pipeline
from tidemill.core.history import RunRecord
from tidemill.core.states import RunState
from tidemill.engine.loop import Watcher
from tidemill.engine.recover import load, take
from tidemill.engine.submit import Submission, submit
from tidemill.settings import Settings

SLOTS = 2
"""As many tasks at once as the bare programs keep children."""


class Failed(Exception):
    """A run did not end as it must for its time to mean anything."""


class Workshop:
    """Use as a context manager. The home is made in `folder`."""

    def __init__(
        self, folder: Path, database_url: str = "", executor: str = "processes", watch: Watcher | None = None
    ) -> None:
        settings = Settings(folder / "home", database_url=database_url, executor=executor, slots=SLOTS)
        self.app = App(settings)
        self.owner = self.app.owner()
        self.engine = self.app.engine(self.app.executor(), self.owner, watch)

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.engine.close()
        self.owner.close()
        self.app.close()

    @property
    def database_file(self) -> Path:
        return self.app.settings.home / "tidemill.db"

    def submit(self, pipeline: Pipeline, **params: Any) -> str:
        """The id of a new run that nobody holds yet."""
        wanted = Submission(pipeline, params, actor="bench", executor=self.app.settings.executor)
        return submit(self.app.database, wanted, self.app.clock.now()).id

    def hold(self, run_id: str) -> None:
        epoch = take(self.app.database, run_id, self.owner)
        if epoch is None:
            raise Failed(f"run {run_id} is held by another engine")
        self.engine.hold(load(self.app.database, run_id, epoch, self.app.clock.now()))

    def run(self, pipeline: Pipeline, **params: Any) -> RunRecord:
        """From the submission to the commit that records the end. Raises Failed unless it succeeded."""
        (run,) = self.run_at_once(pipeline, 1, **params)
        return run

    def run_at_once(self, pipeline: Pipeline, number: int, **params: Any) -> list[RunRecord]:
        """As many runs of it side by side, from the first submission to the commit that records the last end."""
        run_ids = [self.submit(pipeline, **params) for _ in range(number)]
        for run_id in run_ids:
            self.hold(run_id)
        self.engine.run(until=lambda: False)
        return [self.succeeded(run_id) for run_id in run_ids]

    def succeeded(self, run_id: str) -> RunRecord:
        run = find_run(self.app, run_id)
        if run.state is not RunState.SUCCEEDED:
            raise Failed(f"run {run_id} is {run.state.value}: {run.cause.message if run.cause else 'no cause'}")
        return run

    def seconds(self, pipeline: Pipeline, number: int = 1) -> float:
        """How long `run_at_once` takes."""
        begun = time.perf_counter()
        self.run_at_once(pipeline, number)
        return time.perf_counter() - begun
