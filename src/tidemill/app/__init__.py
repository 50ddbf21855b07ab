"""The composition root: the only place that joins layers with adapters.

Everything a user verb needs hangs on an `App`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType

from tidemill import plugins
from tidemill.app.effects import ACTIONS
from tidemill.core.clock import Clock
from tidemill.core.ports import Executor
from tidemill.core.records import Artifact, Reply, Request
from tidemill.engine.doorbell import Doorbell
from tidemill.engine.loop import Engine, Tempo, Watcher
from tidemill.engine.machine_clock import MachineClock
from tidemill.engine.ownership import Owner
from tidemill.settings import Settings
from tidemill.storage.artifacts.errors import ArtifactError
from tidemill.storage.artifacts.local import LocalStore
from tidemill.storage.artifacts.store import Content
from tidemill.storage.metadata.database import Database


class App:
    """An open home. Use as a context manager; cheap to open, and nothing runs until an engine is asked for."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        settings.home.mkdir(parents=True, exist_ok=True)
        _keep_out_of_git(settings.home)
        self.settings = settings
        self.clock = clock or MachineClock()
        self.database = Database.open(settings.database)
        self.artifacts = LocalStore(settings.artifacts)
        self.doorbell = Doorbell(settings.engines)

    def __enter__(self) -> App:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()

    def owner(self) -> Owner:
        """A new identity for an engine of this process."""
        return Owner(self.settings.engines)

    def executor(self, name: str = "", debug: bool = False) -> Executor:
        """The executor of that name, or the one of the settings. Raises NotFound with the known names."""
        name = name or self.settings.executor
        make = plugins.load("executors", name)
        scratch = self.settings.scratch
        scratch.mkdir(parents=True, exist_ok=True)
        if name == "inline":
            executor: Executor = make(self.settings.logs, answer=self._answer, debug=debug, scratch_root=scratch)
        else:
            environment = self.settings.for_tasks(os.environ)
            slots = self.settings.slots or None
            executor = make(self.settings.logs, slots=slots, environment=environment, scratch_root=scratch)
        return executor

    def engine(
        self,
        executor: Executor,
        owner: Owner,
        watch: Watcher | None = None,
        leap: Callable[[datetime], None] | None = None,
    ) -> Engine:
        """An engine on this home's database and store, cleared of what killed ones left; close it when done."""
        owner.bury_the_dead()
        self.artifacts.bury_the_dead()
        self._engine = Engine(
            self.database,
            executor,
            self.clock,
            owner,
            store=str(self.settings.artifacts),
            verify=self.verify,
            actions=ACTIONS,
            wakeup=Doorbell(self.settings.engines, owner.id),
            watch=watch,
            tempo=Tempo(self.settings.sweep_seconds, self.settings.grace_seconds),
            leap=leap,
        )
        return self._engine

    def verify(self, artifact: Artifact) -> str:
        """What is wrong with an artifact's content, or "" if it is whole or lies outside."""
        if not artifact.digest:
            return ""
        try:
            self.artifacts.verify(content_of(artifact))
        except ArtifactError as problem:
            return problem.in_one_line
        return ""

    def _answer(self, request: Request) -> Reply:
        return self._engine.answer(request)


def content_of(artifact: Artifact) -> Content:
    """The address of an artifact's owned content."""
    return Content(artifact.digest, artifact.size, "tree" if artifact.kind == "tree" else "file")


def _keep_out_of_git(home: Path) -> None:
    ignore = home / ".gitignore"
    if not ignore.exists():
        ignore.write_text("# Written by Tidemill: runs, artifacts and logs are not source.\n*\n", encoding="utf-8")
