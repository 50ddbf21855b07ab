"""A run of ten thousand task runs whose engine was killed half-way: until a new engine has recorded its first start.

Both sides begin after their imports, with the database unopened. Ours opens the home, sees that the owner is dead,
takes the lease, rebuilds the run from its rows, gives up what was out, records the next starts, and is about to hand
them to the executor; the template's start is not in it. The other side reads the same rows, and does nothing with
them.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import durability, scripts
from bench.row import Bound, Measured, Row, Site
from bench.sampling import in_turns
from tidemill.app import App
from tidemill.settings import Settings

HALF = 5_000


def _measure(site: Site) -> Measured:
    site.say("making a half-done run")
    folder, kept = site.folder / "half", site.folder / "kept"
    run_id = _half_done(folder)
    home = folder / "home"
    shutil.copytree(home, kept, ignore=lambda _, names: {name for name in names if not name.startswith("tidemill.db")})
    rows: dict[str, Any] = {}

    def again() -> None:
        # The rest of the home stays: a dead engine is known by its lock in the very folder where it held it.
        for file in home.glob("tidemill.db*"):
            file.unlink()
        for file in kept.iterdir():
            shutil.copy(file, home)

    def ours() -> float:
        again()
        return 1e3 * float(scripts.ours("resuming", folder, run_id)["seconds"])

    def bare() -> float:
        again()
        said = scripts.bare("reading", folder / "home" / "tidemill.db", run_id)
        rows.update(said["rows"])
        return float(said["seconds"]) * 1e3

    ours()
    mine, others = in_turns(ours, bare, site.times, site.say)
    settings = Settings(folder / "home")
    with App(settings) as app:
        of_ours = durability.of_app(app, settings.home / "tidemill.db")
    return Measured(tuple(mine), tuple(others), of_ours, more={"rows read": rows})


def _half_done(folder: Path) -> str:
    target = f"{scripts.PIPELINES / 'many.py'}:ten_thousand"
    command = [sys.executable, "-m", "bench.ours.halfway", str(folder), target, str(HALF)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=scripts.ROOT)
    if done.returncode != -signal.SIGKILL:
        raise RuntimeError(f"the engine that was to be killed ended with code {done.returncode}")
    return str(json.loads(done.stdout.splitlines()[-1])["run"])


RESTART = Row(
    key="restart",
    name="restart with a half-done run of 10,000 task runs, until the first new start",
    reference="reading its rows",
    unit="ms",
    measure=_measure,
    target=Bound(2.0),
    aim=Bound(1.3),
    times=5,
    bare_is_durable=False,
)
