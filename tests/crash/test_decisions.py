"""A decision is in the chain once, whoever is killed between the effect and the report, and the chain is whole."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path

import pytest

from tests.contract.executor_owner import PATIENCE
from tests.crash.deciding import KILLS, carry, settings
from tidemill.actions.decisions import list_decisions, verify_decisions
from tidemill.app import App
from tidemill.core.states import AttemptState, RunState
from tidemill.storage.metadata import attempts, effects, runs

POINTS = ["engine.acted", "metadata.before-commit", "metadata.after-commit", "engine.effect-recorded"]
_forking = multiprocessing.get_context("forkserver")


def carried(folder: Path, code: int, deadly: int = 0, point: str = "") -> None:
    process = _forking.Process(target=carry, args=(folder, deadly, point))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == code


def assert_decided_once(folder: Path) -> list[AttemptState]:
    """By the chain, and by the answer that the task got; how its attempts ended."""
    with App(settings(folder)) as app:
        with app.database.read() as connection:
            (run,) = runs.listing(connection, app.settings.team)
            tried = attempts.of_run(connection, run.id)
            answer = effects.answer(connection, run.id, "decide", "", 0, 1)
        (found,) = list_decisions(app)
        verified = verify_decisions(app)
    assert run.state is RunState.SUCCEEDED, run.cause
    assert answer is not None
    assert answer.answer == {"id": found.id, "number": 1, "digest": found.digest}
    assert (verified.whole, verified.count) == (True, 1)
    return [one.state for one in tried]


def test_a_task_that_is_killed_after_its_decision(tmp_path: Path) -> None:
    carried(tmp_path, 0, deadly=KILLS)
    assert assert_decided_once(tmp_path) == [AttemptState.LOST] * KILLS + [AttemptState.SUCCEEDED]


@pytest.mark.parametrize("point", POINTS)
def test_an_engine_that_is_killed_as_it_records_a_decision(tmp_path: Path, point: str) -> None:
    carried(tmp_path, -signal.SIGKILL, point=point)
    carried(tmp_path, 0)
    assert assert_decided_once(tmp_path) == [AttemptState.LOST, AttemptState.SUCCEEDED]
