"""A lineage as a Mermaid flowchart, a box around each run. Names are hostile: nothing of them is taken for syntax."""

from __future__ import annotations

from collections.abc import Iterator

from tidemill.actions.artifacts import short_type
from tidemill.actions.drawing.mermaid import escaped
from tidemill.actions.lineage import Lineage, Point, Relation
from tidemill.core.instances import Key, instance_from
from tidemill.storage.metadata.artifacts import TaskKey

_ARROWS = {Relation.MADE: "-->", Relation.USED: "-->", Relation.REUSED: "-. reused .->"}


def draw_lineage(lineage: Lineage) -> str:
    """Text for a ```mermaid block, or a file `.mmd`."""
    names = {point: f"n{number}" for number, point in enumerate(lineage.points())}
    lines = ["flowchart LR", *_boxes(lineage, names)]
    lines += [f"  {names[line.source]} {_ARROWS[line.relation]} {names[line.target]}" for line in lineage.lines]
    starts = [names[start] for start in lineage.starts]
    if starts and not lineage.run:
        lines += ["  classDef asked stroke-width:3px", f"  class {','.join(starts)} asked"]
    return "\n".join(lines) + "\n"


def _boxes(lineage: Lineage, names: dict[Point, str]) -> Iterator[str]:
    runs: dict[str, list[Point]] = {}
    for point in names:
        task = point if isinstance(point, TaskKey) else lineage.makers.get(point)
        runs.setdefault(task.run if task is not None else "", []).append(point)
    for number, (run, points) in enumerate(runs.items()):
        if run:
            yield f'  subgraph r{number}["run {escaped(run)}"]'
        for point in points:
            yield f"    {names[point]}{_shape(lineage, point)}"
        if run:
            yield "  end"


def _shape(lineage: Lineage, point: Point) -> str:
    if isinstance(point, TaskKey):
        return f'["{escaped(str(Key(point.path, instance_from(point.instance))))}"]'
    record = lineage.artifacts.get(point)
    kind = escaped(short_type(record)) if record is not None else "removed"
    return f'(["{kind}<br>{escaped(point)}"])'
