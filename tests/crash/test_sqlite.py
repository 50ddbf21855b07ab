"""The file of SQLite is in trouble in the middle of a run: the engine says so, waits, and goes on; nothing is lost.

That somebody else holds it is in `test_outages`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import event

from tests.contract import engine_tasks
from tests.crash.engines import EngineProcess, Order, Place, Pragma
from tests.crash.standing import Undisturbed, assert_nothing_is_left, compare, rows_in, the_run
from tidemill.actions.compile import compile_pipeline
from tidemill.app import App
from tidemill.core.clock import EPOCH
from tidemill.core.errors import StorageError
from tidemill.core.graph_json import pipeline_text
from tidemill.core.states import RunState
from tidemill.storage.metadata import variables
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.errors import DatabaseUnavailable
from tidemill.testing import events_of, gapless, inline_app

PAUSED = "run.paused"
FULL = 2
"""What SQLite calls synchronous=FULL."""


def part_of_the_way(engine: EngineProcess, undisturbed: Undisturbed) -> None:
    for _ in range(undisturbed.moves // 3):
        assert engine.next_move()


def until_paused(engine: EngineProcess) -> None:
    while (told := engine.next_move()) != PAUSED:
        assert told, "it went on to the end as if nothing were wrong"


def to_the_end(engine: EngineProcess) -> None:
    assert "AttemptSettled" in list(iter(engine.next_move, ""))
    assert engine.wait() == 0


def why_it_waited(place: Place) -> str:
    with App(place.settings) as app:
        events = events_of(app, the_run(app))
        assert gapless(events)
        told = [str(event.payload["message"]) for event in events if event.kind == "run.waited"]
    assert len(told) == 1, "said once, however often it was tried"
    return told[0]


# --- SQLite says so itself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pragma", "words"),
    [
        (Pragma("query_only=ON", "query_only=OFF"), "the database cannot be changed"),
        (Pragma("max_page_count=1", "max_page_count=1000000"), "the database has no room left"),
    ],
    ids=["read-only", "full"],
)
def test_sqlite_refuses_writes_for_a_while(
    pragma: Pragma, words: str, undisturbed: Undisturbed, places: Callable[[str], Place]
) -> None:
    place = places("home")
    engine, flag = EngineProcess(place, Order(pragma=pragma), 1), place.folder / pragma.flag
    part_of_the_way(engine, undisturbed)
    flag.touch()
    try:
        until_paused(engine)
    finally:
        flag.unlink()
    to_the_end(engine)
    assert words in why_it_waited(place)
    compare(place, undisturbed)


# --- the disk is full -------------------------------------------------------------------------------------------------


def test_the_engine_may_write_no_more(undisturbed: Undisturbed, places: Callable[[str], Place]) -> None:
    """A quota of the process stands for that of a disk: the kernel refuses what would make a file longer."""
    place = places("home")
    engine = EngineProcess(place, Order(), 1)
    part_of_the_way(engine, undisturbed)
    assert engine.process.pid is not None
    process = psutil.Process(engine.process.pid)
    _, most = process.rlimit(resource.RLIMIT_FSIZE)
    process.rlimit(resource.RLIMIT_FSIZE, (1024, most))
    until_paused(engine)
    process.rlimit(resource.RLIMIT_FSIZE, (most, most))
    to_the_end(engine)
    assert "the database file cannot be read or written" in why_it_waited(place)
    compare(place, undisturbed)


def _mounted(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _may_mount() -> bool:
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        found = _mounted(Path(folder))
        if found:
            subprocess.run(["umount", folder], check=True)
    return found


if _may_mount():

    @pytest.fixture
    def disk(tmp_path: Path) -> Iterator[Path]:
        """A small file system of its own."""
        folder = tmp_path / "disk"
        folder.mkdir()
        assert _mounted(folder)
        yield folder
        subprocess.run(["umount", "--lazy", str(folder)], check=True)

    def test_the_disk_is_full(undisturbed: Undisturbed, sixteen: str, tmp_path: Path, disk: Path) -> None:
        place = Place(tmp_path, sixteen, f"sqlite:///{disk}/tidemill.db")
        engine = EngineProcess(place, Order(), 1)
        part_of_the_way(engine, undisturbed)
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        until_paused(engine)
        filler.unlink()
        to_the_end(engine)
        assert any(words in why_it_waited(place) for words in ("has no room left", "cannot be read or written"))
        compare(place, undisturbed)


# --- the file is gone -------------------------------------------------------------------------------------------------


def test_the_file_is_removed_and_put_back(undisturbed: Undisturbed, places: Callable[[str], Place]) -> None:
    place = places("home")
    engine = EngineProcess(place, Order(), 1)
    part_of_the_way(engine, undisturbed)
    file, aside = place.settings.home / "tidemill.db", place.folder / "aside"
    file.rename(aside)
    until_paused(engine)
    assert not file.exists(), "no empty one was made instead"
    aside.rename(file)
    to_the_end(engine)
    assert "removed or replaced" in why_it_waited(place)
    compare(place, undisturbed)


def test_the_home_is_moved_away_and_back(tmp_path: Path) -> None:
    gated = compile_pipeline(str(Path(__file__).with_name("sixteen.py")) + ":gated")
    place, gate = Place(tmp_path, pipeline_text(gated)), tmp_path / "ledger.gate"
    os.mkfifo(gate)
    line = os.open(gate, os.O_RDWR)
    engine = EngineProcess(place, Order(), 1)
    while (told := engine.next_move()) != "AttemptStarted":
        assert told, "it ended before anything began"
    tries = iter(range(6000))
    while "start asking" not in place.ledger:
        assert next(tries, None) is not None
        assert not engine.told.poll(0.01)
    place.settings.home.rename(tmp_path / "aside")
    os.write(line, b"go on\n")  # what the task then asks for is to be recorded
    until_paused(engine)
    (tmp_path / "aside").rename(place.settings.home)
    assert engine.wait() == 0
    os.close(line)
    assert "removed or replaced" in why_it_waited(place)
    with App(place.settings) as app:
        assert the_run(app).state is RunState.SUCCEEDED
        (asking,) = [row for row in rows_in(app) if row.path]
        assert (asking.outputs, asking.attempts) == ({"result": ["once", "once"]}, 1)
        assert_nothing_is_left(place.folder, app)


@pytest.mark.parametrize("instead", ["nothing", "another"])
def test_what_is_not_the_file_that_was_opened_is_not_used(tmp_path: Path, instead: str) -> None:
    home, aside = tmp_path / "home", tmp_path / "aside"
    file = home / "tidemill.db"
    database = Database.open(f"sqlite:///{file}")
    home.rename(aside)
    if instead == "another":
        Database.open(f"sqlite:///{file}").close()
    for using in (database.read, database.write):
        with pytest.raises(DatabaseUnavailable, match="removed or replaced") as caught, using():
            pass
        assert "put the file back" in caught.value.remedy
    assert file.exists() is (instead == "another")
    if instead == "another":
        home.rename(tmp_path / "other")
    aside.rename(home)
    with database.write() as connection:
        variables.put(connection, "default", "here", "again", EPOCH)
    with database.read() as connection:
        assert variables.get(connection, "default", "here") == "again"
    database.close()


# --- what is acknowledged is on the disk ------------------------------------------------------------------------------


def test_every_commit_of_a_run_is_synchronous(tmp_path: Path) -> None:
    found: list[tuple[int, str]] = []

    def look(connection: Any) -> None:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "journal_mode")]
        found.append((pragmas[0], pragmas[1]))

    with inline_app(tmp_path / "home") as app:
        event.listen(app.database._engines.writing, "commit", look)
        event.listen(app.database._engines.renewing, "commit", look)
        app.run(engine_tasks.retried, {"ledger": str(tmp_path / "ledger")})
        before = len(found)
        app.database._engines.dispose()  # as after an error: the next connections are new ones
        app.run(engine_tasks.retried, {"ledger": str(tmp_path / "ledger2")})
    assert 5 < before < len(found)
    assert set(found) == {(FULL, "wal")}


def test_a_reader_cannot_write_whatever_it_says(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'tidemill.db'}")
    with pytest.raises(StorageError, match="cannot be changed"), database.read() as connection:
        connection.exec_driver_sql("DELETE FROM runs")
    database.close()
