"""What the dead leave is cleared away, and nothing of the living is."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path

from tidemill.core import crash
from tidemill.engine.doorbell import Doorbell
from tidemill.engine.ownership import Owner
from tidemill.storage.artifacts import writers
from tidemill.storage.artifacts.local import LocalStore

_forking = multiprocessing.get_context("forkserver")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _own_and_die(folder: Path) -> None:
    Doorbell(folder, Owner(folder).id).listen(lambda: None)
    _die()


def _write_and_die(root: Path) -> None:
    crash.arm("artifact.after-write", _die)
    LocalStore(root).put_bytes(b"never finished")


def _doom(target: object, folder: Path) -> None:
    process = _forking.Process(target=target, args=(folder,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_only_dead_engines_of_this_host_are_buried(tmp_path: Path) -> None:
    _doom(_own_and_die, tmp_path)
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".bell", ".lock"]
    living, other = Owner(tmp_path), Owner(tmp_path)
    bell = Doorbell(tmp_path, living.id)
    bell.listen(lambda: None)
    (tmp_path / f"{other.host}.1.half.new").touch()
    kept = {f"{living.id}.lock", f"{living.id}.bell", f"{other.id}.lock", "elsewhere.1.2.lock", "elsewhere.1.2.bell"}
    for name in ("elsewhere.1.2.lock", "elsewhere.1.2.bell"):
        (tmp_path / name).touch()
    other.bury_the_dead()
    assert {file.name for file in tmp_path.iterdir()} == kept
    assert not other.is_dead(living.id)
    bell.close()
    living.close()
    assert other.is_dead(living.id)
    other.close()


def test_many_owners_come_and_go_at_once(tmp_path: Path) -> None:
    """One that has just begun is never taken for a dead one."""
    wrong: list[str] = []

    def live() -> None:
        for _ in range(50):
            owner = Owner(tmp_path)
            owner.bury_the_dead()
            if not owner.lock_file.exists() or owner.is_dead(owner.id):
                wrong.append(owner.id)
            owner.close()

    threads = [threading.Thread(target=live) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert list(tmp_path.iterdir()) == []


def test_only_files_of_dead_writers_are_removed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    _doom(_write_and_die, tmp_path)
    (left,) = (tmp_path / "tmp").iterdir()
    mine = left.with_name(writers.new_name())
    elsewhere = left.with_name(left.name.replace(left.name.split("-")[1], "0123456789ab"))
    for file in (mine, elsewhere, left.with_name("of somebody else")):
        file.touch()
    assert store.bury_the_dead() == 1
    assert left not in set(left.parent.iterdir())
    assert len(list(left.parent.iterdir())) == 3
    assert store.sweep_temporary(-1.0) == 3
