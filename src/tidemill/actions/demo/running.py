"""The runs of the demo: where the example lies, what a person may choose, and what each run is asked for.

What a run gave, `results` knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import tidemill
from tidemill.actions.compile import compile_pipeline
from tidemill.actions.demo.results import PIPELINE
from tidemill.actions.demo.table import Table
from tidemill.app import App
from tidemill.core.errors import StateError
from tidemill.core.graph import Pipeline
from tidemill.storage.metadata import models

SEED = 7
THRESHOLD = 0.9
FIRST_COLUMNS = tuple(
    f"mean {name}"
    for name in (
        "radius",
        "texture",
        "perimeter",
        "area",
        "smoothness",
        "compactness",
        "concavity",
        "concave points",
        "symmetry",
        "fractal dimension",
    )
)
"""What the first model learns from, of the data that comes along: a third of what is measured."""

WEAK = "small tree"


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


def parameters(wish: Wish, model: str, contract: Path | None = None) -> dict[str, Any]:
    """Of every run: the data, its contract if it is another than the example's, the seed and what is demanded."""
    found: dict[str, Any] = {"seed": wish.seed, "threshold": wish.threshold, "model": model}
    if wish.table is not None:
        found |= {"data": str(wish.table.path), "target": wish.table.target, "separator": wish.table.separator}
    if contract is not None:
        found["contract"] = str(contract)
    return found


def free_name(app: App) -> str:
    """A name for the model under which nothing is registered: a story that is told again begins anew."""
    with app.database.read() as connection:
        taken = set(models.names(connection, app.settings.team))
    names = chain([PIPELINE], (f"{PIPELINE}-{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def first_columns(wish: Wish) -> list[str]:
    """What the first model learns from, of a table of one's own: the first half of the columns."""
    if wish.table is None:
        return list(FIRST_COLUMNS)
    names = [name for name in wish.table.columns if name != wish.table.target]
    return names[: max(1, (len(names) + 1) // 2)]
