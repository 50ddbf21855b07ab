"""How long a big graph takes from its function to its plan, in a process that has traced nothing yet: `FOLDER FILE`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from tidemill.actions.plan import plan
from tidemill.app import App
from tidemill.authoring.compile import load_file, pipelines_of
from tidemill.authoring.trace import trace
from tidemill.core.check import check
from tidemill.core.wiring import Wiring
from tidemill.settings import Settings


def main() -> None:
    folder, file = sys.argv[1:]
    (definition,) = pipelines_of(load_file(Path(file))).values()
    with App(Settings(Path(folder))) as app:
        moments = [time.perf_counter()]
        pipeline = trace(definition)
        moments.append(time.perf_counter())
        problems = check(pipeline)
        moments.append(time.perf_counter())
        lines = plan(app, pipeline)
        moments.append(time.perf_counter())
    assert not problems
    names = ("trace", "check", "plan")
    parts = {name: after - before for name, before, after in zip(names, moments, moments[1:], strict=False)}
    edges = sum(len(site.ups) for site in Wiring(pipeline).sites.values())
    print(json.dumps({"parts": parts, "nodes": len(lines), "edges": edges}))


if __name__ == "__main__":
    main()
