"""Engines in processes of their own, forked from one that has imported everything: each carries one run."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import event

from tests.contract.executor_owner import PATIENCE
from tests.crash import passes
from tidemill.actions.pools import list_pools, set_pool
from tidemill.actions.runs import resume_run, start_run
from tidemill.app import App
from tidemill.core.graph_json import pipeline_from_text
from tidemill.core.history import RunRecord
from tidemill.engine.moves import Move, Noted
from tidemill.settings import Settings
from tidemill.storage.metadata import connecting, runs

POOL = "oven"
KILLED = "the helper was killed"
_REQUEST = "the same"
_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(["tidemill.actions.runs", "tidemill.executors.processes", "psutil"])


@dataclass(frozen=True)
class Place:
    """Where a run lives: `folder` holds its home, the ledger of its tasks and what is known of each engine."""

    folder: Path
    pipeline: str
    database_url: str = ""

    @property
    def settings(self) -> Settings:
        return Settings(self.folder / "home", database_url=self.database_url, slots=2, sweep_seconds=0.5)

    @property
    def ledger(self) -> list[str]:
        """The lines that tasks wrote."""
        file = self.folder / "ledger"
        return file.read_text().splitlines() if file.exists() else []


@dataclass(frozen=True)
class Order:
    """What an engine process is to do. A helper process (its module) is killed at move number `helper_at`.

    `again` submits once more, with the same request key, instead of resuming. `busy_s`: patience with SQLite.
    `params` are those of the run besides its ledger; `pragma` is said to SQLite before a write while a file is there.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    helper: str = ""
    helper_at: int = 0
    busy_s: float = connecting.BUSY_S
    params: Mapping[str, Any] = field(default_factory=dict)
    pragma: Pragma | None = None


@dataclass(frozen=True)
class Pragma:
    """`while_there`, as long as the file `flag` exists beside the home; `otherwise` when it does not."""

    while_there: str
    otherwise: str
    flag: str = "trouble"


class EngineProcess:
    """A process that carries the run of a place to its end, or dies. `told` gets a text for each move of the run."""

    def __init__(self, place: Place, order: Order, number: int) -> None:
        self.place = place
        self._output = place.folder / f"engine{number}.log"
        self.told, theirs = _forking.Pipe(duplex=False)
        self.process: BaseProcess = _forking.Process(target=_carry, args=(place, order, theirs, self._output))
        self.process.start()
        theirs.close()

    def wait(self) -> int:
        """Its exit code: 0 when the run has ended, -9 when it was killed."""
        self.process.join(PATIENCE)
        code = self.process.exitcode
        if code is None:
            self.kill()
        assert code in (0, -signal.SIGKILL), f"exit code {code}: {self.said}"
        self.told.close()
        self.process.close()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.join(PATIENCE)

    def next_move(self) -> str:
        """The next thing that the run's watcher is told; "" if the engine has ended."""
        assert self.told.poll(PATIENCE), self.said
        try:
            return str(self.told.recv())
        except EOFError:
            return ""

    @property
    def said(self) -> str:
        return self._output.read_text() if self._output.exists() else ""


def _carry(place: Place, order: Order, told: Connection, output: Path) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    try:
        os.environ.update(order.environment)
        if passes.WHERE in os.environ:
            passes.arm()
        connecting.BUSY_S = order.busy_s
        with App(place.settings) as app:
            if not list_pools(app):
                set_pool(app, POOL, 1)
            if order.pragma is not None:
                _say_before_writes(app, order.pragma, place.folder / order.pragma.flag)
            _run(app, place, order, _Watcher(told, order))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        raise


def _run(app: App, place: Place, order: Order, watcher: _Watcher) -> None:
    with app.database.read() as connection:
        found = runs.listing(connection, app.settings.team, limit=2)
    assert len(found) <= 1
    if found and found[0].state.final:
        # The engine was killed after its last commit: there is nothing to go on with, and its remains are to be buried.
        owner = app.owner()
        app.engine(app.executor("inline"), owner).close()
        owner.close()
        return
    if found and not order.again:
        resume_run(app, found[0].id, watcher)
        return
    pipeline = pipeline_from_text(place.pipeline)
    given = {"ledger": str(place.folder / "ledger"), **order.params}
    start_run(app, pipeline, given, watch=watcher, request_key=_REQUEST, seed=1)


def _say_before_writes(app: App, pragma: Pragma, flag: Path) -> None:
    """SQLite is told so itself, and its own error is what the engine gets."""

    number = itertools.count()

    def say(connection: Any, *_: Any) -> None:
        # A new text each time: a pragma takes effect when it is prepared, and what was prepared once is kept.
        wanted = pragma.while_there if flag.exists() else pragma.otherwise
        connection.execute(f"PRAGMA {wanted} -- {next(number)}")

    event.listen(app.database._engines.writing, "checkout", say)


class _Watcher:
    def __init__(self, told: Connection, order: Order) -> None:
        self._told = told
        self._order = order
        self._number = 0

    def __call__(self, run: RunRecord, moves: Sequence[Move]) -> None:
        for move in moves:
            self._number += 1
            self._told.send(move.kind if isinstance(move, Noted) else type(move).__name__)
            if self._number == self._order.helper_at:
                for child in psutil.Process().children():
                    if self._order.helper in child.cmdline():
                        child.kill()
                        self._told.send(KILLED)
