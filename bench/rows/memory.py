"""How much more memory an engine takes while ten thousand mapped task runs go through it than when it is idle.

The tasks share warm processes, which is sooner done: what the engine keeps of a task run is the same.
"""

from __future__ import annotations

from bench import scripts
from bench.row import Bound, Measured, Row, Site


def _measure(site: Site) -> Measured:
    said = []
    for number in range(1, site.times + 1):
        site.say(f"{number} of {site.times}")
        said.append(scripts.ours("growing", site.folder / str(number), scripts.PIPELINES / "shared.py"))
    return Measured(
        tuple(one["growth"] for one in said),
        more={"idle": [one["idle"] for one in said], "still there after the run": [one["after"] for one in said]},
    )


MEMORY = Row(
    key="memory",
    name="run of 10,000 mapped task runs: growth of the engine's memory over idle",
    reference="",
    unit="MB",
    measure=_measure,
    target=Bound(60, unit="MB"),
    aim=Bound(30, unit="MB"),
    times=3,
    durable=False,
)
