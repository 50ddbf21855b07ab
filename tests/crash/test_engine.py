"""An engine killed at every crash point goes on where it was, and nobody can tell from the result."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

import tidemill.executors.inline
import tidemill.worker.spawned
import tidemill.worker.template  # noqa: F401
from tests.crash import passes
from tests.crash.engines import KILLED, EngineProcess, Order, Place
from tests.crash.standing import Undisturbed, compare, name_of, rows_in
from tidemill.actions.doctor import examine
from tidemill.app import App
from tidemill.core import crash
from tidemill.core.states import TaskState

NEVER_REACHED = {
    "metadata.migration-step": "a fresh home gets the current schema in one step, and loads no migration",
}
POINTS = sorted(passes.in_sources() - NEVER_REACHED.keys() - passes.ELSEWHERE.keys())
SIGKILLED = -9


def go_on(place: Place, undisturbed: Undisturbed, again: bool = False) -> None:
    """Resume a run whose engine was killed, and compare with a run that nothing has happened to."""
    with App(place.settings) as app:
        kept = {name_of(row) for row in rows_in(app) if row.state is TaskState.SUCCEEDED}
    before = len(place.ledger)
    assert EngineProcess(place, Order(again=again), 2).wait() == 0
    repeated = {line.partition(" ")[2] for line in place.ledger[before:]} & kept
    assert repeated == set(), "what had succeeded was done again"
    compare(place, undisturbed)


# --- crash points -----------------------------------------------------------------------------------------------------


def test_no_point_is_forgotten(undisturbed: Undisturbed) -> None:
    assert set(POINTS) <= set(crash.registered())
    assert [name for name in POINTS if not undisturbed.passes[name]] == []
    for name, file in passes.ELSEWHERE.items():
        assert f'"{name}"' in (passes.ROOT / "tests" / file).read_text(), name


@pytest.mark.parametrize("name", POINTS)
def test_killed_at(name: str, undisturbed: Undisturbed, places: Callable[[str], Place]) -> None:
    often = undisturbed.passes[name]
    for nth in sorted({1, 2, often // 2} & set(range(1, often + 1))):
        kill_at(name, nth, places(f"pass{nth}"), undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["metadata.before-commit", "metadata.after-commit"])
def test_killed_around_every_commit(name: str, undisturbed: Undisturbed, places: Callable[[str], Place]) -> None:
    # Which are the last depends on what comes together; if one is not reached, the run just ends.
    for nth in range(3, undisturbed.passes[name] + 1, 3):
        kill_at(name, nth, places(f"pass{nth}"), undisturbed, surely=nth <= undisturbed.passes[name] // 2)


def kill_at(name: str, nth: int, place: Place, undisturbed: Undisturbed, surely: bool = True) -> None:
    counts = place.folder / "passes"
    engine = EngineProcess(place, Order(passes.environment(counts, name, nth)), 1)
    pid, code = engine.process.pid, engine.wait()
    killed = passes.killed(counts)
    assert killed is not None or not surely, f"pass {nth} was not reached"
    if killed == pid:
        assert code == SIGKILLED
        go_on(place, undisturbed, again=nth == 2)
        return
    assert code == 0, "if a task's process was killed, the engine has to see to it by itself"
    with App(place.settings) as app:
        app.artifacts.bury_the_dead()  # as the next engine does
    compare(place, undisturbed)


# --- any moment -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(10))
def test_killed_at_any_moment(number: int, undisturbed: Undisturbed, places: Callable[[str], Place]) -> None:
    """Told of the n-th move of the run, another process kills the engine while it is at whatever comes next."""
    place, moves = places("home"), random.Random(number).randrange(1, undisturbed.moves - 8)
    engine = EngineProcess(place, Order(), 1)
    for _ in range(moves):
        assert engine.next_move()
    engine.kill()
    if engine.wait() == SIGKILLED:
        go_on(place, undisturbed)
    else:
        compare(place, undisturbed)  # it was faster


def test_the_doctor_finds_nothing_after_a_crash(undisturbed: Undisturbed, places: Callable[[str], Place]) -> None:
    place = places("home")
    engine = EngineProcess(place, Order(), 1)
    while engine.next_move() != "AttemptSettled":
        pass
    engine.kill()
    assert engine.wait() == SIGKILLED
    home = place.settings.home
    go_on(place, undisturbed)
    found = examine({"TIDEMILL_HOME": str(home)})
    assert found.healthy
    assert {one.name: one.text for one in found.findings}["runs"] == "0 under way, none without an engine"


# --- processes that help ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("helper", ["tidemill.worker.template", "tidemill.worker.logs"])
def test_a_helper_that_is_killed_is_replaced(
    helper: str, undisturbed: Undisturbed, places: Callable[[str], Place]
) -> None:
    place = places("home")
    engine = EngineProcess(place, Order(helper=helper, helper_at=undisturbed.moves // 3), 1)
    told = list(iter(engine.next_move, ""))
    assert engine.wait() == 0
    assert told.count(KILLED) == 1
    with App(place.settings) as app:
        app.artifacts.bury_the_dead()  # as the next engine does
    compare(place, undisturbed)
