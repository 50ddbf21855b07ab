"""A pipeline whose tasks act and are killed after it, and the engine that carries it in a process of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tidemill.app
from tests.crash import passes
from tidemill import current, pipeline, task
from tidemill.actions.runs import resume_run, start_run
from tidemill.app import App
from tidemill.authoring.trace import trace
from tidemill.core.history import RunRecord
from tidemill.core.values import Value
from tidemill.engine.requests import ActionContext
from tidemill.settings import Settings
from tidemill.storage.metadata import runs, variables

KILLS = 100
EFFECTS = 3


def count(context: ActionContext, arguments: Mapping[str, Any]) -> Value:
    """An effect that cannot be done twice unseen: one more in a variable, and a line in a file outside."""
    name, ledger = arguments["name"], Path(arguments["ledger"])
    number = 1
    if name in variables.listing(context.connection, context.team):
        number += variables.get(context.connection, context.team, name)
    variables.put(context.connection, context.team, name, number, context.now)
    note(ledger, name)
    return number


def note(ledger: Path, line: str) -> None:
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{line}\n".encode())
    os.close(file)


@task(on_lost=KILLS + EFFECTS)
def acting(ledger: str, deadly: int) -> list:
    """The first `deadly` attempts end after one of their effects; what kills them is not the same each time."""
    attempt = current().attempt
    note(Path(f"{ledger}.attempts"), str(attempt))
    answers = []
    for number in range(EFFECTS):
        answers.append(current().act("count", name=f"effect{number}", ledger=ledger))
        if attempt <= deadly and attempt % (EFFECTS + 1) == number:
            os.kill(os.getpid(), signal.SIGKILL)
    if attempt <= deadly:
        # With everything done, before anybody is told.
        os.kill(os.getpid(), signal.SIGTERM if attempt % 8 == 7 else signal.SIGKILL)
    return answers


@pipeline
def acted(ledger: str, deadly: int = 0):
    acting(ledger, deadly)


def with_counting() -> None:
    """Let engines of this process know the effect."""
    tidemill.app.ACTIONS = {**tidemill.app.ACTIONS, "count": count}


def settings(folder: Path) -> Settings:
    return Settings(folder / "home", slots=2, sweep_seconds=0.5)


def carry(folder: Path, environment: Mapping[str, str]) -> None:
    """Start the run of a folder, or go on with it, in a process that may be killed for it."""
    os.environ.update(environment)
    if passes.WHERE in os.environ:
        passes.arm()
    with_counting()
    with App(settings(folder)) as app:
        found = run_in(app)
        if found is None:
            start_run(app, trace(acted), {"ledger": str(folder / "ledger")})
        elif not found.state.final:
            resume_run(app, found.id)


def run_in(app: App) -> RunRecord | None:
    with app.database.read() as connection:
        found = runs.listing(connection, app.settings.team, limit=2)
    assert len(found) <= 1
    return found[0] if found else None
