"""Fingerprints of twenty tasks that reach through three hundred modules, in a fresh process.

Beside it stands what Python needs to import those modules from their sources, as every command does that reads the
file.
"""

from __future__ import annotations

from bench import scripts
from bench.pipelines import sources
from bench.row import Bound, Measured, Row, Site
from bench.sampling import middle


def _measure(site: Site) -> Measured:
    file = sources.write(site.folder / "project")
    said = []
    for number in range(1, site.times + 1):
        site.say(f"{number} of {site.times}")
        said.append(scripts.ours("fingerprinting", file))
    again = middle([one["warm"] for one in said]) or 0.0
    return Measured(
        tuple(one["cold"] for one in said),
        tuple(one["imported"] for one in said),
        remark=f"once more in the same process: {again:.2f} s",
        more={"modules": sources.MODULES, "tasks": sources.TASKS, "parts": said[0]["parts"], "again": again},
    )


FINGERPRINT = Row(
    key="fingerprint",
    name="fingerprints of 20 tasks in a project of 300 modules, fresh process",
    reference="importing the project from its sources",
    unit="s",
    measure=_measure,
    target=Bound(1.0, unit="s"),
    aim=Bound(0.5, unit="s"),
    times=5,
    durable=False,
)
