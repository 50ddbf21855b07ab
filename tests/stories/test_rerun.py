"""A new run from some tasks on: the rest is taken over, and what cannot be says why. Two runs tell what differs."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.stories.terminal import LONG, Folder, environment
from tidemill.app import App
from tidemill.settings import Settings
from tidemill.storage.metadata import events
from tidemill.testing.crash import crash_environment

CODE = """
from pathlib import Path
from tidemill import Dataset, Metrics, each, pipeline, task
import pandas as pd

HERE = Path(__file__).parent

def told(name: str) -> None:
    with (HERE / "told").open("a") as log:
        log.write(name + "\\n")

@task(cache=True)
def load(n: int) -> Dataset:
    told("load")
    return pd.DataFrame({"a": range(n)})

@task(cache=True)
def split(rows: Dataset, share: float) -> int:
    told("split")
    return int(len(rows) * share)

@task(cache=True)
def fit(size: int, depth: int) -> Metrics:
    told(f"fit {depth}")
    return {"accuracy": 0.5 + size * depth / 1000}

@task
def report(scores: list[dict[str, float]]) -> float:
    told("report")
    if (HERE / "broken").exists():
        raise ValueError("no ink")
    return max(one["accuracy"] for one in scores)

@pipeline
def learning(n: int = 10, share: float = 0.5, shape: str = "a"):
    size = split(load(n), share)
    report(each(fit, over={"depth": [1, 2]}, size=size))
"""


@pytest.fixture
def ran(folder: Folder) -> tuple[Folder, str]:
    folder.write("learning.py", CODE)
    run: str = folder.document("run", "learning.py", "--seed", "7")["id"]
    _told(folder)
    return folder, run


def _told(folder: Folder) -> list[str]:
    """What ran since this was last asked."""
    log = folder.path / "told"
    lines = sorted(log.read_text().splitlines()) if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def _states(document: dict[str, object]) -> dict[str, tuple[str, bool]]:
    tasks = document["tasks"]
    assert isinstance(tasks, list)
    return {one["task"]: (one["state"], bool(one["reused_from"])) for one in tasks if one["kind"] == "leaf"}


def test_the_named_task_and_what_follows_run_again_and_the_rest_is_taken_over(ran: tuple[Folder, str]) -> None:
    folder, run = ran
    said = folder.ok("rerun", run, "--from", "fit")
    assert said.startswith(f"Taken over from run {run}: load, split\nRun again: fit, and what follows: report\n")
    assert _told(folder) == ["fit 1", "fit 2", "report"], "cached results are not taken for what is to run again"
    again = folder.document("show", "latest")
    assert (again["seed"], again["tags"], again["params"]["n"]) == (7, {"rerun_of": run}, 10)
    assert _states(again) == {
        "load": ("succeeded", True),
        "split": ("succeeded", True),
        "fit[0]": ("succeeded", False),
        "fit[1]": ("succeeded", False),
        "report": ("succeeded", False),
    }
    assert next(one for one in again["tasks"] if one["task"] == "load")["reused_from"] == f"run {run}, load"
    detail = folder.document("show", "latest", "--task", "split")
    assert [event["kind"] for event in detail["events"]] == ["task.succeeded"]
    # A task of the new run has its inputs from the old one, and a rerun can be rerun.
    assert folder.ok("replay", "latest", "fit[1]").endswith("bit-equal to what was recorded: result\n")
    folder.ok("rerun", "latest", "--from", "report")
    assert _told(folder) == ["fit 2", "report"]
    assert "The tasks do not differ" in folder.ok("diff", run, "latest")


def test_what_cannot_be_taken_over_runs_again_and_says_why(ran: tuple[Folder, str]) -> None:
    folder, run = ran
    said = folder.ok("rerun", run, "--from", "report", "-p", "share=0.8")
    assert f"Taken over from run {run}: load\n" in said
    assert "  also split: parameter share is another one\n" in said
    assert _told(folder) == ["fit 1", "fit 2", "report", "split"]
    (artifact,) = [one for one in folder.document("show", run)["artifacts"] if one["type"] == "Dataset"]
    digest = artifact["digest"].rpartition(":")[2]
    for file in (folder.path / ".tidemill" / "artifacts").rglob("*"):
        if file.is_file() and digest[:16] in str(file).replace("/", ""):
            file.chmod(0o644)
            file.unlink()
    said = folder.ok("rerun", run, "--from", "report")
    assert "  also load: what it made cannot be used: " in said
    # A changed definition, a new task and one that is no more.
    folder.write("learning.py", CODE.replace("split(load(n), share)", "split(load(n), 0.5)"))
    said = folder.ok("rerun", run, "--from", "report")
    assert "  also split: its definition has changed\n" in said
    folder.write("learning.py", CODE.replace("1000", "2000"))
    said = folder.ok("rerun", run, "--from", "report")
    assert "code of learning.fit has changed" in said
    assert "what was made by it is taken over all the same" in said


def test_a_failed_run_is_rerun_and_names_are_checked(ran: tuple[Folder, str]) -> None:
    folder, _ = ran
    (folder.path / "broken").write_text("")
    failed = folder.document("run", "learning.py", code=1)["id"]
    (folder.path / "broken").unlink()
    _told(folder)
    said = folder.ok("rerun", failed, "--from", "fit")
    assert _told(folder) == ["fit 1", "fit 2", "report"]
    assert "also report" in said, "that it failed is said"
    done = folder.call("rerun", failed, "--from", "ftt")
    assert (done.returncode, "did you mean 'fit'?" in done.stderr) == (2, True)
    done = folder.call("rerun", failed, "--from", "fit[1]")
    assert (done.returncode, "--from fit" in done.stderr) == (2, True)


DOOMED = """
import sys
from tidemill.cli.main import main
from tidemill.testing.crash import from_environment

from_environment()
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("point", "task"), [("submit.stored", "fit"), ("engine.committed", "fit")])
def test_a_rerun_that_is_killed_goes_on(point: str, task: str, ran: tuple[Folder, str]) -> None:
    folder, run = ran
    doomed = folder.write("doomed.py", DOOMED)
    killed = subprocess.run(
        [sys.executable, str(doomed), "rerun", run, "--from", task],
        cwd=folder.path,
        env=environment(**crash_environment(point)),
        capture_output=True,
        timeout=LONG,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    document = folder.document("resume", "latest")
    assert (document["state"], document["tags"]) == ("succeeded", {"rerun_of": run})
    assert _states(document)["split"] == ("succeeded", True)
    assert set(_told(folder)) == ({"fit 1", "fit 2", "report"} if task == "fit" else {"report"})


def test_two_runs_tell_what_differs(ran: tuple[Folder, str]) -> None:
    folder, run = ran
    assert folder.ok("diff", run, run).endswith("The tasks do not differ: 5 are the same\n")
    folder.write("learning.py", CODE.replace("1000", "500"))
    folder.ok("run", "learning.py", "--seed", "7", "-p", "share=0.8")
    text = folder.ok("diff", run, "latest")
    assert "parameters\n  share  0.5 → 0.8\n" in text
    assert "code\n  changed learning.fit  " in text
    assert "tasks  4 differ, 1 are the same\n" in text
    assert "    input size  5 → 8\n" in text
    assert "    accuracy  0.505 → 0.516  (+0.011, +2.2%)\n" in text
    assert "\n  load" not in text
    assert all(len(line) <= 80 for line in text.splitlines() if "code" not in line and ".py" not in line), text
    assert "\n  load  ✓ succeeded" in folder.ok("diff", run, "latest", "--all")
    document = folder.document("diff", run, "latest")
    fit = next(one for one in document["tasks"] if one["task"] == "fit[1]")
    assert fit["inputs"]["size"] == [{"value": 5, "digests": []}, {"value": 8, "digests": []}]
    assert fit["metrics"]["accuracy"] == [0.51, 0.532]
    assert (document["same"], list(document["params"])) == (1, ["share"])


def test_a_retry_says_its_version_and_goes_on_with_the_newest(folder: Folder) -> None:
    folder.write("learning.py", CODE)
    folder.write("broken", "")
    run = folder.document("run", "learning.py", code=1)["id"]
    _told(folder)
    newer = CODE.replace("def report(", "def summary(").replace("    report(each", "    summary(each")
    folder.write("learning.py", newer)
    (folder.path / "broken").unlink()
    said = folder.ok("retry", run, "--newest")
    assert f"Newest version: {run} goes on with the graph of its file" in said
    assert "  added summary\n  removed report\n" in said
    assert _told(folder) == ["report"], "what succeeded is kept by its path"
    shown = folder.document("show", run)
    assert {one["task"] for one in shown["tasks"]} == {"load", "split", "fit", "fit[0]", "fit[1]", "summary"}
    with App(Settings(folder.path / ".tidemill")) as app, app.database.read() as connection:
        (payload,) = [one.payload for one in events.read(connection, run) if one.kind == "run.reopened"]
    assert (payload["added"], payload["removed"]) == (["summary"], ["report"])
    assert payload["definition"] == shown["definition"] != payload["definition_before"]
    # The same version is now the graph that it went on with; and it is said if the file has another one.
    folder.write("learning.py", CODE)
    done = folder.call("retry", run, "--also", "fit")
    assert _told(folder) == ["fit 1", "fit 2"], "what is asked for by name is not taken from the cache"
    assert "has no function 'summary'" in done.stdout
    said = done.stdout
    assert f"Same version: {run} goes on with the graph it was made with" in said
    assert "the file has another graph now: added report; removed summary\n" in said


def test_a_retry_with_a_graph_that_does_not_fit_is_refused(folder: Folder) -> None:
    folder.write("learning.py", CODE)
    folder.write("broken", "")
    run = folder.document("run", "learning.py", code=1)["id"]
    one_fit = CODE.replace('each(fit, over={"depth": [1, 2]}, size=size)', "[fit(size, 1)]")
    folder.write("learning.py", one_fit)
    done = folder.call("retry", run, "--newest")
    assert done.returncode == 2
    assert "fit: it was mapped, and is not any more" in done.stderr
    assert f"`tidemill rerun {run} --from fit` makes a new run by the newest one" in done.stderr
    assert folder.document("show", run)["state"] == "failed", "it is as it was"
    (folder.path / "broken").unlink()
    said = folder.ok("rerun", run, "--from", "report")
    assert "  also fit: its place in the pipeline has changed\n" in said


HELPED = """
from tidemill import pipeline, task

def scale(x: int) -> int:
    return x * 2

@task
def first(x: int) -> int:
    return scale(x)

@task
def second(x: int) -> int:
    if x < 100:
        raise ValueError("too small")
    return scale(x)

@pipeline
def helped(x: int = 3):
    second(first(x))
"""


def test_a_retry_records_the_code_that_it_runs_and_says_what_it_keeps_of_older_code(folder: Folder) -> None:
    folder.write("helped.py", HELPED)
    run = folder.document("run", "helped.py", code=1)["id"]
    folder.write("helped.py", HELPED.replace("x * 2", "x * 50"))
    kept = "note first is kept although its code has changed; --also first runs it again"
    said = folder.call("retry", run)
    assert (said.returncode, kept in said.stdout) == (1, True)
    assert kept in folder.call("retry", run).stdout, "it still has what the older code gave"
    assert "since then code of helped.scale has changed" in folder.call("replay", run, "first").stdout
    assert "since then" not in folder.call("replay", run, "second").stdout
    assert "since then" in folder.call("replay", run, "second", "--attempt", "1").stdout
    said = folder.call("retry", run, "--also", "first")
    assert (said.returncode, "is kept although" in said.stdout) == (0, False)
    assert "since then" not in folder.ok("replay", run, "first")
    fresh = folder.document("run", "helped.py")["id"]
    assert folder.document("diff", run, fresh)["code"] == []
    with App(Settings(folder.path / ".tidemill")) as app, app.database.read() as connection:
        told = [one.payload for one in events.read(connection, run) if one.kind == "run.reopened"]
    assert ["definition" in payload for payload in told] == [True, False, False], "only what changed is recorded"
    refused = folder.call("retry", run)
    assert (refused.returncode, refused.stdout) == (2, ""), "nothing is promised before it is refused"


BRANCHED = """
from pathlib import Path
from tidemill import otherwise, pipeline, task, when

@task(cache=True)
def kept(path: Path) -> int:
    return len(path.read_text())

@task
def size(path: Path) -> int:
    return len(path.read_text())

@task
def small() -> int:
    return 1

@task
def large() -> int:
    return 2

@pipeline
def branched(path: Path, most: int = 5):
    kept(path)
    n = size(path)
    with when(n <= most):
        small()
    with otherwise():
        large()
"""


def test_the_other_branch_and_another_file_are_told(folder: Folder) -> None:
    folder.write("branched.py", BRANCHED)
    folder.write("words", "abc")
    one = folder.document("run", "branched.py", "-p", "path=words")["id"]
    folder.write("words", "abcdefgh")
    said = folder.call("replay", one, "size").stdout
    assert "note input 'path' is the file words, which is read as it is now" in said
    said = folder.call("replay", one, "kept").stdout
    assert "note input 'path' changed since then: words (" in said
    assert "which is read" not in said
    two = folder.document("run", "branched.py", "-p", "path=words")["id"]
    states = {task["task"]: task["states"] for task in folder.document("diff", one, two)["tasks"]}
    assert states["when_1"] == ["succeeded", "skipped"]
    assert states["otherwise_1"] == ["skipped", "succeeded"]
