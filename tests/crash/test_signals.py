"""`tidemill run` is told to end while a task is at work: it cancels, tears down, and leaves nothing behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.executor_owner import PATIENCE
from tests.crash.standing import assert_nothing_is_left, the_run
from tidemill.app import App
from tidemill.core.states import RunState
from tidemill.settings import Settings
from tidemill.testing import states

CANCELLED = 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_end(number: signal.Signals, tmp_path: Path) -> None:
    home = tmp_path / "home"
    os.mkfifo(tmp_path / "begun")
    begun = os.open(tmp_path / "begun", os.O_RDWR)
    command = ["--home", str(home), "run", str(Path(__file__).with_name("holding.py")), "-p", f"folder={tmp_path}"]
    with subprocess.Popen(
        [sys.executable, "-m", "tidemill", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        if not select.select([begun], [], [], PATIENCE)[0]:
            process.kill()
        process.send_signal(number)
        said, _ = process.communicate(timeout=PATIENCE)
    os.close(begun)
    assert process.returncode == CANCELLED, said
    with App(Settings(home)) as app:
        run = the_run(app)
        assert run.state is RunState.CANCELLED
        assert states(app, run) == {"opened": "succeeded", "used": "cancelled", "closed": "succeeded"}
        assert not (tmp_path / "open").exists()
        assert_nothing_is_left(tmp_path, app)
