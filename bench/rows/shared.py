"""Ten thousand tiny tasks in shared warm processes, each of them recorded, against a pool that records nothing.

Ours is the whole run, as in `chain`; the pool's processes are warm, too. What a task costs in a run of a thousand is
kept in the document: it must be the same.
"""

from __future__ import annotations

from bench import durability, scripts
from bench.row import Bound, Measured, Row, Site
from bench.sampling import in_turns
from bench.workshop import SLOTS, Workshop
from tidemill.actions.compile import compile_pipeline

TASKS = 10_000


def _measure(site: Site) -> Measured:
    many, thousand, few = (
        compile_pipeline(f"{scripts.PIPELINES / 'shared.py'}:{name}") for name in ("ten_thousand", "thousand", "few")
    )
    with Workshop(site.folder) as shop:
        site.say("warming up")
        shop.run(few)
        ours, bare = in_turns(
            lambda: TASKS / shop.seconds(many),
            lambda: TASKS / float(scripts.bare("pool", TASKS, SLOTS)["seconds"]),
            site.times,
            site.say,
        )
        smaller = [1_000 / shop.seconds(thousand) for _ in range(site.times)]
        return Measured(
            tuple(ours),
            tuple(bare),
            durability.of_app(shop.app, shop.database_file),
            more={"tasks/s in a run of 1,000": smaller},
        )


SHARED = Row(
    key="shared",
    name='fan-out of 10,000 sharing warm processes (`isolation="shared"`), durable',
    reference="ProcessPoolExecutor(2).map(chunksize=1), not durable",
    unit="/s",
    measure=_measure,
    target=Bound(1.0, at_least=True),
    aim=Bound(3.0, at_least=True),
    times=3,
    bare_is_durable=False,
)
