"""One piece of work of one tool, in a folder and a process of its own, and how long it took."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import scripts
from bench.peers.environments import environment_of
from bench.peers.listing import OURS, Peer

WRITTEN = Path(__file__).parent / "written"
PATIENCE_S = 1800.0


class NotDone(Exception):
    """It ended badly; the text is the last thing that it said."""


def seconds_of(peer: Peer, python: Path, work: str, folder: Path) -> float:
    """How long `chain`, `fan` or `hello` takes; the last one is a whole command. Raises NotDone."""
    if peer is OURS:
        return _ours(work, folder)
    command = [str(python), str(WRITTEN / f"for_{peer.name}.py"), work]
    said, seconds = _run(command, folder, environment_of(folder, python))
    return seconds if work == "hello" else said


def _ours(work: str, folder: Path) -> float:
    if work == "hello":
        (folder / ".tidemill").mkdir(exist_ok=True)
        command = [str(Path(sys.executable).with_name("tidemill")), "run", str(scripts.PIPELINES / "hello.py")]
        return scripts.seconds_of(command, folder)
    return float(scripts.ours("beside_peers", work, folder)["seconds"])


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[float, float]:
    """The seconds it says, and those of the whole command. What it prints goes to a file beside its work."""
    output = folder / "output.txt"
    begun = time.perf_counter()
    with output.open("w") as errors:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        try:
            printed, _ = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise NotDone(f"took more than {PATIENCE_S:.0f} s") from None
        finally:
            seconds = time.perf_counter() - begun
            # Servers that it may have left.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    # Tools talk on standard output, too.
    answers = [line for line in printed.splitlines() if line.startswith('{"seconds"')]
    if process.returncode != 0 and not answers:
        last = (output.read_text(errors="replace").strip() or printed.strip()).splitlines()[-1:]
        raise NotDone(last[0] if last else f"ended with code {process.returncode}")
    return float(json.loads(answers[-1])["seconds"]), seconds
