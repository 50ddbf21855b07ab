"""The processes that help the executor die or stand still at the wrong moment: tasks go on, or are tried again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.contract.executor_owner import Owner, alive, open_processes, wait_until
from tidemill.core.bindings import FunctionRef
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import OutputSpec, Returns
from tidemill.core.records import Gone, Report, RunFunction
from tidemill.core.states import AttemptState
from tidemill.executors import standstill
from tidemill.executors.tuning import Tuning
from tidemill.storage.logs.files import Record, log_path, read

TEMPLATE, LOGS = "tidemill.worker.template", "tidemill.worker.logs"
CANCEL = Cause(CauseKind.CANCELLED, "cancelled by ann", by="ann")
Opener = Callable[..., Owner]


@pytest.fixture
def opener(tmp_path: Path) -> Iterator[Opener]:
    opened: list[Owner] = []

    def open_one(**more: object) -> Owner:
        opened.append(open_processes(tmp_path, tuning=Tuning(standing_s=0.2, **more)))
        return opened[-1]

    yield open_one
    for one in opened:
        one.executor.close()


def helpers(module: str) -> list[psutil.Process]:
    found = []
    for one in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            # Who has just died has no command line.
            if module in one.cmdline():
                found.append(one)
    return found


def helper_of(owner: Owner, module: str) -> psutil.Process:
    """The youngest; other executors of this process may have theirs."""
    return max(helpers(module), key=lambda one: (one.create_time(), one.pid))


def log_of(owner: Owner, attempt: str) -> list[Record]:
    return list(read(log_path(Path(owner.store).parent / "logs", "run-1", attempt)))


def entry(folder: Path, name: str, text: str) -> RunFunction:
    file = folder / f"{name}.py"
    file.write_text(text)
    return RunFunction(FunctionRef(name, "number", str(file)), Returns.VALUE, {"result": OutputSpec()})


# --- a template that dies ---------------------------------------------------------------------------------------------


def test_one_that_dies_while_it_is_idle_is_replaced(opener: Opener) -> None:
    owner = opener()
    assert owner.result("double", inputs={"x": 1}) == 2
    template = helper_of(owner, TEMPLATE)
    for number in range(3):
        template.kill()
        wait_until(lambda pid=template.pid: not alive(pid))
        # Whether the executor has heard of it yet makes no difference, but for the task that came too early.
        end = owner.run("double", inputs={"x": number})
        if isinstance(end, Gone):
            assert end.lost
            assert "forked from was killed by SIGKILL" in end.cause.message
        assert owner.result("double", inputs={"x": number}) == 2 * number
        template = helper_of(owner, TEMPLATE)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
        ("os._exit(3)", "exited with code 3"),
    ],
)
def test_one_that_dies_while_it_imports_is_told_with_its_last_words(
    opener: Opener, tmp_path: Path, how: str, words: str
) -> None:
    owner = opener()
    once = tmp_path / "once"
    work = entry(
        tmp_path,
        "dies_once",
        "import os, pathlib, signal\n"
        f"once = pathlib.Path({str(once)!r})\n"
        "if not once.exists():\n"
        "    once.touch()\n"
        "    print('my last words', flush=True)\n"
        f"    {how}\n"
        "def number(): return 5\n",
    )
    end = owner.run("number", work=work)
    assert isinstance(end, Gone)
    assert end.lost
    assert f"imports dies_once.py {words}" in end.cause.message
    assert "my last words" in end.cause.message
    assert owner.result("number", work=work) == 5
    assert owner.result("double", inputs={"x": 1}) == 2, "other templates have nothing to do with it"


# --- helpers that stand still -----------------------------------------------------------------------------------------


def test_a_template_that_is_stopped_while_it_is_idle_goes_on(opener: Opener) -> None:
    owner = opener()
    owner.result("double", inputs={"x": 1})
    template = helper_of(owner, TEMPLATE)
    template.suspend()
    attempts = [owner.start("double", inputs={"x": number}) for number in range(5)]
    for number, end in enumerate(owner.ends_of(attempts)):
        assert isinstance(end, Report)
        assert end.outputs == {"result": 2 * number}
    assert helper_of(owner, TEMPLATE) == template


def test_a_template_that_is_stopped_while_a_task_ends_loses_nothing_that_was_reported(opener: Opener) -> None:
    owner = opener(linger_s=0.3)
    attempt = owner.start("swallow")
    owner.pushed(attempt, "waiting")
    helper_of(owner, TEMPLATE).suspend()
    owner.executor.stop(attempt, CANCEL, grace_s=60.0)
    end = owner.end(attempt)
    assert isinstance(end, Report)
    assert (end.state, end.cause) == (AttemptState.CANCELLED, CANCEL)


def test_a_supervisor_that_is_stopped_holds_up_a_loud_task_for_a_while_only(opener: Opener) -> None:
    owner = opener()
    owner.result("speak", inputs={"text": "so that there is a supervisor"})
    supervisor = helper_of(owner, LOGS)
    supervisor.suspend()
    attempt = owner.start("print_a_lot", entry="hostile", inputs={"megabytes": 4})
    report = owner.end(attempt)
    assert isinstance(report, Report)
    assert report.state is AttemptState.SUCCEEDED
    assert report.notes == ()
    assert sum(len(record.text) + 1 for record in log_of(owner, attempt)) == 4 << 20
    assert helper_of(owner, LOGS) == supervisor


@pytest.mark.parametrize("module", [TEMPLATE, LOGS])
def test_a_helper_that_will_not_go_on_is_replaced(opener: Opener, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel cannot be made to say so of a process that was told to go on."""
    deaf: list[int] = []
    monkeypatch.setattr(standstill, "is_stopped", lambda pid: pid in deaf)
    owner = opener()
    attempt = owner.start("print_and_wait", entry="hostile")
    owner.pushed(attempt, "waiting")
    wait_until(lambda: bool(log_of(owner, attempt)))
    helper = helper_of(owner, module)
    deaf.append(helper.pid)
    if module == LOGS:
        wait_until(lambda: any(one != helper for one in helpers(module)))
        owner.executor.stop(attempt, CANCEL, grace_s=60.0)
        end = owner.end(attempt)
        assert isinstance(end, Report)
        assert "had to be replaced" in end.notes[0]
        assert log_of(owner, attempt)[-1].text == "I end"
    else:
        end = owner.end(attempt)
        assert isinstance(end, Gone)
        assert end.lost
        assert "forked from was killed by SIGKILL" in end.cause.message
    assert owner.result("double", inputs={"x": 4}) == 8
