"""The sketch in the docs really runs, survives kill -9, and stays as short as it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
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
    resumed = run(tmp_path / "runs.db")
    assert json.loads(resumed.stdout) == ANSWER
    # Depth 3 began because one of the two before it had ended and was recorded.
    assert resumed.stderr.count("train depth") <= 3, "what was recorded is not done again"
    assert "train depth 3" in resumed.stderr


def test_it_is_short() -> None:
    text = SKETCH.read_text().partition("# --- a user's pipeline")[0]
    code = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(code) <= 105
