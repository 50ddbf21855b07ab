"""A plan of two thousand nodes of which each has a key and a kept result, in a process that has planned nothing yet.

The file is imported and traced, and the home opened, before; the graph's own row measures these.
"""

from __future__ import annotations

from bench import scripts
from bench.row import Bound, Measured, Row, Site
from bench.workshop import Workshop
from tidemill.actions.compile import compile_pipeline


def _measure(site: Site) -> Measured:
    site.say("the first run, which keeps the results")
    # Tasks in the engine's own process: they leave the same rows, sooner.
    with Workshop(site.folder, executor="inline") as shop:
        shop.run(compile_pipeline(f"{scripts.PIPELINES / 'kept.py'}:two_thousand"))
    said = []
    for number in range(1, site.times + 1):
        site.say(f"{number} of {site.times}")
        said.append(scripts.ours("planning", site.folder / "home", scripts.PIPELINES / "kept.py"))
    return Measured(tuple(one["seconds"] for one in said), more={"nodes": said[0]["nodes"]})


KEYS = Row(
    key="keys",
    name="plan of 2,000 nodes with their keys, all reused",
    reference="",
    unit="s",
    measure=_measure,
    target=Bound(1.0, unit="s"),
    times=5,
    durable=False,
)
