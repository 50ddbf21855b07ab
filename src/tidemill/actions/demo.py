"""The demo: the example `diagnosis`, run as any other pipeline, and a document of what came of it.

Knows where the example lies and what a person may choose; what a run is, others know.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import tidemill
from tidemill.actions.compile import compile_pipeline
from tidemill.actions.demo_data import Table
from tidemill.actions.demo_results import PIPELINE, Demo, read_demo
from tidemill.actions.runs import Running, start_run
from tidemill.app import App
from tidemill.core.errors import StateError
from tidemill.core.graph import Pipeline
from tidemill.core.history import RunRecord
from tidemill.engine.loop import Watcher

DOCUMENT = "demo.json"
SEED = 7
THRESHOLD = 0.9


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be different. Without a table it is the data that comes with scikit-learn; `seed` has 31 bits."""

    table: Table | None = None
    seed: int = SEED
    threshold: float = THRESHOLD


def example_file() -> Path:
    """The example's file: in the source tree beside `src`, or inside the installed package. Raises StateError."""
    package = Path(tidemill.__file__).parent
    for root in (package.parents[1], package):
        file = root / "examples" / PIPELINE / "pipeline.py"
        if file.is_file():
            return file
    raise StateError(
        "the example that the demo runs is not installed",
        remedy="install Tidemill again: pip install --force-reinstall 'tidemill[ml]'",
        place=str(package / "examples" / PIPELINE),
    )


def compile_demo() -> Pipeline:
    """The example as a graph. Raises what compiling any file raises, as when scikit-learn is not installed."""
    return compile_pipeline(f"{example_file()}:{PIPELINE}")


def run_demo(
    app: App,
    pipeline: Pipeline,
    wish: Wish = Wish(),
    *,
    watch: Watcher | None = None,
    begun: Callable[[Running], None] | None = None,
) -> RunRecord:
    """Run the example to its end; `document` then tells what came of it."""
    params: dict[str, object] = {"seed": wish.seed, "threshold": wish.threshold}
    if wish.table is not None:
        params |= {"data": str(wish.table.path), "target": wish.table.target, "separator": wish.table.separator}
    return start_run(
        app,
        pipeline,
        params,
        executor="processes",
        watch=watch,
        begun=begun,
        seed=wish.seed,
        entry=str(example_file()),
    )


def document(app: App, run_id: str) -> tuple[Demo, Path]:
    """What is recorded of a demo, and the file in the home, `demo.json`, to which it is written."""
    demo = read_demo(app, run_id)
    file = app.settings.home / DOCUMENT
    written = file.with_name(f"{file.name}.{os.getpid()}")
    written.write_text(json.dumps(asdict(demo), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    written.replace(file)
    return demo, file
