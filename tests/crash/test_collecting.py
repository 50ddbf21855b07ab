"""A collection is killed at each of its points, and works beside runs that use and make the very same content."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.collecting_tasks import collected
from tidemill.actions.collecting.decide import Policy
from tidemill.actions.collecting.facts import tell_nobody
from tidemill.actions.collecting.removing import carry_out
from tidemill.actions.gc import verify_artifacts
from tidemill.actions.runs import start_run
from tidemill.app import App
from tidemill.authoring.trace import trace
from tidemill.core.history import RunRecord
from tidemill.core.states import RunState
from tidemill.settings import Settings
from tidemill.storage.artifacts.local import LocalStore
from tidemill.storage.metadata import artifacts, runs
from tidemill.storage.metadata.collecting import every_artifact
from tidemill.testing import crash_environment, inline_app

ROOT = Path(__file__).resolve().parents[2]
POINTS = [
    "gc.run-taken",
    "gc.run-removed",
    "gc.part-removed",
    "gc.records-removed",
    "gc.before-bytes",
    "gc.bytes-removed",
    "metadata.after-commit",
]
LONG = 60.0


def collect(home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.crash.collecting_process", str(home)],
        cwd=ROOT,
        env={**os.environ, **more},
        capture_output=True,
        encoding="utf-8",
        timeout=LONG,
        check=False,
    )


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_the_next_one_finishes(point: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with inline_app(home) as app:
        old = app.run(collected, {"seed": 1})
        app.leaping.advance(1)
        new = app.run(collected, {"seed": 2})
    killed = collect(home, **crash_environment(point, 2 if point == "gc.bytes-removed" else 1))
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    done = collect(home)
    assert done.returncode == 0, done.stderr
    with inline_app(home) as app:
        assert verify_artifacts(app).damage == ()
        with app.database.read() as connection:
            assert [run.id for run in runs.listing(connection, "default")] == [new.id]
            left = {row.run for row in every_artifact(connection)}
            made = [record.digest for _, record in artifacts.of_run(connection, old.id)]
        assert left == {old.id, new.id}, "the run that is gone left its kept result"
        assert len(made) == 1
        assert not list(app.settings.logs.glob(f"{old.id}*"))
        again = app.run(collected, {"seed": 1})
        assert again.state is RunState.SUCCEEDED


def test_runs_that_reuse_and_make_the_same_go_on_beside_collections(tmp_path: Path) -> None:
    """Nothing is spared by age: what protects is what the rows say, and when bytes were put."""
    executor = "processes"
    settings = Settings(home=tmp_path / "home", executor=executor, slots=2)
    definition, rounds, over = trace(collected), [0], threading.Event()
    troubles: list[BaseException] = []

    def keep_collecting() -> None:
        try:
            with App(settings) as app:
                owner = app.owner()
                while not over.is_set():
                    carry_out(app, owner, Policy(keep=1, grace=timedelta(0)), tell_nobody)
                    rounds[0] += 1
                owner.close()
        except BaseException as trouble:
            troubles.append(trouble)

    collector = threading.Thread(target=keep_collecting)
    done: list[RunRecord] = []
    with App(settings) as app:
        done.append(start_run(app, definition, {"seed": 1}, executor=executor))
        collector.start()
        while (len(done) < 6 or rounds[0] < 6) and not troubles:
            done.append(start_run(app, definition, {"seed": 1}, executor=executor))
            assert done[-1].state is RunState.SUCCEEDED, done[-1]
        over.set()
        collector.join(LONG)
        assert troubles == []
        assert verify_artifacts(app).damage == ()
        with app.database.read() as connection:
            there = runs.listing(connection, "default")
            assert done[-1].id in {run.id for run in there}
            (first,) = [row for row in every_artifact(connection) if row.run == done[0].id]
        assert len(there) < len(done), "old ones went meanwhile"
        assert first.digest, "what the first run computed is what all others used"


def test_a_put_between_the_last_look_and_the_removal_is_not_lost(tmp_path: Path) -> None:
    class Watched(LocalStore):
        def touched_at(self, digest: str) -> float | None:
            found = super().touched_at(digest)
            putting.start()
            # It cannot end before the removal; without a lock it would, and what it put would be removed.
            putting.join(0.3)
            return found

    store = LocalStore(tmp_path / "store")
    content = store.put_bytes(b"wanted")
    putting = threading.Thread(target=store.put_bytes, args=(b"wanted",))
    assert Watched(tmp_path / "store").delete(content.digest)
    putting.join(LONG)
    assert store.read_bytes(content) == b"wanted"


def test_bytes_that_are_put_while_they_are_judged_are_spared(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    content = store.put_bytes(b"wanted again")
    touched = store.touched_at(content.digest)
    assert touched is not None
    store.put_bytes(b"wanted again")
    assert not store.delete(content.digest, untouched_since=touched)
    assert store.exists(content)
    later = store.touched_at(content.digest)
    assert later is not None
    assert store.delete(content.digest, untouched_since=later + 1)
    assert not store.delete(content.digest)
