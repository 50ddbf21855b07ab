"""What a task that prints a gigabyte costs the engine, and how late it makes its neighbours.

The delay is from the beginning of one neighbour to that of the next, which waits for it; only those that begin while
the other task is at work count. On the quiet side that task does the same work for as long and prints nothing. The
engine's processor time is that of its process from the submission to the recorded end.
"""

from __future__ import annotations

import time
from itertools import pairwise
from statistics import median

from bench import durability, scripts
from bench.pipelines.loud import GIGABYTE, NEIGHBOURS
from bench.row import Measured, Row, Site
from bench.sampling import in_turns, middle, within_noise
from bench.workshop import Failed, Workshop
from tidemill.actions.compile import compile_pipeline
from tidemill.core.graph import Pipeline
from tidemill.storage.metadata import task_runs

_LAST = "neighbour" if NEIGHBOURS == 1 else f"neighbour_{NEIGHBOURS}"


def _measure(site: Site) -> Measured:
    loud, quiet = (compile_pipeline(f"{scripts.PIPELINES / 'loud.py'}:{name}") for name in ("loud", "quiet"))
    with Workshop(site.folder) as shop:
        site.say("warming up")
        with_it = [_one(shop, loud, "shout", amount=GIGABYTE)]
        without: list[_Sample] = []

        def noisy() -> float:
            with_it.append(_one(shop, loud, "shout", amount=GIGABYTE))
            return with_it[-1].delay

        def silent() -> float:
            without.append(_one(shop, quiet, "whisper", seconds=with_it[-1].length))
            return without[-1].delay

        delays = in_turns(noisy, silent, site.times, site.say)
        durable = durability.of_app(shop.app, shop.database_file)
    del with_it[0]
    cpu = [one.cpu for one in with_it], [one.cpu for one in without]
    with_ms, without_ms = (1e3 * (middle(side) or 0) for side in cpu)
    return Measured(
        tuple(delays[0]),
        tuple(delays[1]),
        durable,
        durable,
        quiet=within_noise(*delays) and within_noise(*cpu),
        remark=f"the engine's processor time is {with_ms:.0f} ms with it, {without_ms:.0f} ms without",
        more={
            "engine's processor seconds": {"with": cpu[0], "without": cpu[1]},
            "seconds of the loud task": [one.length for one in with_it],
        },
    )


class _Sample:
    """One run: median delay of the neighbours (ms), processor seconds of the engine, length of the other task (s)."""

    def __init__(self, moments: list[int], span: list[int], cpu: float) -> None:
        begun, ended = span
        during = [at for at in moments if begun <= at <= ended]
        if len(during) < len(moments) // 2:
            raise Failed("most of the neighbours began when the other task was not at work")
        self.delay = median(after - before for before, after in pairwise(during)) / 1e6
        self.cpu = cpu
        self.length = (ended - begun) / 1e9


def _one(shop: Workshop, pipeline: Pipeline, other: str, **params: float) -> _Sample:
    begun = time.process_time()
    run = shop.run(pipeline, **params)
    cpu = time.process_time() - begun
    with shop.app.database.read() as connection:
        results = {row.path: row.outputs.get("result") for row in task_runs.load(connection, run.id)}
    return _Sample(list(results[_LAST] or ()), list(results[other] or ()), cpu)


NOISE = Row(
    key="print",
    name="a task that prints 1 GB: engine CPU, and delay of a neighbour's start",
    reference="the same work without printing",
    unit="ms",
    measure=_measure,
    promise="none",
    times=5,
)
