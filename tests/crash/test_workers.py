"""What tasks and machines do to processes, and what the process executor says about it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.contract.executor_owner import PATIENCE, Owner, alive, open_processes, wait_until, wait_until_dead
from tidemill.core.bindings import FunctionRef
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import OutputSpec, Returns
from tidemill.core.records import Gone, Report, RunFunction
from tidemill.core.states import AttemptState
from tidemill.executors.tuning import Tuning
from tidemill.storage.logs.files import log_path, read

ROOT = Path(__file__).resolve().parents[2]
CANCEL = Cause(CauseKind.CANCELLED, "cancelled by ann", by="ann")
Opener = Callable[..., Owner]


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    opened = open_processes(tmp_path_factory.mktemp("shared"), tuning=Tuning(timeout_grace_s=0.1))
    yield opened
    opened.executor.close()


@pytest.fixture
def opener(tmp_path: Path) -> Iterator[Opener]:
    """Executors of a test's own, closed after it."""
    opened: list[Owner] = []

    def open_one(**more: object) -> Owner:
        opened.append(open_processes(tmp_path, **more))
        return opened[-1]

    yield open_one
    for one in opened:
        one.executor.close()


def gone(end: Report | Gone) -> Gone:
    assert isinstance(end, Gone), end
    return end


def log_text(owner: Owner, attempt: str) -> str:
    path = log_path(Path(owner.store).parent / "logs", "run-1", attempt)
    return "\n".join(record.text for record in read(path))


# --- processes that end by themselves ---------------------------------------------------------------------------------


def test_a_segmentation_fault_is_named_and_leaves_a_stack_in_the_log(owner: Owner) -> None:
    attempt = owner.start("crash")
    end = gone(owner.end(attempt))
    assert end.cause.kind is CauseKind.INFRASTRUCTURE
    assert end.cause.signal == "SIGSEGV"
    assert "killed by SIGSEGV" in end.cause.message
    assert "steps.py" in log_text(owner, attempt)


def test_a_hard_exit_is_named_with_its_code(owner: Owner) -> None:
    end = gone(owner.run("exit_hard"))
    assert end.cause.exit_code == 3
    assert "exited with code 3 before reporting" in end.cause.message


def test_sigkill_by_somebody_else_is_told_with_the_peak(owner: Owner) -> None:
    end = gone(owner.run("kill_self"))
    assert end.cause.signal == "SIGKILL"
    assert "by something outside, peak memory" in end.cause.message
    assert end.usage.peak_bytes > 1 << 20


def test_sigterm_by_somebody_else_is_no_cancellation(owner: Owner) -> None:
    attempt = owner.start("wait_for_ever")
    os.kill(owner.pushed(attempt, "waiting"), signal.SIGTERM)
    end = gone(owner.end(attempt))
    assert (end.cause.kind, end.cause.signal) == (CauseKind.INFRASTRUCTURE, "SIGTERM")


def test_memory_beyond_the_limit_is_an_error_of_the_task(owner: Owner) -> None:
    report = owner.run("eat", inputs={"megabytes": 8000}, resources={"memory": "2GB"})
    assert isinstance(report, Report)
    assert report.cause is not None
    assert report.cause.classes[0] == "MemoryError"


def test_usage_is_that_of_the_process(owner: Owner) -> None:
    report = owner.run("spin", inputs={"seconds": 0.2})
    assert isinstance(report, Report)
    assert report.usage.cpu_s >= 0.2
    assert report.usage.peak_bytes >= 64 << 20


def test_a_process_that_hangs_after_its_report_is_ended(opener: Opener) -> None:
    owner = opener(tuning=Tuning(linger_s=0.1))
    report = owner.run("hang_at_exit")
    assert isinstance(report, Report)
    assert report.outputs == {"result": 1}
    assert "did not end by itself" in report.notes[0]


# --- processes that are ended -----------------------------------------------------------------------------------------


def test_a_timeout_ends_even_who_ignores_sigterm(owner: Owner) -> None:
    attempt = owner.start("stubborn", timeout=0.2)
    pid = owner.pushed(attempt, "waiting")
    end = gone(owner.end(attempt))
    assert end.timed_out
    assert end.cause.kind is CauseKind.TIMED_OUT
    assert "0.2 s" in end.cause.message
    assert end.cause.signal == "SIGKILL"
    assert not alive(pid)


def test_a_stop_interrupts_and_lets_clean_up(owner: Owner) -> None:
    attempt = owner.start("swallow")
    owner.pushed(attempt, "waiting")
    owner.executor.stop(attempt, CANCEL, grace_s=60.0)
    end = owner.end(attempt)
    assert isinstance(end, Report)
    assert (end.state, end.cause) == (AttemptState.CANCELLED, CANCEL)
    assert owner.pushed(attempt, "cleaned") is True


def test_a_stop_ends_who_ignores_sigterm_after_the_grace(owner: Owner) -> None:
    attempt = owner.start("stubborn")
    owner.pushed(attempt, "waiting")
    owner.executor.stop(attempt, CANCEL, grace_s=0.1)
    end = gone(owner.end(attempt))
    assert (end.cause.kind, end.cause.by, end.cause.signal) == (CauseKind.CANCELLED, "ann", "SIGKILL")
    assert not end.timed_out


def test_a_stop_before_the_process_exists(opener: Opener) -> None:
    owner = opener()
    attempt = owner.start("wait_for_ever")
    owner.executor.stop(attempt, CANCEL)
    end = owner.end(attempt)
    assert end.cause == CANCEL


def test_closing_ends_what_is_out(opener: Opener) -> None:
    owner = opener()
    attempt = owner.start("stubborn")
    pid = owner.pushed(attempt, "waiting")
    owner.executor.close()
    assert gone(owner.end(attempt)).cause.message == "the executor was closed"
    assert not alive(pid)


# --- what is left behind ----------------------------------------------------------------------------------------------


def test_no_child_of_a_task_outlives_it(owner: Owner) -> None:
    pids = owner.result("leave_children")
    assert len(pids) == 3
    assert [pid for pid in pids if alive(pid)] == []


def test_two_hundred_tasks_leave_nothing_behind(owner: Owner) -> None:
    me = psutil.Process()

    def burst() -> None:
        attempts = [owner.start("double", inputs={"x": n}) for n in range(4)]
        for end in owner.ends_of(attempts):
            assert isinstance(end, Report)
            assert end.state is AttemptState.SUCCEEDED

    def waiting() -> int:
        # Who is leaving at this moment cannot be asked any more.
        with contextlib.suppress(psutil.Error):
            parents = [child.ppid() for child in me.children(recursive=True)]
            return len(parents) - parents.count(me.pid)
        return 0

    # Until there are as many processes as there will ever be: two at work, two that wait.
    wait_until(lambda: burst() is None and waiting() >= 4)
    descriptors = me.num_fds()
    for _ in range(50):
        burst()
    assert me.num_fds() <= descriptors
    wait_until(lambda: waiting() == 4)
    assert owner.result("descriptors") < 16


# --- hostile tasks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["close_everything", "take_the_channel"])
def test_a_task_that_closes_its_channel_is_gone_with_a_cause(owner: Owner, name: str) -> None:
    end = gone(owner.run(name))
    assert "lost its channel" in end.cause.message


@pytest.mark.parametrize("name", ["write_junk", "write_wrong_json"])
def test_bytes_that_are_no_message_end_the_task_and_nothing_else(owner: Owner, name: str) -> None:
    end = gone(owner.run(name))
    assert "something that is not a message" in end.cause.message
    assert owner.result("double", inputs={"x": 1}) == 2


def test_fifty_megabytes_of_output_are_capped_and_hold_up_nobody(opener: Opener) -> None:
    owner = opener(tuning=Tuning(log_bytes=1 << 20))
    loud = owner.start("shout", inputs={"megabytes": 50})
    assert owner.result("double", inputs={"x": 1}) == 2
    report = owner.end(loud)
    assert isinstance(report, Report)
    assert report.state is AttemptState.SUCCEEDED
    path = log_path(Path(owner.store).parent / "logs", "run-1", loud)
    assert path.stat().st_size < 2 << 20
    assert "were dropped" in log_text(owner, loud)


# --- entries ----------------------------------------------------------------------------------------------------------


def test_an_entry_with_a_thread_is_spawned_and_says_so(opener: Opener) -> None:
    owner = opener()
    assert owner.result("double", entry="threaded", inputs={"x": 4}) == 8
    (note,) = owner.notes()
    assert "threaded.py run in fresh processes" in note
    assert note.endswith("still alive: background")
    report = owner.run("fail", entry="threaded")
    assert isinstance(report, Report)
    assert report.cause is not None
    assert report.cause.message == "ValueError: spawned trouble"
    assert len(owner.notes()) == 1


def test_an_openmp_region_that_has_run_is_noticed(opener: Opener, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    (tmp_path / "boosted.py").write_text(
        "from sklearn.ensemble import HistGradientBoostingClassifier as Model\n"
        "from sklearn.datasets import load_breast_cancer\n"
        "x, y = load_breast_cancer(return_X_y=True)\n"
        "model = Model(max_iter=2).fit(x, y)\n"
        "def score(): return float(Model(max_iter=2).fit(x, y).score(x, y))\n"
    )
    owner = opener(environment={"OMP_NUM_THREADS": "2"})
    work = RunFunction(
        FunctionRef("boosted", "score", str(tmp_path / "boosted.py")), Returns.VALUE, {"result": OutputSpec()}
    )
    assert owner.result("score", work=work) > 0.5
    assert "OpenMP" in owner.notes()[0]


def test_an_entry_that_ends_the_process_is_told_with_its_last_words(owner: Owner) -> None:
    end = gone(owner.run("any", entry="dying"))
    assert "imports dying.py exited with code 7" in end.cause.message
    assert "about to die" in end.cause.message


def test_an_entry_that_never_imports_is_given_up(opener: Opener, tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text("import signal\nsignal.pause()\n")
    owner = opener(tuning=Tuning(import_s=0.2))
    work = RunFunction(FunctionRef("endless", "f", str(tmp_path / "endless.py")), Returns.VALUE, {})
    end = gone(owner.run("f", work=work))
    assert "took more than 0.2 s" in end.cause.message


def test_few_templates_serve_many_entries(opener: Opener, tmp_path: Path) -> None:
    owner = opener(tuning=Tuning(templates=2))
    for n in range(4):
        file = tmp_path / f"entry{n}.py"
        file.write_text(f"def number(): return {n}\n")
        work = RunFunction(FunctionRef(f"entry{n}", "number", str(file)), Returns.VALUE, {"result": OutputSpec()})
        assert owner.result("number", work=work) == n
    commands = [" ".join(one.cmdline()) for one in psutil.Process().children()]
    assert len([command for command in commands if str(tmp_path) in command and "template" in command]) == 2


def test_modules_that_came_along_share_a_template(opener: Opener, tmp_path: Path) -> None:
    package = tmp_path / "project" / "parts"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "inner.py").write_text("from . import sibling\ndef value(): return sibling.VALUE\n")
    (package / "sibling.py").write_text("VALUE = 5\n")
    (tmp_path / "project" / "main.py").write_text("from parts.inner import value\ndef outer(): return value()\n")
    owner = opener()

    def result(module: str, name: str, file: Path) -> object:
        work = RunFunction(FunctionRef(module, name, str(file)), Returns.VALUE, {"result": OutputSpec()})
        return owner.result(name, work=work)

    assert result("main", "outer", tmp_path / "project" / "main.py") == 5
    assert result("parts.inner", "value", package / "inner.py") == 5
    commands = [" ".join(one.cmdline()) for one in psutil.Process().children()]
    assert len([command for command in commands if str(tmp_path) in command and "template" in command]) == 1


def test_the_environment_is_clean(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMILL_DATABASE_URL", "postgresql://ann:secret@host/db")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    owner = opener(environment={"GIVEN": "1"})
    found = owner.result("environment")
    assert found["GIVEN"] == "1"
    assert found["PYTHONHASHSEED"] == "0"
    assert "PATH" in found
    assert "secret" not in " ".join(found.values())


# --- helpers that die -------------------------------------------------------------------------------------------------


def _helpers(module: str) -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if module in one.cmdline()]


def test_a_template_that_is_killed_takes_its_tasks_along_and_is_replaced(opener: Opener) -> None:
    before = {one.pid for one in _helpers("tidemill.worker.template")}
    owner = opener()
    attempt = owner.start("start_children_and_wait")
    pids = owner.pushed(attempt, "waiting")
    (template,) = [one for one in _helpers("tidemill.worker.template") if one.pid not in before]
    template.kill()
    end = gone(owner.end(attempt))
    assert end.cause.kind is CauseKind.INFRASTRUCTURE
    assert "forked from was killed by SIGKILL" in end.cause.message
    # One of them has left its group, and its guardian is dead.
    wait_until_dead(pids)
    assert owner.result("double", inputs={"x": 1}) == 2


def test_a_standby_that_is_killed_is_nobodys_failure(opener: Opener) -> None:
    owner = opener()
    owner.result("double", inputs={"x": 1})
    (template,) = [one for one in _helpers("tidemill.worker.template") if one.children()][-1:]
    for standby in template.children():
        standby.kill()
    assert owner.result("double", inputs={"x": 2}) == 4


def test_a_supervisor_of_logs_that_is_killed_is_replaced(opener: Opener) -> None:
    before = {one.pid for one in _helpers("tidemill.worker.logs")}
    owner = opener()
    attempt = owner.start("print_and_wait", entry="hostile")
    owner.pushed(attempt, "waiting")
    wait_until(lambda: bool(log_text(owner, attempt)))
    (supervisor,) = [one for one in _helpers("tidemill.worker.logs") if one.pid not in before]
    supervisor.kill()
    next_attempt = owner.start("speak", inputs={"text": "still here"})
    report = owner.end(next_attempt)
    assert isinstance(report, Report)
    assert report.state is AttemptState.SUCCEEDED
    assert "out: still here" in log_text(owner, next_attempt)
    owner.executor.stop(attempt, CANCEL)
    end = owner.end(attempt)
    assert isinstance(end, Report)
    assert "had to be replaced" in end.notes[0]


def test_nothing_is_left_of_an_engine_that_was_killed(tmp_path: Path) -> None:
    program = [sys.executable, str(ROOT / "tests" / "crash" / "doomed_engine.py"), str(tmp_path)]
    engine = subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert engine.stdout is not None
    assert engine.stdin is not None
    with engine, engine.stdout, engine.stdin:
        pids = json.loads(engine.stdout.readline())
        helpers = [one.pid for one in psutil.Process(engine.pid).children(recursive=True)]
        assert set(pids) <= set(helpers)
        engine.kill()
    wait_until_dead([*pids, *helpers])


def test_an_executor_that_fails_tells_of_every_attempt(opener: Opener) -> None:
    owner = opener()
    attempt = owner.start("wait_for_ever")
    pid = owner.pushed(attempt, "waiting")
    caught: queue.Queue[threading.ExceptHookArgs] = queue.Queue()
    before, threading.excepthook = threading.excepthook, caught.put
    try:
        owner.executor._loop.post(lambda loop: 1 / 0)
        end = gone(owner.end(attempt))
        assert "the executor failed: ZeroDivisionError" in end.cause.message
        assert caught.get(timeout=PATIENCE).exc_type is ZeroDivisionError
    finally:
        threading.excepthook = before
    assert not alive(pid)
    assert "the executor failed" in gone(owner.run("double", inputs={"x": 1})).cause.message


# --- crash points -----------------------------------------------------------------------------------------------------


def _armed(opener: Opener, where: str) -> Owner:
    environment = {
        "TIDEMILL_TEST_ARM": "tests.crash.arming:arm",
        "TIDEMILL_CRASH": where,
        "PYTHONPATH": str(ROOT),
    }
    return opener(environment=environment)


def test_killed_before_the_report(opener: Opener) -> None:
    end = gone(_armed(opener, "worker.before-report").run("double", inputs={"x": 1}))
    assert end.cause.signal == "SIGKILL"


def test_killed_after_the_report(opener: Opener) -> None:
    report = _armed(opener, "worker.after-report").run("double", inputs={"x": 1})
    assert isinstance(report, Report)
    assert report.outputs == {"result": 2}


@pytest.mark.parametrize("where", ["template.before-fork", "template.after-fork"])
def test_killed_around_the_fork(opener: Opener, where: str) -> None:
    owner = _armed(opener, where)
    end = owner.run("double", inputs={"x": 1})
    # The forked child may have been faster than the death of its parent.
    assert isinstance(end, Report) or "forked from was killed" in end.cause.message
