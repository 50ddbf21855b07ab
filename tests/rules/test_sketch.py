"""The sketch in the docs really runs, survives kill -9, and stays as short as it says."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

SKETCH = Path(__file__).parents[2] / "docs" / "sketch.py"
ANSWER = ["succeeded", {"depth": 4, "score": 0.9975}]


def run(database: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SKETCH), str(database)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)


def test_it_finds_the_best_model(tmp_path: Path) -> None:
    done = run(tmp_path / "runs.db")
    assert json.loads(done.stdout) == ANSWER
    assert done.stderr.count("train depth") == 4


def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path) -> None:
    killed = run(tmp_path / "runs.db", SKETCH_DIES_AT="3")
    assert killed.returncode == -signal.SIGKILL
    with closing(sqlite3.connect(tmp_path / "runs.db")) as database:
        done = {at for (at,) in database.execute("SELECT at FROM rows WHERE node='train' AND state='succeeded'")}
    assert done, "depth 3 began because one of the two before it had ended and was recorded"
    resumed = run(tmp_path / "runs.db")
    assert json.loads(resumed.stdout) == ANSWER
    trained = {depth for depth in range(1, 5) if f"train depth {depth} " in resumed.stderr}
    assert trained == {1, 2, 3, 4} - {at + 1 for at in done}, "what was recorded is not done again, the rest is"


def test_it_is_short() -> None:
    text = SKETCH.read_text().partition("# --- a user's pipeline")[0]
    code = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(code) <= 105
