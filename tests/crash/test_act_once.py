"""What a task asks the owner of its run to do is done once, whoever is killed after it, and however often."""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter
from pathlib import Path

import pytest

import tidemill.app
from tests.contract.executor_owner import PATIENCE
from tests.crash import passes
from tests.crash.acting import EFFECTS, KILLS, acted, carry, run_in, settings, with_counting
from tidemill.actions.runs import start_run
from tidemill.app import App
from tidemill.authoring.trace import trace
from tidemill.core.states import AttemptState, RunState
from tidemill.storage.metadata import attempts, effects, variables
from tidemill.testing import crash_environment, events_of, gapless

EACH_ONCE = Counter(f"effect{number}" for number in range(EFFECTS))
_forking = multiprocessing.get_context("forkserver")


def ledger_of(folder: Path) -> Counter[str]:
    return Counter((folder / "ledger").read_text().split())


def assert_done_once(folder: Path) -> list[AttemptState]:
    """By the variables, by the answers that the task got, and by what is recorded; how its attempts ended."""
    with App(settings(folder)) as app:
        run = run_in(app)
        assert run is not None
        assert run.state is RunState.SUCCEEDED, run.cause
        assert gapless(events_of(app, run))
        with app.database.read() as connection:
            counted = {name: variables.get(connection, run.team, name) for name in EACH_ONCE}
            tried = attempts.of_run(connection, run.id)
            recorded = [effects.answer(connection, run.id, "acting", "", 0, number + 1) for number in range(EFFECTS)]
    assert counted == dict.fromkeys(EACH_ONCE, 1)
    assert [one.answer for one in recorded if one is not None] == [1] * EFFECTS
    return [one.state for one in tried]


@pytest.fixture
def _counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidemill.app, "ACTIONS", tidemill.app.ACTIONS)
    with_counting()


@pytest.mark.usefixtures("_counting")
def test_a_task_that_is_killed_a_hundred_times_after_its_effects(tmp_path: Path) -> None:
    with App(settings(tmp_path)) as app:
        start_run(app, trace(acted), {"ledger": str(tmp_path / "ledger"), "deadly": KILLS})
    assert assert_done_once(tmp_path) == [AttemptState.LOST] * KILLS + [AttemptState.SUCCEEDED]
    assert ledger_of(tmp_path) == EACH_ONCE
    assert len((tmp_path / "ledger.attempts").read_text().split()) == KILLS + 1


@pytest.mark.usefixtures("_counting")
def test_a_task_that_is_killed_as_it_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in crash_environment("worker.before-report", once=tmp_path / "died").items():
        monkeypatch.setenv(name, value)
    with App(settings(tmp_path)) as app:
        start_run(app, trace(acted), {"ledger": str(tmp_path / "ledger")})
    assert assert_done_once(tmp_path) == [AttemptState.LOST, AttemptState.SUCCEEDED]
    assert ledger_of(tmp_path) == EACH_ONCE


@pytest.mark.parametrize("nth", range(1, EFFECTS + 1))
@pytest.mark.parametrize("point", ["engine.acted", "engine.effect-recorded"])
def test_an_engine_that_is_killed_before_it_answers(tmp_path: Path, point: str, nth: int) -> None:
    """What is written with the record is done once; what an effect does elsewhere may be repeated before the record."""
    _carried(tmp_path, passes.environment(tmp_path / "passes", point, nth), -signal.SIGKILL)
    _carried(tmp_path, {}, 0)
    assert assert_done_once(tmp_path) == [AttemptState.LOST, AttemptState.SUCCEEDED]
    twice = Counter({f"effect{nth - 1}": 1}) if point == "engine.acted" else Counter()
    assert ledger_of(tmp_path) == EACH_ONCE + twice


def _carried(folder: Path, environment: dict[str, str], code: int) -> None:
    process = _forking.Process(target=carry, args=(folder, environment))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == code
