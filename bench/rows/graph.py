"""A graph of two thousand nodes and ten thousand edges, traced, checked and planned in a fresh process.

The file is imported and the home opened before; both belong to every command, whatever the graph.
"""

from __future__ import annotations

from bench import scripts
from bench.row import Bound, Measured, Row, Site


def _measure(site: Site) -> Measured:
    said = []
    for number in range(1, site.times + 1):
        site.say(f"{number} of {site.times}")
        said.append(scripts.ours("tracing", site.folder / "home", scripts.PIPELINES / "lattice.py"))
    return Measured(
        tuple(sum(one["parts"].values()) for one in said),
        more={"nodes": said[0]["nodes"], "edges": said[0]["edges"], "seconds": [one["parts"] for one in said]},
    )


GRAPH = Row(
    key="graph",
    name="graph of 2,000 nodes and 10,000 edges: trace + check + plan",
    reference="",
    unit="s",
    measure=_measure,
    target=Bound(1.0, unit="s"),
    aim=Bound(0.3, unit="s"),
    times=5,
    durable=False,
)
