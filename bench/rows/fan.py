"""A thousand tasks that depend on nothing, a process each, two at a time, on SQLite and on PostgreSQL, against two bare
children kept alive. Ours is the whole run, as in `chain`."""

from __future__ import annotations

from pathlib import Path

from bench import durability, postgres, scripts
from bench.row import Bound, Measured, Row, Site
from bench.sampling import in_turns
from bench.workshop import SLOTS, Workshop
from tidemill.actions.compile import compile_pipeline

TASKS = 1_000


def measure(site: Site, database_url: str = "", data: Path | None = None) -> Measured:
    """In tasks per second. `data` is where the database of `database_url` lies."""
    thousand = compile_pipeline(f"{scripts.PIPELINES / 'fan.py'}:thousand")
    few = compile_pipeline(f"{scripts.PIPELINES / 'fan.py'}:few")
    database = site.folder / "bare.db"
    synchronous = -1

    def bare() -> float:
        nonlocal synchronous
        said = scripts.bare("forks", database, TASKS, "--at-once", SLOTS)
        synchronous = said["synchronous"]
        return TASKS / float(said["seconds"])

    with Workshop(site.folder, database_url) as shop:
        site.say("warming up")
        shop.run(few)
        ours, other = in_turns(lambda: TASKS / shop.seconds(thousand), bare, site.times, site.say)
        return Measured(
            tuple(ours),
            tuple(other),
            durability.of_app(shop.app, data or shop.database_file),
            durability.of_sqlite(database, synchronous),
        )


SQLITE = Row(
    key="fan",
    name="fan-out of 1,000, a process each, 2 slots, tasks/s",
    reference="bare, 2 at a time",
    unit="/s",
    measure=measure,
    target=Bound(1.0, at_least=True),
    aim=Bound(1.5, at_least=True),
    times=3,
)


def _on_postgres(site: Site) -> Measured:
    site.say("starting PostgreSQL")
    data = site.folder / "pg"
    try:
        with postgres.server(data) as url:
            return measure(site, url, data)
    except postgres.NoPostgres as missing:
        return Measured(unavailable=str(missing))


POSTGRES = Row(
    key="fan-postgres",
    name="the same on PostgreSQL",
    reference="the same bare",
    unit="/s",
    measure=_on_postgres,
    target=Bound(0.7, at_least=True),
    aim=Bound(1.2, at_least=True),
    times=3,
)
