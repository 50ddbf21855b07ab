"""The first hour of a user: a new project, a run, a look at it, a failure, going on. Real processes throughout."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.rules.sources import ROOT
from tests.stories.terminal import Folder, environment

FRAGILE = """
from pathlib import Path
from tidemill import each, otherwise, pipeline, task, when

@task
def load(n: int) -> list[int]:
    print("loading", n)
    return list(range(n))

@task(retries=1)
def fit(x: int) -> int:
    print("fitting", x)
    if x == 2 and not Path(__file__).with_name("mended").exists():
        raise ValueError("the matrix is singular")
    return x * x

@task
def total(xs: list[int]) -> int:
    return sum(xs)

@task
def celebrate(x: int) -> str:
    return "hurrah"

@pipeline
def fragile(n: int = 4, limit: int = 10):
    t = total(each(fit, over={"x": load(n)}))
    with when(t > limit):
        celebrate(t)
"""


@pytest.fixture
def project(folder: Folder) -> Folder:
    folder.ok("init", "first")
    return Folder(folder.path / "first")


def states(document: Any) -> dict[str, str]:
    return {task["task"]: task["state"] for task in document["tasks"]}


def test_a_new_project_runs(project: Folder) -> None:
    printed = project.ok("run", "pipeline.py", "--seed", "5")
    assert "evaluate maps over 3" in printed
    assert "otherwise_1 skipped: its condition is false" in printed
    assert "✓ succeeded  first  run " in printed
    assert "\x1b" not in printed

    shown = project.document("show", "latest")
    assert shown["state"] == "succeeded"
    assert shown["seed"] == 5
    assert states(shown)["when_1/report"] == "succeeded"
    assert [made["type"] for made in shown["artifacts"]] == ["Metrics", "path"]

    log = project.ok("logs", "latest", "evaluate[1]")
    assert log.startswith("5 neighbours: accuracy 0.")
    assert project.ok("runs").count("succeeded") == 1
    assert project.ok("show", "latest", "--task", "report").startswith("when_1/report  ")
    project.ok("plan", "pipeline.py", "--refresh", "report")
    assert project.call("cancel", "").stderr.startswith("error[input]: the run id is empty\n")
    assert project.call("gc", "--protect", "").stderr.startswith("error[input]: the run id is empty\n")
    assert project.ok("show", shown["id"][:4], "--task", "evaluate[1]").startswith(f"evaluate[1]  run {shown['id']}")


def test_what_is_reused_in_a_new_project_is_planned(project: Folder) -> None:
    project.ok("run", "pipeline.py")
    planned = {line["path"]: line for line in project.document("plan", "pipeline.py")["lines"]}
    assert [planned[task]["action"] for task in ("load", "split", "evaluate")] == ["reuse", "reuse", "map"]
    assert planned["evaluate"]["reason"] == "runs each time (no cache=True)"
    assert "@task(cache=True)" in project.ok("plan", "--help")


def test_testing_is_pointed_to(folder: Folder) -> None:
    assert folder.ok("init", "first").endswith("Test:  pytest\n")
    assert "python -m pydoc tidemill.testing" in " ".join(folder.ok("--help").split())
    told = subprocess.run(
        [sys.executable, "-m", "pydoc", "tidemill.testing"], capture_output=True, text=True, check=True
    ).stdout
    assert 'tidemill.run(churn, {"threshold": 0.5}' in told
    assert "assert_succeeded(self, *tasks" in told


def test_the_other_branch_runs_with_another_parameter(project: Folder) -> None:
    document = project.document("run", "pipeline.py", "-p", "threshold=0.999", "-p", "choices=1,3", "--tag", "why=test")
    assert document["params"]["choices"] == [1, 3]
    assert document["tags"] == {"why": "test"}
    assert states(document)["when_1"] == "skipped"
    assert states(document)["otherwise_1/tell"] == "succeeded"
    assert [task for task in states(document) if task.startswith("when_1/")] == []


def test_the_test_of_a_new_project_passes(project: Folder) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(project.path)]
    done = subprocess.run(command, cwd=project.path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_a_new_project_can_be_planned_and_drawn(project: Folder) -> None:
    planned = project.ok("plan", "pipeline.py")
    assert "would do this now" in planned
    assert project.document("plan", "pipeline.py")["lines"][0] == {
        "path": "load",
        "action": "run",
        "reason": "not reused: it has not run before",
        "waiting_for": "",
        "count": None,
    }
    assert "▣ when_1       if pick_best.accuracy >= threshold" in project.ok("graph", "pipeline.py")
    assert project.ok("graph", "pipeline.py", "--format", "mermaid").startswith("flowchart TD\n")
    project.ok("graph", "pipeline.py", "-o", "picture.svg")
    picture = ET.fromstring((project.path / "picture.svg").read_text(encoding="utf-8"))
    assert "pick_best" in {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert not (project.path / "pick_best").exists()


def test_a_project_is_not_made_over_another(folder: Folder) -> None:
    folder.ok("init", "first")
    again = folder.call("init", "first")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == ("error[input]: there is something at this place already\n  at first\n  give another NAME\n")


def test_a_failure_says_why_and_how_to_go_on(folder: Folder) -> None:
    folder.write("fragile.py", FRAGILE)
    done = folder.call("run", "fragile.py")
    assert (done.returncode, done.stderr) == (1, "")
    run = folder.document("show", "latest")
    told = done.stdout.partition("\n\n")[2].splitlines()
    assert told[:2] == [
        "✗ fit[2] failed after 2 tries (user code): ValueError: the matrix is singular",
        "  Traceback (most recent call last):",
    ]
    assert f'    File "{folder.path / "fragile.py"}", line 14, in fit' in told
    assert "  | fitting 2" in told
    assert told[-6:] == [
        f"✗ failed  fragile  run {run['id']}  in {told[-6].rpartition(' ')[2]}",
        "  tasks      4 succeeded, 1 failed, 2 upstream failed",
        f"  look       tidemill show {run['id']}",
        f"  logs       tidemill logs {run['id']} 'fit[2]'",
        f"  debug      tidemill replay {run['id']} 'fit[2]' --pdb",
        f"  go on      tidemill retry {run['id']}",
    ]
    assert [task["tries"] for task in run["tasks"] if task["task"] == "fit[2]"] == [2]


def test_what_failed_is_run_again_and_the_rest_is_kept(folder: Folder) -> None:
    folder.write("fragile.py", FRAGILE)
    before = folder.document("run", "fragile.py", code=1)
    (folder.path / "mended").touch()
    after = folder.document("retry", before["id"])
    shown = folder.ok("show", before["id"])
    assert "  submitted at  " in shown
    assert "  reopened at   " in shown
    assert "scheduled for" not in shown
    assert "data interval" not in shown
    began = next(line for line in shown.splitlines() if "submitted at" in line).split()[3]
    assert began in folder.ok("runs"), "when it was reopened is not when it was made"
    assert after["id"] == before["id"]
    assert (after["state"], after["generation"]) == ("succeeded", 1)
    tries = {task["task"]: task["tries"] for task in after["tasks"]}
    assert (tries["load"], tries["fit[0]"], tries["fit[2]"]) == (1, 1, 3)
    detail = folder.document("show", "latest", "--task", "fit[2]")
    assert [one["state"] for one in detail["attempts"]] == ["failed", "failed", "succeeded"]
    assert [one["state"] for one in detail["generations"]] == ["failed", "succeeded"]
    assert states(after)["when_1/celebrate"] == "succeeded"

    again = folder.document("retry", "latest", "--also", "load")
    assert {task["task"]: task["tries"] for task in again["tasks"]}["load"] == 2


def test_a_request_key_gives_the_same_run(folder: Folder) -> None:
    folder.write("fragile.py", FRAGILE)
    (folder.path / "mended").touch()
    first = folder.document("run", "fragile.py", "--request-key", "monday")
    second = folder.document("run", "fragile.py", "--request-key", "monday")
    assert first == second
    assert len(folder.document("runs")["runs"]) == 1


def test_parameters_come_from_a_file_and_the_command_line_wins(folder: Folder) -> None:
    folder.write("fragile.py", FRAGILE)
    folder.write("params.json", '{"n": 1, "limit": 99}')
    document = folder.document("run", "fragile.py", "--params-file", "params.json", "-p", "n=2")
    assert document["params"] == {"n": 2, "limit": 99}


def test_the_executor_inline_keeps_a_document_clean(folder: Folder) -> None:
    folder.write("fragile.py", FRAGILE)
    document = folder.document("run", "fragile.py", "--executor", "inline", "-p", "n=2")
    assert document["executor"] == "inline"
    assert folder.ok("logs", "latest", "load") == "loading 2\n"


def test_breakpoints_work_with_debug(folder: Folder) -> None:
    folder.write("fragile.py", FRAGILE.replace('print("loading", n)', "breakpoint()"))
    done = subprocess.run(
        [sys.executable, "-m", "tidemill", "run", "fragile.py", "--debug", "-p", "n=1"],
        cwd=folder.path,
        env=environment(),
        input="p n + 41\nc\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "(Pdb) 42" in done.stdout
    assert done.returncode == 0


def test_a_home_elsewhere_and_one_database_for_several(folder: Folder, tmp_path: Path) -> None:
    folder.write("fragile.py", FRAGILE)
    home = tmp_path / "elsewhere"
    folder.ok("--home", str(home), "run", "fragile.py", "-p", "n=1")
    assert (home / "tidemill.db").is_file()
    assert not (folder.path / ".tidemill").exists()
    assert "succeeded" in folder.call("runs", TIDEMILL_HOME=str(home)).stdout
    assert folder.ok("runs") == (
        f"There are no runs in {folder.path / '.tidemill'}.\n"
        "`tidemill run FILE` starts one; `tidemill init NAME` makes a project to begin with.\n"
    )
    assert "`tidemill init NAME` makes a project" in folder.call("show", "latest").stderr


def test_the_doctor_finds_nothing_wrong_in_a_new_folder(folder: Folder) -> None:
    found = folder.document("doctor")
    assert found["healthy"] is True
    assert {one["name"] for one in found["findings"]} >= {"python", "home", "database", "disk", "executor", "forking"}
    assert not (folder.path / ".tidemill").exists()
    sources = {one["name"]: one["source"] for one in found["settings"]}
    assert set(sources.values()) == {"default"}
    folder.write("tidemill.toml", "slots = 3\n")
    changed = folder.call("doctor", "--json", TIDEMILL_EXECUTOR="inline").stdout
    assert '"environment, TIDEMILL_EXECUTOR"' in changed
    assert str(folder.path / "tidemill.toml") in changed


def test_every_file_of_the_scaffold_is_in_the_package() -> None:
    from tidemill.actions.init import FILES

    there = {entry.name for entry in os.scandir(ROOT / "src" / "tidemill" / "actions" / "scaffold")}
    assert there == set(FILES)
