"""Running, resuming, retrying and cancelling."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidemill.actions.compile import compile_pipeline
from tidemill.app import App
from tidemill.core.errors import InputError, StateError, TidemillError
from tidemill.core.graph import Pipeline, walk_nodes
from tidemill.core.history import CommandKind, RunRecord
from tidemill.core.ports import Executor
from tidemill.engine.held import Held
from tidemill.engine.loop import Engine, Watcher
from tidemill.engine.moves import Move
from tidemill.engine.ownership import Owner
from tidemill.engine.recover import load, reopen, take, take_over, wiring_of
from tidemill.engine.submit import Submission, submit
from tidemill.executors.early import Early
from tidemill.storage.metadata import commands, runs


@dataclass(slots=True)
class Running:
    """A run under way in this process: `cancel` may be called from a signal handler."""

    engine: Engine
    run: str
    actor: str
    asked: int = 0

    def cancel(self) -> None:
        """Ask for a clean stop; a second time, teardowns are stopped too."""
        self.asked += 1
        self.engine.wake()


def actor() -> str:
    """Who is asking, as far as this machine knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def start_run(
    app: App,
    pipeline: Pipeline,
    params: Mapping[str, Any] | None = None,
    *,
    executor: str = "",
    watch: Watcher | None = None,
    begun: Callable[[Running], None] | None = None,
    leap: Callable[[datetime], None] | None = None,
    debug: bool = False,
    early: Early | None = None,
    **submission: Any,
) -> RunRecord:
    """Submit a run and carry it to its end in this process. Further keywords are those of `Submission`.

    `early` is a template that was begun for it; whoever began it ends it if it was not used.
    """
    wanted = _wanted(app, pipeline, params, executor, submission)
    carrier = app.executor(executor, debug, early=early)  # one that is not there is told before anything is stored
    with _owned(app) as owner:
        run = submit(app.database, wanted, app.clock.now(), owner.id)
        if run.state.final:  # the same request key was used before, and what it asked for has ended
            return run
        with _engine(app, carrier, owner, watch, leap) as engine:
            return _carry(app, engine, _taken(app, run.id, owner), begun)


class Carrier:
    """Carries one run after the other on one engine, so that what was prepared for the first serves them all."""

    def __init__(self, app: App, owner: Owner) -> None:
        self._app = app
        self._owner = owner
        self._watch: Watcher | None = None
        self.engine: Engine

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None:
        """What the engine tells, to whoever looks at the run that is under way."""
        if self._watch is not None:
            self._watch(run, moves)

    def run(
        self,
        pipeline: Pipeline,
        params: Mapping[str, Any] | None = None,
        *,
        watch: Watcher | None = None,
        begun: Callable[[Running], None] | None = None,
        **submission: Any,
    ) -> RunRecord:
        """As `start_run`."""
        wanted = _wanted(self._app, pipeline, params, submission.pop("executor", ""), submission)
        run = submit(self._app.database, wanted, self._app.clock.now(), self._owner.id)
        if run.state.final:
            return run
        self._watch = watch
        return _carry(self._app, self.engine, _taken(self._app, run.id, self._owner), begun)


@contextmanager
def carrier(app: App, executor: str = "") -> Iterator[Carrier]:
    """Somebody who carries runs here, all with the same executor."""
    made = app.executor(executor)
    with _owned(app) as owner:
        one = Carrier(app, owner)
        with _engine(app, made, owner, one.watch, None) as one.engine:
            yield one


def submit_run(
    app: App,
    pipeline: Pipeline,
    params: Mapping[str, Any] | None = None,
    *,
    executor: str = "",
    **submission: Any,
) -> RunRecord:
    """Store a run for whichever engine serves. Further keywords are those of `Submission`."""
    app.executor(executor)  # one that is not there is told now, and not by an engine
    run = submit(app.database, _wanted(app, pipeline, params, executor, submission), app.clock.now())
    app.doorbell.ring()
    return run


def _wanted(
    app: App, pipeline: Pipeline, params: Mapping[str, Any] | None, executor: str, more: dict[str, Any]
) -> Submission:
    return Submission(
        pipeline,
        params or {},
        team=app.settings.team,
        actor=more.pop("actor", "") or actor(),
        executor=executor or app.settings.executor,
        **more,
    )


def resume_run(
    app: App,
    run_id: str,
    watch: Watcher | None = None,
    begun: Callable[[Running], None] | None = None,
    leap: Callable[[datetime], None] | None = None,
) -> RunRecord:
    """Go on with a run whose engine went away. Raises StateError if it is finished or in other hands."""
    run = find_run(app, run_id)
    if run.state.final:
        raise StateError(f"run {run.id} is {run.state.value}", remedy=f"`tidemill retry {run.id}` reopens it")
    with _owned(app) as owner, _engine(app, app.executor(run.executor), owner, watch, leap) as engine:
        epoch = take_over(app.database, run.id, owner, app.settings.lease_seconds, time.sleep)
        held = load(app.database, run.id, epoch, app.clock.now(), code_now(app, run))
        return _carry(app, engine, held, begun)


def retry_run(
    app: App,
    run_id: str,
    also: tuple[str, ...] = (),
    watch: Watcher | None = None,
    begun: Callable[[Running], None] | None = None,
    leap: Callable[[datetime], None] | None = None,
    newest: Pipeline | None = None,
    read: Pipeline | None = None,
) -> RunRecord:
    """Reopen a finished run: what failed (and the nodes `also`) runs again, what succeeded is kept.

    It goes on by the graph that it was made with, or by `newest`. `read` is what its file says now, if that was read.
    """
    run = find_run(app, run_id)
    with _owned(app) as owner, _engine(app, app.executor(run.executor), owner, watch, leap) as engine:
        code = code_now(app, run) if newest is None and read is None else None
        held = reopen(app.database, run.id, owner, actor(), app.clock.now(), also, code, newest, read)
        return _carry(app, engine, held, begun)


def code_now(app: App, run: RunRecord) -> Mapping[str, str] | None:
    """Fingerprints of the functions of a run as their code is now; None if the run has nothing that is kept for reuse.

    The files may have changed since the run was defined, and it is today's code that a repeated task runs.
    """
    with app.database.read() as connection:
        pipeline = wiring_of(connection, run).pipeline
    if pipeline.source is None or not any(node.cache for _, node in walk_nodes(pipeline.root)):
        return None
    try:
        return compile_pipeline(f"{pipeline.source.file}:{pipeline.name}", checked=False).functions
    except TidemillError:
        return {}


def cancel_run(app: App, run_id: str, reason: str = "") -> RunRecord:
    """Ask the holder of a run to cancel it; if nobody holds it, cancel it here."""
    run = find_run(app, run_id)
    if run.state.final:
        raise StateError(f"run {run.id} is {run.state.value} already", remedy=f"see `tidemill show {run.id}`")
    with app.database.write() as connection:
        commands.add(connection, run.team, run.id, CommandKind.CANCEL, actor(), {"reason": reason}, app.clock.now())
    app.doorbell.ring()
    owner = app.owner()
    try:
        epoch = take(app.database, run.id, owner)
        if epoch is not None:
            engine = app.engine(app.executor(run.executor), owner)
            try:
                engine.hold(load(app.database, run.id, epoch, app.clock.now()))
                engine.run(until=lambda: False)
            finally:
                engine.close()
    finally:
        owner.close()
    return find_run(app, run.id)


def find_run(app: App, run_id: str) -> RunRecord:
    """The run with this id or beginning of an id, or "latest" for the newest one. Raises NotFound, InputError."""
    if not run_id.strip():
        # Whoever writes "$RUN" with nothing in it must not cancel whatever is the newest.
        raise InputError("the run id is empty", remedy="`tidemill runs` lists ids; `latest` is the newest run")
    with app.database.read() as connection:
        if run_id == "latest":
            newest = runs.listing(connection, app.settings.team, limit=1)
            if newest:
                return newest[0]
        return runs.find(connection, app.settings.team, run_id)


@contextmanager
def _owned(app: App) -> Iterator[Owner]:
    owner = app.owner()
    try:
        yield owner
    finally:
        owner.close()


@contextmanager
def _engine(
    app: App, executor: Executor, owner: Owner, watch: Watcher | None, leap: Callable[[datetime], None] | None
) -> Iterator[Engine]:
    engine = app.engine(executor, owner, watch, leap)
    try:
        yield engine
    finally:
        engine.close()


def _taken(app: App, run_id: str, owner: Owner) -> Held:
    epoch = take(app.database, run_id, owner)
    if epoch is None:
        raise StateError(f"run {run_id} is held by another engine", remedy=f"see `tidemill show {run_id}`")
    return load(app.database, run_id, epoch, app.clock.now())


def _carry(app: App, engine: Engine, held: Held, begun: Callable[[Running], None] | None) -> RunRecord:
    run_id = held.run.id
    running = Running(engine, run_id, actor())
    engine.hold(held)
    if begun is not None:
        begun(running)
    told = 0
    while engine.holds(run_id):
        while told < running.asked:
            told += 1
            engine.cancel(run_id, running.actor)
        engine.turn()
    return find_run(app, run_id)
