"""The pipelines of the peers as users of Tidemill write them: `chain|fan FOLDER`. Prints the seconds of a run.

As on the other side, what has to be running anyway is running, and a few tasks have run before.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench import scripts
from bench.workshop import Workshop
from tidemill.actions.compile import compile_pipeline

TARGETS = {"chain": "chain.py:chain", "fan": "fan.py:two_hundred"}
WARM_UP = "hello.py:hello"


def main() -> None:
    work, folder = sys.argv[1:]
    with Workshop(Path(folder)) as shop:
        shop.run(compile_pipeline(str(scripts.PIPELINES / WARM_UP)))
        print(json.dumps({"seconds": shop.seconds(compile_pipeline(str(scripts.PIPELINES / TARGETS[work])))}))


if __name__ == "__main__":
    main()
