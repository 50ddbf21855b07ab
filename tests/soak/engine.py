"""An engine in a process of its own, forked from one that has imported everything: it carries one run, or dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.crash import engines as _  # noqa: F401 - it says what the process that engines are forked from imports
from tests.soak import tracing
from tidemill.actions.runs import resume_run, start_run
from tidemill.app import App
from tidemill.core.errors import StateError
from tidemill.core.graph_json import pipeline_from_text
from tidemill.core.history import RunRecord
from tidemill.settings import Settings
from tidemill.storage.metadata import runs
from tidemill.storage.metadata.errors import DatabaseUnavailable

LEASE_SECONDS = 2.0
"""Short, so that an engine that stands still is found soon."""

IN_OTHER_HANDS, DATABASE_AWAY = 3, 5
_CODES: Mapping[type[BaseException], int] = {StateError: IN_OTHER_HANDS, DatabaseUnavailable: DATABASE_AWAY}
_forking = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Place:
    """Where a run lives: its home, which it may share, and a folder of its own for the ledger and the engines."""

    home: Path
    folder: Path
    pipeline: str
    salt: str
    executor: str = "processes"
    database_url: str = ""

    @property
    def settings(self) -> Settings:
        return Settings(
            self.home,
            database_url=self.database_url,
            executor=self.executor,
            slots=2,
            sweep_seconds=0.3,
            lease_seconds=LEASE_SECONDS,
        )

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"


@dataclass(frozen=True)
class Order:
    """What an engine is to do: submit the run (again, with its request key) or resume it."""

    environment: Mapping[str, str]
    resume: str = ""


class EngineProcess:
    """`folder` holds what it said and the trace of its processes."""

    def __init__(self, place: Place, order: Order, folder: Path) -> None:
        self.folder = folder
        self.process: BaseProcess = _forking.Process(target=_carry, args=(place, order, folder / "said"))
        self.process.start()
        self.pid = int(self.process.pid or 0)

    @property
    def code(self) -> int | None:
        """Its exit code: 0 when it is done, -9 when it was killed, None while it lives."""
        self.process.join(0)
        return self.process.exitcode

    @property
    def said(self) -> str:
        file = self.folder / "said"
        return file.read_text(errors="replace") if file.exists() else ""


def find(app: App, salt: str) -> RunRecord | None:
    """The run with this request key."""
    with app.database.read() as connection:
        found = [run for run in runs.listing(connection, app.settings.team, limit=100) if run.request_key == salt]
    return found[0] if found else None


def _carry(place: Place, order: Order, output: Path) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    # What the test runner wants to be told of is not wanted here.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        os.environ.update(order.environment)
        tracing.arm("engine")
        with App(place.settings) as app:
            _run(app, place, order)
    except BaseException as error:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(_CODES.get(type(error), 1))


def _run(app: App, place: Place, order: Order) -> None:
    if order.resume:
        resume_run(app, order.resume)
        return
    pipeline = pipeline_from_text(place.pipeline)
    start_run(app, pipeline, {"ledger": str(place.ledger)}, request_key=place.salt, seed=1)
