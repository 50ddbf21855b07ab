"""A frame of 200 MB from one process to the next, against writing, syncing, hashing and reading as many bytes.

Ours begins when the first task's function returns and ends when the second's has the frame and has touched every page
of it: encoding, storing, recording, and the start of the second task lie between.
"""

from __future__ import annotations

from itertools import count

from bench import durability, scripts
from bench.pipelines.frame import BYTES
from bench.row import FILE_FULL, Bound, Durability, Measured, Row, Site
from bench.sampling import in_turns
from bench.workshop import Workshop
from tidemill.actions.compile import compile_pipeline
from tidemill.storage.metadata import task_runs


def _measure(site: Site) -> Measured:
    pipeline = compile_pipeline(f"{scripts.PIPELINES / 'frame.py'}:frame")
    # Never the same content twice: it would be there already.
    seeds = count(1)
    hashes: set[str] = set()

    def bare() -> float:
        said = scripts.bare("bytes_across", site.folder / "bare.bytes", BYTES)
        hashes.add(said["hash"])
        return float(said["seconds"]) * 1e3

    with Workshop(site.folder) as shop:

        def ours() -> float:
            run = shop.run(pipeline, seed=next(seeds))
            with shop.app.database.read() as connection:
                rows = task_runs.load(connection, run.id)
            return 1e3 * float(next(row.outputs["result"] for row in rows if row.path == "take"))

        site.say("warming up")
        ours()
        mine, others = in_turns(ours, bare, site.times, site.say)
        return Measured(
            tuple(mine),
            tuple(others),
            durability.of_app(shop.app, shop.database_file),
            Durability(FILE_FULL, durability.file_system_of(site.folder)),
            more={"hash of the bare side": sorted(hashes)},
        )


FRAME = Row(
    key="frame",
    name="200 MB frame from one process to the next",
    reference="write + fsync + one hash + read of the same bytes",
    unit="ms",
    measure=_measure,
    target=Bound(1.3),
    aim=Bound(1.0),
    times=5,
)
