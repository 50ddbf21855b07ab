"""A hundred tasks of which nothing runs, since every result is kept, from the command line to its exit, beside our own
five tasks that do run. Both are whole commands in homes that are there."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from bench import durability, scripts
from bench.pipelines.kept import HUNDRED
from bench.row import Bound, Measured, Row, Site
from bench.sampling import in_turns
from bench.workshop import Failed
from tidemill.actions.runs import find_run
from tidemill.app import App
from tidemill.settings import Settings
from tidemill.storage.metadata import task_runs


def _measure(site: Site) -> Measured:
    program = str(Path(sys.executable).with_name("tidemill"))
    commands = {"kept.py": [program, "run", "kept.py:hundred"], "hello.py": [program, "run", "hello.py"]}
    for name, command in commands.items():
        (site.folder / name / ".tidemill").mkdir(parents=True)
        shutil.copy(scripts.PIPELINES / name, site.folder / name)
        site.say(f"the first run of {name}")
        scripts.seconds_of(command, site.folder / name)
    ours, bare = in_turns(
        lambda: scripts.seconds_of(commands["kept.py"], site.folder / "kept.py") * 1e3,
        lambda: scripts.seconds_of(commands["hello.py"], site.folder / "hello.py") * 1e3,
        site.times,
        site.say,
    )
    durable = {}
    for name in commands:
        settings = Settings(site.folder / name / ".tidemill")
        with App(settings) as app:
            if name == "kept.py":
                _all_reused(app)
            durable[name] = durability.of_app(app, settings.home / "tidemill.db")
    return Measured(tuple(ours), tuple(bare), durable["kept.py"], durable["hello.py"])


def _all_reused(app: App) -> None:
    with app.database.read() as connection:
        rows = [row for row in task_runs.load(connection, find_run(app, "latest").id) if row.path]
    reused = sum(bool(row.reused_from) for row in rows)
    if (len(rows), reused) != (HUNDRED, HUNDRED):
        raise Failed(f"{reused} of {len(rows)} results were reused")


CACHED = Row(
    key="cached",
    name="100 tasks whose results are kept, command line to exit, existing home",
    reference="our own hello: 5 tasks that run",
    unit="ms",
    measure=_measure,
    target=Bound(1.5),
    aim=Bound(1.2),
    times=7,
)
