"""Programs in processes of their own: the plain scripts of `bench/bare`, our side where a sample needs a fresh process
(`bench/ours`; both print one line of JSON), and commands as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BARE = ROOT / "bench" / "bare"
PIPELINES = ROOT / "bench" / "pipelines"
PATIENCE_S = 300.0


def bare(name: str, *arguments: object) -> dict[str, Any]:
    """What the plain script `bench/bare/NAME.py` printed. Raises CalledProcessError, TimeoutExpired."""
    return _answer([sys.executable, str(BARE / f"{name}.py"), *map(str, arguments)])


def ours(name: str, *arguments: object) -> dict[str, Any]:
    """What the module `bench.ours.NAME` printed, in a process that has done nothing before. Raises as `bare` does."""
    return _answer([sys.executable, "-m", f"bench.ours.{name}", *map(str, arguments)])


def _answer(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE_S, cwd=ROOT)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def environment() -> dict[str, str]:
    """The environment of a command that is measured: no settings of this shell's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TIDEMILL_")}


def seconds_of(command: Sequence[str], folder: Path) -> float:
    """Wall time from the start of a command in `folder` until it has ended. Raises RuntimeError unless it succeeds."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL)
    _, status, _ = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with code {process.returncode}")
    return seconds
