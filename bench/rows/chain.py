"""A chain of a hundred no-op tasks, a process each, plain and beside heavy imports, against a bare fork and commit.

Ours is the whole from the submission of the run to the commit that records its end, in a process that has its home
and executor open; the first run of the template, imports and all, comes before, as the imports of the bare side do.
The pipeline is compiled before, too: that a file is read once and not for each run is not what is compared. What a
fork costs hangs on the size of what forks, so the document also has a bare process filled to the template's size.
"""

from __future__ import annotations

from statistics import median

import psutil

from bench import durability, scripts
from bench.pipelines.chain import LENGTH
from bench.row import Bound, Measured, Row, Site
from bench.sampling import in_turns
from bench.workshop import Workshop
from tidemill.actions.compile import compile_pipeline


def _measure(site: Site, file: str, imports: str) -> Measured:
    pipeline = compile_pipeline(f"{scripts.PIPELINES / file}:chain")
    database = site.folder / "bare.db"
    synchronous = -1

    def bare(size: int = 0) -> float:
        nonlocal synchronous
        said = scripts.bare("forks", database, LENGTH, "--import", imports, "--as-big-as", size)
        synchronous = said["synchronous"]
        return float(said["seconds"]) * 1e3 / LENGTH

    with Workshop(site.folder) as shop:
        site.say("warming up")
        shop.run(pipeline)
        bare()
        ours, other = in_turns(lambda: shop.seconds(pipeline) * 1e3 / LENGTH, bare, site.times, site.say)
        size = max(child.memory_info().rss for child in psutil.Process().children(recursive=True))
        as_big = [bare(size) for _ in range(site.times)]
        return Measured(
            tuple(ours),
            tuple(other),
            durability.of_app(shop.app, shop.database_file),
            durability.of_sqlite(database, synchronous),
            remark=f"a bare process of the template's {size / 1e6:.0f} MB takes {median(as_big):.2f} ms/task",
            more={"bare, as big as the template": as_big, "bytes of the template": size},
        )


PLAIN = Row(
    key="chain",
    name="chain of 100 no-op tasks, a process each",
    reference="bare",
    unit="ms/task",
    measure=lambda site: _measure(site, "chain.py", ""),
    target=Bound(1.5),
    aim=Bound(1.0),
    times=7,
)
HEAVY = Row(
    key="chain-ml",
    name="the same with pandas and scikit-learn imported in the template",
    reference="bare with the same imports",
    unit="ms/task",
    # What the pipeline's file imports, no more and no less.
    measure=lambda site: _measure(site, "chain_ml.py", "pandas,sklearn.ensemble"),
    target=Bound(1.0),
    aim=Bound(0.7),
)
