"""A result that code of another day made is never taken for that of today's, whichever way a run went on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.actions.compile import compile_pipeline
from tidemill.actions.runs import retry_run, start_run
from tidemill.app import App
from tidemill.core.errors import StateError
from tidemill.settings import Settings
from tidemill.storage.metadata import task_runs
from tidemill.testing import outputs

CODE = """
from pathlib import Path
from tidemill import pipeline, task

@task
def gate(mark: str) -> int:
    if not Path(mark).exists():
        raise ValueError("not yet")
    return 1

@task(cache=True)
def work(x: int) -> int:
    return x + 100

@pipeline
def changing(mark: str):
    return work(gate(mark))
"""


def test_a_retry_with_changed_code_keeps_nothing_under_the_old_code(tmp_path: Path) -> None:
    file, mark = tmp_path / "changing.py", tmp_path / "mark"
    file.write_text(CODE)
    params = {"mark": str(mark)}
    with App(Settings(tmp_path / "home", slots=1)) as app:
        failed = start_run(app, compile_pipeline(str(file)), params)
        assert failed.state.value == "failed"
        mark.touch()
        file.write_text(CODE.replace("+ 100", "+ 999"))
        retried = retry_run(app, failed.id)
        assert outputs(app, retried, "work") == {"result": 1000}, "a repeated task runs the code of today"
        file.write_text(CODE)
        fresh = start_run(app, compile_pipeline(str(file)), params)
        assert outputs(app, fresh, "work") == {"result": 101}
        again = start_run(app, compile_pipeline(str(file)), params)
        assert outputs(app, again, "work") == {"result": 101}


READS = """
from pathlib import Path
from tidemill import pipeline, task

@task(cache=True)
def count(path: Path) -> int:
    return len(list(path.rglob("*")) if path.is_dir() else path.read_text().splitlines())

@pipeline
def reading(path: Path):
    return count(path)
"""


def test_a_file_given_as_a_path_counts_by_its_content(tmp_path: Path) -> None:
    file, data = tmp_path / "reading.py", tmp_path / "rows.csv"
    file.write_text(READS)
    data.write_text("a\n")
    with App(Settings(tmp_path / "home", slots=1)) as app:
        pipeline = compile_pipeline(str(file))

        def counted(path: Path) -> tuple[object, bool]:
            run = start_run(app, pipeline, {"path": str(path)})
            with app.database.read() as connection:
                (row,) = [row for row in task_runs.load(connection, run.id) if row.path == "count"]
            return row.outputs["result"], bool(row.reused_from)

        assert counted(data) == (1, False)
        assert counted(data) == (1, True)
        data.write_text("a\nb\n")
        assert counted(data) == (2, False)
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "one").write_text("1")
        assert counted(folder) == (1, False)
        assert counted(folder) == (1, True)
        (folder / "two").write_text("2")
        assert counted(folder) == (2, False)


def test_a_request_key_stands_for_one_request(tmp_path: Path) -> None:
    file, data = tmp_path / "reading.py", tmp_path / "rows.csv"
    file.write_text(READS)
    data.write_text("a\n")
    with App(Settings(tmp_path / "home", slots=1)) as app:
        pipeline = compile_pipeline(str(file))
        first = start_run(app, pipeline, {"path": str(data)}, request_key="k")
        assert start_run(app, pipeline, {"path": str(data)}, request_key="k").id == first.id
        with pytest.raises(StateError, match="was used for run"):
            start_run(app, pipeline, {"path": str(tmp_path)}, request_key="k")
        with pytest.raises(StateError, match="nothing to try again"):
            retry_run(app, first.id)
