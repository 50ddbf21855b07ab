"""What a task may use of the machine: memory and processes of everything that it starts, by limits that are kept."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.contract.executor_owner import Owner, alive, open_processes, wait_until, wait_until_dead
from tidemill import pipeline, task
from tidemill.actions.runs import start_run
from tidemill.app import App
from tidemill.authoring.trace import trace
from tidemill.core.causes import CauseKind
from tidemill.core.records import Gone, Report
from tidemill.core.states import AttemptState
from tidemill.executors.tuning import Tuning
from tidemill.settings import Settings
from tidemill.testing import attempts_of
from tidemill.worker.control import LEFT_CLEAN

SMALL = {"memory": "200Mi"}
MB = 1 << 20


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    opened = open_processes(tmp_path_factory.mktemp("limits"), tuning=Tuning(processes=200))
    yield opened
    opened.executor.close()


def gone(end: Report | Gone) -> Gone:
    assert isinstance(end, Gone), end
    return end


def nobody_is_left() -> bool:
    """Below the helpers of this process there is nobody whom a task has left: only standby children, without any."""
    helpers = psutil.Process().children()
    return all(not child.children() for helper in helpers for child in helper.children())


# --- memory -----------------------------------------------------------------------------------------------------------


def test_memory_that_grows_beyond_the_limit_ends_the_task_with_the_figures(owner: Owner) -> None:
    end = gone(owner.run("eat_slowly", entry="hostile", resources=SMALL))
    assert end.cause.kind is CauseKind.INFRASTRUCTURE
    assert end.cause.signal == "SIGKILL"
    assert end.cause.message.startswith("out of memory: its limit is 209.7 MB, it used 2")
    assert "(peak 2" in end.cause.message
    assert not end.lost, "its own doing: what follows is up to its retries"
    assert end.usage.peak_bytes > 200 * MB


def test_the_children_of_a_task_count(owner: Owner) -> None:
    attempt = owner.start("eat_in_children", entry="hostile", inputs={"megabytes": 80, "number": 4}, resources=SMALL)
    pids = owner.pushed(attempt, "waiting")
    assert gone(owner.end(attempt)).cause.message.startswith("out of memory: its limit is 209.7 MB")
    assert [pid for pid in pids if alive(pid)] == []


def test_an_allocation_far_beyond_the_limit_is_an_error_that_names_it(owner: Owner) -> None:
    report = owner.run("eat_at_once", entry="hostile", inputs={"megabytes": 8000}, resources=SMALL)
    assert isinstance(report, Report)
    assert report.cause is not None
    assert report.cause.classes[0] == "MemoryError"
    assert report.cause.message == "MemoryError: out of memory: its limit is 209.7 MB"


def test_what_processes_share_counts_once(owner: Owner) -> None:
    inputs = {"megabytes": 90, "number": 4}
    assert owner.result("share_with_children", entry="hostile", inputs=inputs, resources=SMALL) == [0, 0, 0, 0]


def test_a_mapped_file_is_no_memory_of_the_task(owner: Owner) -> None:
    assert owner.result("map_file", entry="hostile", inputs={"megabytes": 1000}, resources=SMALL) is True


def test_a_limit_holds_for_its_own_task_only(owner: Owner) -> None:
    attempt = owner.start("eat_slowly", entry="hostile", resources=SMALL)
    assert owner.result("eat_at_once", entry="hostile", inputs={"megabytes": 300}) == 300 * MB
    assert "out of memory" in gone(owner.end(attempt)).cause.message


def test_a_process_with_a_limit_of_memory_is_nobody_elses(owner: Owner) -> None:
    for _ in range(3):
        assert owner.result("eat_at_once", entry="hostile", inputs={"megabytes": 1}, resources=SMALL, shared=True) == MB
    eaten = owner.result("eat_at_once", entry="hostile", inputs={"megabytes": 700}, shared=True)
    assert eaten == 700 * MB


@task(resources=SMALL, retries=1)
def greedy() -> int:
    kept = bytearray(b"x") * (220 * MB)
    signal.pause()
    return len(kept)


@pipeline
def eating():
    greedy()


def test_a_limit_in_a_pipeline_is_kept_and_the_run_says_why_it_failed(tmp_path: Path) -> None:
    with App(Settings(tmp_path / "home", slots=1)) as app:
        run = start_run(app, trace(eating))
        tried = attempts_of(app, run, "greedy")
    assert run.cause is not None
    assert "out of memory: its limit is 209.7 MB" in run.cause.message
    assert [one.state for one in tried] == [AttemptState.FAILED] * 2
    assert all(one.cause is not None and "(peak 2" in one.cause.message for one in tried)


@pytest.mark.parametrize("resources", [{"memory": "plenty"}, {"processes": "few"}])
def test_a_limit_that_limits_nothing_fails_the_task_before_it_begins(owner: Owner, resources: dict[str, str]) -> None:
    report = owner.run("nothing", resources=resources)
    assert isinstance(report, Report)
    assert report.state is AttemptState.FAILED
    assert report.cause is not None
    assert report.cause.kind is CauseKind.DATA
    (name,) = resources
    assert f"the resource {name!r} is" in report.cause.message


# --- processes --------------------------------------------------------------------------------------------------------


def test_more_processes_than_the_task_says(owner: Owner) -> None:
    end = gone(owner.run("many_children", entry="hostile", inputs={"number": 40}, resources={"processes": 30}))
    assert end.cause.message.startswith("too many processes: its limit is 30")
    wait_until(nobody_is_left)


def test_a_task_may_have_more_if_it_says_so(owner: Owner) -> None:
    attempt = owner.start("many_children", entry="hostile", inputs={"number": 210}, resources={"processes": 300})
    (pid,) = owner.pushed(attempt, "waiting")
    task = psutil.Process(pid)
    wait_until(lambda: len(task.children()) == 210)
    assert owner.result("double", entry="steps", inputs={"x": 1}) == 2
    assert attempt not in owner.ends
    task.kill()
    gone(owner.end(attempt))


def test_a_fork_bomb_is_ended_with_all_of_it(owner: Owner) -> None:
    """It stops growing by itself at twice the limit, for the sake of the machine if the guard is broken."""
    end = gone(owner.run("bomb", entry="hostile", inputs={"number": 400}))
    assert end.cause.message.startswith("too many processes: its limit is 200")
    wait_until(nobody_is_left)
    assert owner.result("double", inputs={"x": 1}) == 2


# --- what is left behind ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "inputs"), [("leave_a_daemon", {}), ("leave_a_chain", {"length": 12})])
def test_no_daemon_of_a_task_outlives_it(owner: Owner, name: str, inputs: dict[str, int]) -> None:
    pids = owner.result(name, entry="hostile", inputs=inputs)
    assert len(pids) == inputs.get("length", 1)
    assert [pid for pid in pids if alive(pid)] == []


@pytest.mark.parametrize("status", [0, LEFT_CLEAN])
def test_nobody_believes_a_task_that_it_left_nothing(owner: Owner, status: int) -> None:
    attempt = owner.start("leave_and_deny_it", entry="hostile", inputs={"status": status})
    (pid,) = owner.pushed(attempt, "waiting")
    assert gone(owner.end(attempt)).cause.exit_code == status
    wait_until_dead([pid])
