"""A pipeline that registers a model, and the engine that carries it in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tests.crash import passes
from tests.crash.acting import run_in, settings
from tidemill import Model, pipeline, task
from tidemill.actions.runs import resume_run, start_run
from tidemill.app import App
from tidemill.authoring.trace import trace
from tidemill.tasks import register


@task
def train() -> Model:
    return {"weight": 1}


@pipeline
def registered():
    register.options(on_lost=5)(train(), "scales", alias="champion", override="there is no gate yet")


def carry(folder: Path, environment: Mapping[str, str]) -> None:
    """Start the run of a folder, or go on with it, in a process that may be killed for it."""
    os.environ.update(environment)
    if passes.WHERE in os.environ:
        passes.arm()
    with App(settings(folder)) as app:
        found = run_in(app)
        if found is None:
            start_run(app, trace(registered))
        elif not found.state.final:
            resume_run(app, found.id)
