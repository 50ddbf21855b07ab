"""Carries a run until so many tasks have started, and is then killed: `FOLDER FILE:PIPELINE NUMBER`."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.workshop import Workshop
from tidemill.actions.compile import compile_pipeline
from tidemill.core.history import RunRecord
from tidemill.engine.moves import AttemptStarted, Move


class _Killed:
    """Counts starts, which are told after they are recorded."""

    def __init__(self, half: int) -> None:
        self._left = half

    def __call__(self, run: RunRecord, moves: Sequence[Move]) -> None:
        self._left -= sum(isinstance(move, AttemptStarted) for move in moves)
        if self._left <= 0:
            print(json.dumps({"run": run.id}), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    folder, target, half = sys.argv[1:]
    pipeline = compile_pipeline(target)
    # Tasks in the engine's own process: they leave the same rows, sooner.
    with Workshop(Path(folder), executor="inline", watch=_Killed(int(half))) as shop:
        shop.run(pipeline)


if __name__ == "__main__":
    main()
