"""The chain of a hundred tasks in homes with a thousand, ten thousand and a hundred thousand task runs of history.

"Ours" is what a task costs with the longest history, the other side with the shortest; the one between is in the
document.
"""

from __future__ import annotations

from contextlib import ExitStack

from bench import durability, scripts
from bench.past import make_past
from bench.pipelines.chain import LENGTH
from bench.row import Bound, Measured, Row, Site
from bench.workshop import Workshop
from tidemill.actions.compile import compile_pipeline

SIZES = (1_000, 10_000, 100_000)


def _measure(site: Site) -> Measured:
    pipeline = compile_pipeline(f"{scripts.PIPELINES / 'chain.py'}:chain")
    with ExitStack() as stack:
        shops: dict[int, Workshop] = {}
        for size in SIZES:
            site.say(f"making {size:,} task runs of history")
            shops[size] = stack.enter_context(Workshop(site.folder / str(size)))
            make_past(shops[size].app, pipeline, size)
            shops[size].run(pipeline)
        costs: dict[int, list[float]] = {size: [] for size in SIZES}
        for number in range(1, site.times + 1):
            for size, shop in shops.items():
                site.say(f"{number} of {site.times}, {size:,}")
                costs[size].append(shop.seconds(pipeline) * 1e3 / LENGTH)
        durable = {size: durability.of_app(shop.app, shop.database_file) for size, shop in shops.items()}
    short, *between, long = SIZES
    return Measured(
        tuple(costs[long]),
        tuple(costs[short]),
        durable[long],
        durable[short],
        more={f"with {size:,} task runs": costs[size] for size in between},
    )


PAST = Row(
    key="history",
    name="cost per task with 100,000 task runs of history",
    reference="with 1,000 task runs of history",
    unit="ms/task",
    measure=_measure,
    target=Bound(1.1),
    aim=Bound(1.0),
    times=5,
)
