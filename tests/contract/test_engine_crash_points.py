"""What `tidemill.testing` gives to those who test crashes: points armed in this process and in others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidemill import current, pipeline, task
from tidemill.actions.runs import find_run, start_run
from tidemill.authoring.trace import trace
from tidemill.core.errors import InputError
from tidemill.core.states import RunState
from tidemill.storage.metadata.database import Database
from tidemill.testing import InlineApp, arm, attempts_of, crash_environment, disarm, events_of, gapless, kill_at

PROGRAM = """
import sys
from tidemill.testing.crash import from_environment
from tidemill.storage.metadata.database import Database

from_environment()
database = Database.open(sys.argv[1])
for number in (1, 2, 3):
    with database.write():
        pass
    print(number, flush=True)
"""


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    disarm()


@task
def counted() -> int:
    return current().attempt


@pipeline
def counting():
    return counted()


class Crash(BaseException):
    """Stands for the end of this process."""


def crash() -> None:
    raise Crash


@pytest.mark.parametrize("point", ["engine.committed", "engine.started"])
def test_an_engine_that_crashes_here_is_followed_by_another(home: InlineApp, point: str) -> None:
    arm(point, crash)
    with pytest.raises(Crash):
        home.run(counting)
    disarm()
    assert find_run(home, "latest").state is RunState.RUNNING
    run = home.resume("latest")
    assert run.state is RunState.SUCCEEDED
    assert gapless(events_of(home, run))
    assert [one.state.value for one in attempts_of(home, run, "counted")] == ["lost", "succeeded"]


def test_a_commit_that_was_under_way_is_as_if_it_had_not_been(home: InlineApp) -> None:
    with pytest.raises(Crash):
        home.run(counting, watch=lambda run, moves: arm("metadata.before-commit", crash))
    disarm()
    seen = events_of(home, find_run(home, "latest"))
    assert [event.kind for event in seen][-1] == "attempt.started"
    run = home.resume("latest")
    assert run.state is RunState.SUCCEEDED
    assert events_of(home, run)[: len(seen)] == seen


@pytest.mark.parametrize(("nth", "seen"), [(2, "1\n"), (3, "1\n2\n")])
def test_a_process_dies_at_the_pass_that_was_asked_for(home: InlineApp, nth: int, seen: str) -> None:
    environment = {**os.environ, **crash_environment("metadata.after-commit", nth)}
    command = [sys.executable, "-c", PROGRAM, home.settings.database]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout == seen
    Database.open(home.settings.database).close()


def test_a_worker_dies_once_and_the_run_goes_on(
    home: InlineApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = tmp_path / "died"
    for name, value in crash_environment("worker.before-report", once=once).items():
        monkeypatch.setenv(name, value)
    run = start_run(home, trace(counting), executor="processes")
    assert once.exists()
    assert run.state is RunState.SUCCEEDED
    assert [one.state.value for one in attempts_of(home, run, "counted")] == ["lost", "succeeded"]


def test_there_is_no_pass_before_the_first() -> None:
    with pytest.raises(InputError, match="no pass number 0"):
        kill_at("engine.committed", 0)
