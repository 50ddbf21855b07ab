"""An engine that serves: it takes whatever runs nobody carries, until it is told to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tidemill.actions.runs import code_now
from tidemill.app import App
from tidemill.core.errors import Unfinished
from tidemill.core.graph import Call, Pipeline, walk_nodes
from tidemill.engine.claiming import Claimer, Found, Tell, Wanted
from tidemill.engine.held import Held
from tidemill.engine.loop import Engine, Watcher

__all__ = ["Found", "Serving", "serve"]


@dataclass(slots=True)
class Serving:
    """An engine at work: `stop` may be called from a signal handler."""

    engine: Engine
    owner: str
    slots: int
    asked: int = 0

    def stop(self) -> None:
        """Take nothing more, and let go of the runs in good order."""
        self.asked += 1
        self.engine.wake()


def serve(
    app: App,
    *,
    slots: int = 0,
    once: bool = False,
    watch: Watcher | None = None,
    tell: Tell = lambda found, run, why: None,
    begun: Callable[[Serving], None] = lambda serving: None,
) -> None:
    """Carry runs until somebody stops it; with `once` until there is nothing left to take. `slots` 0: as set.

    Raises Unfinished if the database is away for longer than it is to be waited for.
    """
    settings = app.settings
    executor = app.executor(slots=slots)
    wanted = Wanted(settings.team, executor.name, missing_file, lambda run: code_now(app, run))
    owner = app.owner()
    try:
        engines: list[Engine] = []
        claimer = Claimer(
            app.database,
            owner,
            app.clock,
            wanted,
            lease_s=settings.lease_seconds,
            every_s=settings.sweep_seconds,
            tell=tell,
            wake=lambda: engines[0].wake(),
        )
        engine = app.engine(executor, owner, watch, troubled=claimer.troubled, rung=claimer.ask)
        engines.append(engine)
        try:
            serving = Serving(engine, owner.id, executor.slots)
            claimer.start()
            begun(serving)
            _serve(engine, claimer, serving, once, settings.database_patience_seconds)
            claimer.close()
            engine.leave()
        finally:
            claimer.close()
            engine.close()
    finally:
        owner.close()


def _serve(engine: Engine, claimer: Claimer, serving: Serving, once: bool, patience: float) -> None:
    carried = 0
    while not serving.asked:
        if carried and not engine.holding:
            claimer.ask()
        for held in claimer.take_ready():
            _hold(engine, claimer, held)
        claimer.offer(engine.room)
        carried = engine.holding
        if once and not engine.holding and claimer.found_nothing:
            return
        away = claimer.away_since
        if patience > 0 and away is not None and time.monotonic() - away >= patience:
            raise Unfinished(
                f"given up after {time.monotonic() - away:.0f} s without the database",
                remedy="start `tidemill engine` again once the database is back: it goes on with what is unfinished",
            )
        engine.turn()


def _hold(engine: Engine, claimer: Claimer, held: Held) -> None:
    try:
        engine.hold(held)
    except Exception as problem:
        claimer.troubled(held, problem)


def missing_file(pipeline: Pipeline) -> str:
    """The first file with code of the pipeline that is not on this machine, or ""."""
    named = {node.body.function.file for _, node in walk_nodes(pipeline.root) if isinstance(node.body, Call)}
    return next((file for file in sorted(named) if file and not Path(file).is_file()), "")
