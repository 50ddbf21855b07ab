"""How long a plan takes if every result is kept, in a process that has planned nothing yet: `FOLDER FILE`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from tidemill.actions.plan import plan
from tidemill.app import App
from tidemill.authoring.compile import load_file, pipelines_of
from tidemill.authoring.trace import trace
from tidemill.settings import Settings


def main() -> None:
    folder, file = sys.argv[1:]
    pipeline = trace(pipelines_of(load_file(Path(file)))["two_thousand"])
    with App(Settings(Path(folder))) as app:
        begun = time.perf_counter()
        lines = plan(app, pipeline)
        seconds = time.perf_counter() - begun
    assert {line.action for line in lines} == {"reuse"}
    print(json.dumps({"seconds": seconds, "nodes": len(lines)}))


if __name__ == "__main__":
    main()
