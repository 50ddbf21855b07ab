"""A result that code of another day made is never taken for that of today's, whichever way a run went on."""

from __future__ import annotations

from pathlib import Path

from tidemill.actions.compile import compile_pipeline
from tidemill.actions.runs import retry_run, start_run
from tidemill.app import App
from tidemill.settings import Settings
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
