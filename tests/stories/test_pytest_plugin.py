"""The pytest plugin in real pytest runs: nothing where nobody asks for it, and a report where a test fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tidemill.testing import inline, plugin

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "testing.md"

PIPELINE = """
from tidemill import each, pipeline, task


@task(retries=1)
def load(path: str) -> list[int]:
    print("looking for", path)
    raise FileNotFoundError(path)


@task
def double(number: int) -> int:
    return number * 2


@task
def total(numbers: list[int]) -> int:
    breakpoint()
    return sum(numbers)


@pipeline
def totals(path: str = "far/away.csv"):
    total(each(double, over={"number": load(path)}))
"""


def run_pytest(folder: Path, *arguments: str, given: str = "") -> tuple[int, str]:
    """Exit code and output of pytest in a process of its own, as strict about warnings as can be."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "-q", *arguments],
        cwd=folder,
        # Told that it is CI, pytest shows every difference at full length.
        env={name: value for name, value in os.environ.items() if name not in ("CI", "BUILD_NUMBER")},
        input=given,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def test_a_project_that_does_not_use_it_pays_nothing(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_other="""
import sys


def test_loaded(pytestconfig):
    assert pytestconfig.pluginmanager.hasplugin("tidemill")
    ours = {name for name in sys.modules if name.partition(".")[0] == "tidemill"}
    assert ours == {"tidemill", "tidemill.testing", "tidemill.testing.plugin"}
    heavy = {"sqlalchemy", "alembic", "cloudpickle", "click", "pydantic", "numpy", "pandas", "rich"}
    assert not heavy & set(sys.modules)
""",
    )
    code, said = run_pytest(tmp_path)
    assert (code, "1 passed" in said) == (0, True), said


def test_a_test_that_fails_shows_its_runs(tmp_path: Path) -> None:
    write(
        tmp_path,
        totals=PIPELINE.replace("    breakpoint()\n", ""),
        test_totals="""
from totals import totals


def test_it(tidemill):
    assert tidemill.run(totals, returns={"load": [1, 2]})["total"].output == 6
    assert tidemill.run(totals).succeeded


def test_well(tidemill):
    tidemill.run(totals)


def test_wrong_name(tidemill):
    tidemill.run(totals, returns={"laod": [1]})
""",
    )
    code, said = run_pytest(tmp_path, "-k", "not wrong_name")
    assert code == 1
    assert "1 failed, 1 passed" in said
    assert "assert 6 == 6" not in said
    assert "where False = <run of totals failed; load failed: FileNotFoundError: far/away.csv>.succeeded" in said
    first, _, second = said.partition("tidemill: run of totals failed")
    assert "tidemill: run of totals succeeded" in first
    assert re.search(r"run \w{12} of totals failed: load failed: FileNotFoundError", second)
    table = [line.split(maxsplit=1) for line in second.splitlines() if line.startswith("  ") and "|" not in line]
    assert ["load", "failed           FileNotFoundError: far/away.csv"] in table
    assert ["total", "upstream_failed  double, which it needs, did not succeed"] in table
    assert "load failed after 2 attempts, user code: FileNotFoundError: far/away.csv" in second
    assert 'totals.py", line 8, in load\n      raise FileNotFoundError(path)' in second
    assert second.count("  | looking for far/away.csv") == 2
    assert "pytest --tidemill-home=DIR" in second
    # Nothing of the test that passed, and nothing of ours above the user's own line.
    assert said.count("tidemill: run of totals failed") == 1
    assert "harness.py" not in said

    code, said = run_pytest(tmp_path, "-k", "wrong_name")
    assert "did you mean 'load'?" in said
    assert "overriding.py" not in said
    assert "harness.py" not in said


def test_homes_are_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    write(
        tmp_path,
        totals=PIPELINE,
        test_totals="""
import os

from totals import totals


def test_it(tidemill, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tidemill.run(totals, fails={"load": OSError("no")})
    assert os.listdir(tmp_path) == []
    run.assert_succeeded()
""",
    )
    base = f"--basetemp={tmp_path / 'base'}"
    code, said = run_pytest(tmp_path, base, "-o", "tmp_path_retention_policy=all")
    assert code == 1
    assert not list((tmp_path / "base").rglob("*.db"))

    code, said = run_pytest(tmp_path, base, "--tidemill-home=kept")
    assert code == 1
    assert said.count("upstream_failed") == 2  # in the assertion, and not a second time below it
    command = re.search(r"^tidemill (--home \S+ show \w{12})$", said, re.MULTILINE)
    assert command is not None, said
    assert Path(command[1].split()[1]) == tmp_path / "kept" / "test_totals.py-test_it"
    shown = subprocess.run(
        [sys.executable, "-m", "tidemill", *command[1].split()], capture_output=True, encoding="utf-8", check=False
    )
    assert "OSError: no" in shown.stdout


def test_only_a_home_gives_way_to_another(tmp_path: Path) -> None:
    home = plugin._fresh(tmp_path, "a.py::t")
    with inline(home) as harness:
        assert harness.home == home
    assert plugin._fresh(tmp_path, "a.py::t") == home
    assert not home.exists()
    home.mkdir()
    (home / "precious.txt").write_text("mine")
    with pytest.raises(pytest.UsageError, match="is not empty, and no home of Tidemill"):
        plugin._fresh(tmp_path, "a.py::t")
    assert (home / "precious.txt").exists()


def test_the_debugger_works_in_a_task_and_may_be_left(tmp_path: Path) -> None:
    write(
        tmp_path,
        totals=PIPELINE,
        test_totals="""
from totals import totals


def test_it(tidemill):
    run = tidemill.run(totals, returns={"load": [3, 4]})
    assert run["total"].output == 14
    print("went on")
""",
    )
    code, said = run_pytest(tmp_path, given="p ('seen', numbers)\nc\n")
    assert "('seen', [6, 8])" in said
    assert (code, "1 passed" in said) == (0, True), said

    code, said = run_pytest(tmp_path, "-s", given="p ('seen', numbers)\nq\n")
    assert "('seen', [6, 8])" in said
    assert code == pytest.ExitCode.INTERRUPTED
    assert "went on" not in said


def test_the_guide_is_true(tmp_path: Path) -> None:
    pipelines, *tests = re.findall(
        r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert pipelines.startswith("# churn.py\n")
    write(tmp_path, churn=pipelines, **{f"test_{number}": text for number, text in enumerate(tests)})
    code, said = run_pytest(tmp_path)
    assert code == 0, said
    wanted = sum(text.count("def test_") for text in tests)
    assert f"{wanted} passed" in said


def test_homes_of_different_tests_are_different(tmp_path: Path) -> None:
    long = "very_" * 30
    names = ["a.py::t[1-x]", "a.py::t[1 x]", "a.py::t[1/x]", f"a.py::{long}", f"b.py::{long}", "sub/a.py::C::t"]
    homes = [plugin._fresh(tmp_path, name) for name in names]
    assert len(set(homes)) == len(names)
    assert homes[-1].name == "sub-a.py-C-t"
    assert all(home.parent == tmp_path and len(home.name) < 100 for home in homes)


def test_a_report_that_cannot_be_made_hides_no_failure() -> None:
    class Broken:
        @property
        def runs(self) -> list[object]:
            raise OSError("the home is gone")

    class Config:
        def getoption(self, name: str) -> str:
            return ""

    class Item:
        config = Config()
        stash = pytest.Stash()

    class Outcome:
        def __init__(self) -> None:
            self.report = pytest.TestReport("a", ("a", 1, "a"), {}, "failed", "assert False", "call")

        def get_result(self) -> pytest.TestReport:
            return self.report

    item, outcome = Item(), Outcome()
    item.stash[plugin._used] = Broken()  # type: ignore[assignment]
    making = plugin.pytest_runtest_makereport(item)  # type: ignore[arg-type]
    next(making)
    with pytest.raises(StopIteration):
        making.send(outcome)  # type: ignore[attr-defined]
    assert outcome.report.sections == [("tidemill", "its runs cannot be shown: OSError: the home is gone")]
