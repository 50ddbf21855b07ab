"""How long a fresh engine takes to go on with a half-done run: `FOLDER RUN`. What it has started dies with it.

What it would load by name when it is first asked for is imported beforehand, as all else is.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy.dialects.sqlite  # noqa: F401

import tidemill.executors.processes  # noqa: F401
from bench.workshop import Workshop
from tidemill.core.history import RunRecord
from tidemill.engine.moves import AttemptStarted, Move


def main() -> None:
    folder, run_id = sys.argv[1:]
    begun = time.perf_counter()

    def watch(run: RunRecord, moves: Sequence[Move]) -> None:
        if any(isinstance(move, AttemptStarted) for move in moves):
            # Told after the commit; the next thing that the engine does is to start it.
            print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)
            os._exit(0)

    with Workshop(Path(folder), watch=watch) as shop:
        shop.hold(run_id)
        shop.engine.run(until=lambda: False)
    sys.exit("the run ended without a new start")


if __name__ == "__main__":
    main()
