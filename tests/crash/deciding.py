"""A task that has a decision recorded, and the engine that carries it, which may be killed as it records it."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

from tidemill import current, pipeline, task
from tidemill.actions.runs import resume_run, start_run
from tidemill.app import App
from tidemill.authoring.trace import trace
from tidemill.core import crash
from tidemill.settings import Settings
from tidemill.storage.metadata import runs

KILLS = 3


@task(on_lost=KILLS + 1)
def decide(deadly: int) -> dict[str, Any]:
    """Decides as often as it is tried; the first `deadly` attempts end before they can tell."""
    answer = current().act(
        "record_decision", kind="gate", model="churn", judgement={"verdict": "PASS", "reasons": ["it is better"]}
    )
    if current().attempt <= deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return dict(answer)


@pipeline
def deciding(deadly: int = 0) -> None:
    decide(deadly)


def settings(folder: Path) -> Settings:
    return Settings(folder / "home", slots=2, sweep_seconds=0.5)


def carry(folder: Path, deadly: int, point: str) -> None:
    """Start the run of a folder, or go on with it; at `point`, passed for the effect, this process ends."""
    if point:
        kill = partial(os.kill, os.getpid(), signal.SIGKILL)
        # The commit that follows is that of the effect, and no other.
        crash.arm("engine.acted", kill if point == "engine.acted" else partial(crash.arm, point, kill))
    with App(settings(folder)) as app:
        with app.database.read() as connection:
            found = runs.listing(connection, app.settings.team)
        if not found:
            start_run(app, trace(deciding), {"deadly": deadly})
        elif not found[0].state.final:
            resume_run(app, found[0].id)
