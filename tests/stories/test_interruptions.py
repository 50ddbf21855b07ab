"""A run is interrupted: by Ctrl-C, by a kill, by somebody else. It ends as cancelled, or it can be gone on with."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.stories.terminal import Begun, Folder, processes_of

# The tasks wait for what a test does, never for a time.
WAITING = """
import signal, sys, time
from pathlib import Path
from tidemill import at_end, each, pipeline, task

HERE = Path(__file__).parent

def hold(name):
    (HERE / f"{name}.begun").touch()
    print("holding", name, flush=True)
    while not (HERE / "go").exists():
        time.sleep(0.01)

@task
def first() -> int:
    with open(HERE / "ledger", "a") as ledger:
        ledger.write("first\\n")
    return 1

@task
def long(x: int) -> int:
    hold(f"long{x}")
    return x

@task
def after(xs: list[int]) -> int:
    return sum(xs)

@task
def tidy() -> None:
    (HERE / "tidied").touch()

@pipeline
def waiting(n: int = 2):
    x = first()
    after(each(long, over={"x": [1, 2]}))
    with at_end():
        tidy()
"""


@pytest.fixture
def waiting(folder: Folder) -> Folder:
    folder.write("waiting.py", WAITING)
    return folder


def begin(folder: Folder, *arguments: str) -> Begun:
    begun = folder.begin("run", "waiting.py", *arguments)
    begun.until("long[0] running")
    begun.until("long[1] running")
    return begun


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_cancels_cleanly(waiting: Folder, number: signal.Signals) -> None:
    begun = begin(waiting)
    begun.signal(number, group=True)
    code, printed, errors = begun.end()
    assert (code, errors) == (4, "")
    assert "cancelling: tasks are asked to stop; press Ctrl-C again to stop teardowns too" in printed
    assert "■ cancelled  waiting  run " in printed
    assert "Traceback" not in printed
    assert (waiting.path / "tidied").exists()
    assert processes_of(waiting.path) == []
    run = waiting.document("show", "latest")
    assert run["state"] == "cancelled"
    states = {task["task"]: task["state"] for task in run["tasks"]}
    assert (states["first"], states["long[0]"], states["after"]) == ("succeeded", "cancelled", "cancelled")
    assert states["tidy"] == "succeeded"

    (waiting.path / "go").touch()
    assert waiting.document("retry", "latest")["state"] == "succeeded"


def test_an_inline_task_is_interrupted_at_once(waiting: Folder) -> None:
    begun = waiting.begin("run", "waiting.py", "--executor", "inline")
    begun.until("holding long1")
    begun.signal(signal.SIGINT, group=True)
    code, printed, errors = begun.end()
    assert (code, errors) == (4, "")
    assert "■ cancelled  waiting  run " in printed
    assert waiting.document("runs", "--state", "cancelled")["runs"][0]["cause"]["message"].endswith(": interrupted")
    assert (waiting.path / "tidied").exists()


def test_an_interruption_while_the_file_is_read_leaves_nothing(folder: Folder) -> None:
    folder.write(
        "slow.py",
        "import sys, time\nfrom pathlib import Path\n"
        "sys.stdout.write('reading\\n'); sys.stdout.flush()\nPath('begun').touch()\ntime.sleep(600)\n",
    )
    begun = folder.begin("run", "slow.py", PYTHONUNBUFFERED="1")
    assert begun.process.stderr is not None
    assert begun.process.stderr.readline() == "reading\n"
    begun.signal(signal.SIGINT, group=True)
    code, printed, errors = begun.end()
    assert (code, printed.strip(), errors.strip()) == (4, "", "cancelled")
    assert processes_of(folder.path) == []
    assert not (folder.path / ".tidemill").exists()


def test_somebody_else_cancels(waiting: Folder) -> None:
    begun = begin(waiting)
    said = waiting.document("cancel", "latest", "--reason", "wrong data")
    assert said["pipeline"] == "waiting"
    code, printed, _ = begun.end()
    assert code == 4
    assert "wrong data" in printed
    assert waiting.document("show", "latest")["cause"]["message"].endswith(": wrong data")


def test_a_killed_engine_is_noticed_and_its_run_goes_on(waiting: Folder) -> None:
    begun = begin(waiting)
    begun.process.kill()
    code, _, _ = begun.end()
    assert code == -signal.SIGKILL
    run = waiting.document("show", "latest")
    assert (run["state"], run["carried"]) == ("running", "gone")
    assert f"tidemill resume {run['id']} goes on." in waiting.ok("show", "latest").partition("TASK")[0]
    assert f"its engine is gone: tidemill resume {run['id']} goes on" in waiting.ok("runs")
    found = [one for one in waiting.document("doctor")["findings"] if one["name"] == "runs"]
    assert found == [
        {
            "name": "runs",
            "level": "warning",
            "text": f"run {run['id']} of waiting is running, and its engine is gone",
            "remedy": f"tidemill resume {run['id']}, or tidemill cancel {run['id']}",
        }
    ]
    (waiting.path / "go").touch()
    assert waiting.document("resume", "latest")["state"] == "succeeded"
    assert (waiting.path / "ledger").read_text() == "first\n"
    assert waiting.call("resume", "latest").returncode == 2


def test_a_killed_run_can_be_cancelled_without_an_engine(waiting: Folder) -> None:
    begun = begin(waiting)
    begun.process.kill()
    begun.end()
    assert waiting.document("cancel", "latest")["state"] == "cancelled"
    assert processes_of(waiting.path) == []


def test_logs_are_followed_to_the_end_of_the_task(waiting: Folder) -> None:
    begun = begin(waiting)
    shown = waiting.ok("show", "latest")
    assert " so far\n" in shown
    assert re.search(r"long\[1\] +● running +1 +\d", shown)
    following = waiting.begin("logs", "latest", "long[1]", "-f")
    following.until("holding long2")
    (waiting.path / "go").touch()
    assert following.end()[0] == 0
    assert begun.end()[0] == 0


ASKING = """
from typing import Any
from tidemill import pipeline, task, wait_for_approval, wait_for_event

@task
def publish(rows: Any, answer: Any) -> str:
    return f"{rows['rows']} rows, by {answer['by']}: {answer['comment']}"

@pipeline
def asking():
    publish(wait_for_event("data-arrived", key="monday"), wait_for_approval("publish it?"))
"""


def test_people_answer_and_send_events(folder: Folder) -> None:
    folder.write("asking.py", ASKING)
    begun = folder.begin("run", "asking.py")
    begun.until("waits for approval: publish it?")
    shown = {task["task"]: task for task in folder.document("show", "latest")["tasks"]}
    assert shown["approval"]["waits_for"]["approval"] == "publish it?"
    assert shown["publish"]["state"] == "pending"

    nobody = folder.call("emit", "latest", "data-arrived", "--key", "tuesday")
    assert nobody.returncode == 2
    assert nobody.stderr.endswith("  awaited are: data-arrived with key monday\n")
    wrong = folder.call("approve", "latest", "wait_for_event")
    assert wrong.returncode == 2
    assert wrong.stderr.endswith("  these wait: approval\n")

    told = folder.document("emit", "latest", "data-arrived", "--key", "monday", "--payload", '{"rows": 120}')
    assert (told["tasks"], told["carried"]) == (["wait_for_event"], "alive")
    assert "was told yes." in folder.ok("approve", "latest", "approval", "--comment", "looks good")
    code, _, _ = begun.end()
    assert code == 0
    outputs = {task["task"]: task["outputs"] for task in folder.document("show", "latest")["tasks"]}
    assert outputs["publish"]["result"].startswith("120 rows, by ")
    assert outputs["publish"]["result"].endswith(": looks good")


def test_a_no_fails_the_task(folder: Folder) -> None:
    folder.write("asking.py", ASKING)
    begun = folder.begin("run", "asking.py")
    begun.until("waits for approval: publish it?")
    folder.ok("approve", "latest", "approval", "--no", "--comment", "too few rows")
    folder.ok("emit", "latest", "data-arrived", "--key", "monday")
    assert begun.end()[0] == 1
    causes = {task["task"]: task["cause"] for task in folder.document("show", "latest")["tasks"]}
    assert causes["approval"]["kind"] == "refused"
    assert causes["approval"]["message"].endswith(": too few rows")


def test_the_home_is_left_without_locks(waiting: Folder) -> None:
    (waiting.path / "go").touch()
    waiting.ok("run", "waiting.py")
    assert [path.name for path in Path(waiting.path / ".tidemill" / "engines").iterdir()] == []
