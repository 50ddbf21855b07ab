"""Looking at what tasks left, from the command line alone: listed, looked at, fetched, traced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.stories.terminal import Folder

PIPELINE = r"""
import pandas
from pathlib import Path
from tidemill import Dataset, Metrics, Report, current, pipeline, task

EVIL = "\x1b[31m\x9b[2J\u202e[bold]"

@task(cache=True)
def load(n: int) -> Dataset:
    named = {"a rather long name of a column": range(n), "x" + EVIL: 1.5, ">": EVIL + "y" * 500, "東京": "\u6771" * 90}
    named["when it was"] = pandas.date_range("2026-01-01 12:34:56", periods=n)
    named["a large number"] = [-1.23456789e-100 * i for i in range(n)]
    return pandas.DataFrame({**named, **{f"c{i}": i for i in range(57)}})

@task
def score(rows: Dataset) -> Metrics:
    return {"accuracy" + EVIL: 0.123456789, "rows": len(rows)}

@task
def page(rows: Dataset) -> Report:
    return "<html>" + EVIL + "\n" + "\u6771" * 300 + "\n" * 50

@task
def folder() -> Path:
    path = current().scratch / "out"
    path.mkdir()
    for n in range(30):
        (path / f"{n:02}.txt").write_text("x" * n)
    (path / EVIL.replace("/", "")).write_text("")
    return path

class Weights:
    def __reduce__(self):
        return (Path("was-loaded").write_text, ("yes",))

@task
def odd() -> Weights:
    return Weights()

@pipeline
def churn(n: int = 100):
    rows = load(n)
    score(rows)
    page(rows)
    folder()
    odd()
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = Folder(tmp_path_factory.mktemp("artifacts") / "project")
    folder.write("churn.py", PIPELINE)
    folder.ok("run", "churn.py")
    return folder


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("artifact", "ls"), ["ID", "score", "Report", "in the record", "folder"]),
        (
            ("artifact", "show", "latest:load"),
            ["made by   load", "100 rows x 63 columns", "(the first 10 of 100 rows", "13 columns more"],
        ),
        (("artifact", "show", "latest:score"), ["0.123457", "rows", "100"]),
        (
            ("artifact", "show", "latest:page"),
            [r"<html>\x1b[31m\x9b[2J\x202e[bold]", "The rest of it: tidemill artifact get"],
        ),
        (("artifact", "show", "latest:folder"), ["31 files", "00.txt", "and 7 more"]),
        (("artifact", "show", "latest:odd"), ["pickle", "runs code", "no preview: a churn.Weights is not looked into"]),
        (("lineage", "latest"), ["what it made, and from what", "└─ Dataset"]),
        (("lineage", "latest:score", "--up"), ["made from", "└─ Dataset"]),
    ],
    ids=lambda part: " ".join(part[:3]) if isinstance(part, tuple) else "",
)
def test_everything_fits_and_nothing_steers_the_terminal(
    ran: Folder, command: tuple[str, ...], told: list[str]
) -> None:
    shown = ran.ok(*command)
    assert [text for text in told if text not in shown] == [], shown
    assert [line for line in shown.splitlines() if cell_len(line) > 80] == []
    assert not set(shown) & set("\x1b\x9b\u202e\r\x07")
    assert not (ran.path / "was-loaded").exists()


@pytest.mark.parametrize("command", [("artifact", "show", "latest:load"), ("lineage", "latest:score")])
def test_a_terminal_of_few_characters_is_enough(ran: Folder, command: tuple[str, ...]) -> None:
    done = ran.call(*command, PYTHONIOENCODING="ascii", PYTHONUTF8="0", COLUMNS="40")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert "~" in done.stdout


def test_a_copy_is_fetched_and_traced_as_a_document(ran: Folder) -> None:
    shown = ran.document("artifact", "show", "latest:load")
    assert (shown["preview"]["kind"], shown["preview"]["rows"]) == ("frame", 100)
    done = ran.document("artifact", "get", "latest:load", "--to", "rows.arrow")
    assert (done["artifact"], done["path"]) == (shown["id"], "rows.arrow")
    assert (ran.path / "rows.arrow").stat().st_size == shown["size"]
    refused = ran.call("artifact", "get", "latest:load", "--to", "rows.arrow")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--force" in refused.stderr
    assert "rows.arrow" in ran.ok("artifact", "get", "latest:load", "--to", "rows.arrow", "--force")
    traced = ran.document("lineage", shown["id"], "--down")
    assert {line["relation"] for line in traced["lines"]} == {"made", "used"}
    assert json.loads(ran.ok("lineage", shown["id"], "--down", "--format", "json")) == traced
    assert ran.ok("lineage", shown["id"], "--format", "mermaid").startswith("flowchart LR\n")
    assert ran.ok("artifact").startswith("Usage: tidemill artifact")


def test_where_nothing_ran_nothing_is_made(tmp_path: Path) -> None:
    empty = Folder(tmp_path / "empty")
    for command in (("artifact", "ls"), ("artifact", "show", "a"), ("artifact", "get", "a"), ("lineage", "a")):
        done = empty.call(*command)
        assert done.returncode == 2
        assert "nothing has run here yet" in done.stderr
    assert list(empty.path.iterdir()) == []
