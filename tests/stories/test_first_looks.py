"""What somebody new looks at: a plan, a picture, a log that is empty, a question, tries after a retry."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.stories.terminal import Folder
from tidemill.actions.doctor import Examination, Finding, Level
from tidemill.cli.doctor import verdict

PIPELINE = """
from pathlib import Path
from tidemill import each, pipeline, task, wait_for_approval, when

@task
def load(n: int) -> list[int]:
    return list(range(n))

@task(retries=1)
def fit(x: int) -> int:
    tries = Path(__file__).with_name("tries")
    before = tries.read_text() if tries.exists() else ""
    tries.write_text(before + "x")
    print("look", len(before) + 1)
    if len(before) < 3:
        raise ValueError("not yet")
    return x

@pipeline
def shaky(n: int = 1):
    each(fit, over={"x": load(n)})

@pipeline
def asking(n: int = 1):
    xs = load(n)
    with when(xs[0] == 0):
        wait_for_approval("is it good?")
"""


@pytest.fixture
def looked(folder: Folder) -> Folder:
    folder.write("looked.py", PIPELINE)
    return folder


def test_a_map_of_unknown_length_is_planned_with_a_question_mark(looked: Folder) -> None:
    planned = looked.ok("plan", "looked.py:shaky")
    line = next(line for line in planned.splitlines() if line.startswith("fit"))
    assert line.split(None, 3)[1:] == ["run", "\u00d7?", "its length waits for load"]
    assert "None" not in planned
    assert planned.endswith("In all: 1 run, 1 run of a length that is not known yet\n")


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("g.svg", "<svg"),
        ("g.mmd", "flowchart TD\n"),
        ("g.md", "```mermaid\nflowchart TD\n"),
        ("g.txt", "shaky(n: int = 1)\n"),
    ],
)
def test_a_picture_is_what_its_name_says(looked: Folder, name: str, begins: str) -> None:
    looked.ok("graph", "looked.py:shaky", "-o", name)
    text = (looked.path / name).read_text(encoding="utf-8")
    assert text.startswith(begins)
    assert text.endswith("\n```\n") == name.endswith(".md")


def test_a_picture_of_an_unknown_kind_is_not_drawn(looked: Folder) -> None:
    done = looked.call("graph", "looked.py:shaky", "-o", "g.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing can be drawn as .png" in done.stderr
    assert ".svg, .mmd, .md, .txt" in done.stderr
    assert not (looked.path / "g.png").exists()
    looked.ok("graph", "looked.py:shaky", "-o", "g.png", "--format", "svg")
    assert (looked.path / "g.png").read_text(encoding="utf-8").startswith("<svg")


def test_tries_are_counted_through_all_generations(looked: Folder) -> None:
    looked.call("run", "looked.py:shaky")
    looked.ok("retry", "latest")
    detail = looked.document("show", "latest", "--task", "fit[0]")
    assert [(one["number"], one["generation"]) for one in detail["attempts"]] == [(1, 0), (2, 0), (3, 1), (4, 1)]
    table = looked.ok("show", "latest", "--task", "fit[0]").partition("TRY")[2]
    assert [line.split()[0] for line in table.splitlines()[1:5]] == ["1", "2", "3", "4"]
    for number in (1, 2, 3, 4):
        assert looked.ok("logs", "latest", "fit[0]", "--attempt", str(number)).startswith(f"look {number}\n")
    assert looked.ok("logs", "latest", "fit[0]") == "look 4\n"
    assert looked.document("logs", "latest", "fit[0]")["attempt"] == 4
    wrong = looked.call("logs", "latest", "fit[0]", "--attempt", "5")
    assert wrong.returncode == 2
    assert "there are: 1, 2, 3, 4" in wrong.stderr


def test_an_empty_log_is_told_from_one_that_is_elsewhere(looked: Folder) -> None:
    run = looked.call("run", "looked.py:shaky", "--json").stdout
    quiet = looked.call("logs", "latest", "load")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "load printed nothing\n")
    assert looked.document("logs", "latest", "load")["lines"] == []
    assert looked.call("logs", "latest", "load", "--json").stderr == ""
    shutil.rmtree(looked.path / ".tidemill" / "logs" / json.loads(run)["id"])
    gone = looked.call("logs", "latest", "load")
    assert gone.stderr == "the log of load is not in this home: it is kept where the task ran\n"


def test_a_task_that_asks_shows_its_question_and_the_answer(looked: Folder) -> None:
    begun = looked.begin("run", "looked.py:asking")
    line = begun.until("waits for approval")
    run = looked.document("show", "latest")["id"]
    command = f"tidemill approve {run} when_1/approval"
    assert line[10:] == f"when_1/approval waits for approval: is it good? ({command})\n"
    assert f"… when_1/approval  waits for approval: is it good?\n  answer with {command}\n" in looked.ok("show", run)
    detail = looked.ok("show", run, "--task", "when_1/approval")
    assert f"  now           waits for approval: is it good?\n  answer with   {command}\n" in detail
    looked.ok(*command.split()[1:])
    assert begun.end()[0] == 0
    assert "approve" not in looked.ok("show", run)


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        ([Level.FINE], "Everything is in order."),
        ([Level.FINE, Level.WARNING], "1 thing to look at"),
        ([Level.WARNING, Level.WARNING], "2 things to look at"),
        ([Level.PROBLEM], "Problems: 1"),
        ([Level.PROBLEM, Level.WARNING], "Problems: 1, and 1 thing to look at"),
    ],
)
def test_the_doctor_counts_what_is_not_fine(levels: list[Level], told: str) -> None:
    assert verdict(Examination(tuple(Finding("x", level, "") for level in levels), ())) == told


def test_a_new_project_leaves_nothing_beside_its_files(folder: Folder) -> None:
    folder.ok("init", "json")
    project = Folder(folder.path / "json")
    before = names(project.path)
    assert project.document("run", "pipeline.py")["pipeline"] == "json_pipeline"
    assert names(project.path) - before <= {".tidemill", "__pycache__"}


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}
