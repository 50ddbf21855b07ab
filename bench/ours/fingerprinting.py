"""How long fingerprints of a project take in a process that has taken none yet, and once more after that: `FILE`.

Beside it stands how long it takes to import the project.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

from tidemill.authoring.compile import load_file, pipelines_of
from tidemill.authoring.trace import trace
from tidemill.core.graph_json import code_of


def main() -> None:
    begun = time.perf_counter()
    (definition,) = pipelines_of(load_file(Path(sys.argv[1]))).values()
    moments = [begun, time.perf_counter()]
    for _ in range(2):
        pipeline = trace(definition)
        moments.append(time.perf_counter())
    assert all(pipeline.functions.values())
    imported, cold, warm = (after - before for before, after in pairwise(moments))
    parts = len(code_of(pipeline)["parts"])
    print(json.dumps({"imported": imported, "cold": cold, "warm": warm, "parts": parts}))


if __name__ == "__main__":
    main()
