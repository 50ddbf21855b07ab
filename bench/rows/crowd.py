"""Two hundred runs of twenty tasks at once in one engine, against one run of the same four thousand tasks there.

Both from the first submission to the last recorded end; a process each, as is the default.
"""

from __future__ import annotations

from bench import durability, scripts
from bench.pipelines.crowd import RUNS
from bench.row import Bound, Measured, Row, Site
from bench.sampling import in_turns
from bench.workshop import Workshop
from tidemill.actions.compile import compile_pipeline


def _measure(site: Site) -> Measured:
    one, everything = (
        compile_pipeline(f"{scripts.PIPELINES / 'crowd.py'}:{name}") for name in ("one_of_many", "all_in_one")
    )
    with Workshop(site.folder) as shop:
        site.say("warming up")
        shop.run(one)
        ours, bare = in_turns(lambda: shop.seconds(one, RUNS), lambda: shop.seconds(everything), site.times, site.say)
        durable = durability.of_app(shop.app, shop.database_file)
    return Measured(tuple(ours), tuple(bare), durable, durable)


CROWD = Row(
    key="crowd",
    name="200 runs at once, 20 tasks each",
    reference="the same tasks in one run",
    unit="s",
    measure=_measure,
    target=Bound(1.3),
    aim=Bound(1.1),
    times=3,
)
