"""Five tasks from the command line to its exit, in a home that is there: interpreter, imports, reading the file,
template, tasks, summary. The other side is a whole process, too."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from bench import durability, scripts
from bench.row import Bound, Measured, Row, Site
from bench.sampling import in_turns
from tidemill.app import App
from tidemill.settings import Settings


def _measure(site: Site) -> Measured:
    shutil.copy(scripts.PIPELINES / "hello.py", site.folder)
    database = site.folder / "bare.db"
    tidemill = [str(Path(sys.executable).with_name("tidemill")), "run", "hello.py"]
    script = [sys.executable, str(scripts.BARE / "hello.py"), str(database)]
    site.say("making the home")
    (site.folder / ".tidemill").mkdir()
    scripts.seconds_of(tidemill, site.folder)
    scripts.seconds_of([*script, "--made"], site.folder)
    ours, bare = in_turns(
        lambda: scripts.seconds_of(tidemill, site.folder) * 1e3,
        lambda: scripts.seconds_of(script, site.folder) * 1e3,
        site.times,
        site.say,
    )
    said = scripts.bare("hello", database, "--asked")
    settings = Settings(site.folder / ".tidemill")
    with App(settings) as app:
        of_ours = durability.of_app(app, settings.home / "tidemill.db")
    return Measured(tuple(ours), tuple(bare), of_ours, durability.of_sqlite(database, said["synchronous"]))


HELLO = Row(
    key="hello",
    name="hello: 5 tasks, command line to exit, existing home",
    reference="script that imports SQLAlchemy, opens the database, forks five times with a commit each",
    unit="ms",
    measure=_measure,
    target=Bound(1.8),
    aim=Bound(1.3),
    times=7,
)
