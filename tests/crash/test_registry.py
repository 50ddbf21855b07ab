"""A model is registered once, and its alias is moved once, whoever is killed after that and before it is reported."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path

import pytest

from tests.contract.executor_owner import PATIENCE
from tests.crash import passes
from tests.crash.acting import run_in, settings
from tests.crash.registering import carry, registered
from tidemill.actions.runs import start_run
from tidemill.app import App
from tidemill.authoring.trace import trace
from tidemill.core.states import AttemptState, RunState
from tidemill.storage.metadata import models
from tidemill.testing import attempts_of, outputs

_forking = multiprocessing.get_context("forkserver")


def assert_registered_once(folder: Path) -> None:
    with App(settings(folder)) as app:
        run = run_in(app)
        assert run is not None
        assert run.state is RunState.SUCCEEDED, run.cause
        with app.database.read() as connection:
            (version,) = models.versions(connection, run.team)
            (move,) = models.moves(connection, run.team)
        assert (version.version, version.run, version.path) == (1, run.id, "register")
        assert (move.version, move.alias, move.run) == (1, "champion", run.id)
        told = outputs(app, run, "register")
        # The attempt that was repeated got the answer of the first one.
        assert (told["version"], told["is_new"], told["alias"]) == (1, True, "champion")
        states = [attempt.state for attempt in attempts_of(app, run, "register")]
        assert states == [AttemptState.LOST, AttemptState.SUCCEEDED]


def test_a_task_that_is_killed_after_it_registered_and_before_it_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the two tasks the first one reports too: it is the second report that is cut.
    for name, value in passes.environment(tmp_path / "passes", "worker.before-report", 2).items():
        monkeypatch.setenv(name, value)
    with App(settings(tmp_path)) as app:
        start_run(app, trace(registered))
    assert_registered_once(tmp_path)


@pytest.mark.parametrize("point", ["engine.acted", "engine.effect-recorded"])
def test_an_engine_that_is_killed_before_it_answers(tmp_path: Path, point: str) -> None:
    _carried(tmp_path, passes.environment(tmp_path / "passes", point, 1), -signal.SIGKILL)
    _carried(tmp_path, {}, 0)
    assert_registered_once(tmp_path)


def _carried(folder: Path, environment: dict[str, str], code: int) -> None:
    process = _forking.Process(target=carry, args=(folder, environment))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == code
