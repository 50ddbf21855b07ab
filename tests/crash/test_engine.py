"""An engine killed at every crash point goes on where it was, and nobody can tell from the result."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tidemill.executors.inline
import tidemill.worker.spawned
import tidemill.worker.template  # noqa: F401
from tests.crash import passes, standing
from tests.crash.engines import EngineProcess, Order, Place
from tidemill.actions.compile import compile_pipeline
from tidemill.actions.doctor import Level, examine
from tidemill.app import App
from tidemill.core import crash
from tidemill.core.graph_json import pipeline_text
from tidemill.core.states import AttemptState, RunState, TaskState
from tidemill.storage.metadata import attempts
from tidemill.testing import states

NEVER_REACHED = {
    "metadata.migration-step": "a fresh home gets the current schema in one step, and loads no migration",
}
POINTS = crash.registered()
SIGKILLED = -9


@dataclass(frozen=True)
class Undisturbed:
    result: Mapping[str, Any]
    passes: Mapping[str, int]
    moves: int


@pytest.fixture(scope="module")
def pipeline() -> str:
    return pipeline_text(compile_pipeline(str(Path(__file__).with_name("sixteen.py"))))


@pytest.fixture(scope="module")
def undisturbed(pipeline: str, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    place = Place(tmp_path_factory.mktemp("undisturbed"), pipeline)
    counts = place.folder / "passes"
    engine = EngineProcess(place, Order(passes.environment(counts, POINTS)), 1)
    moves = 0
    while engine.next_move():
        moves += 1
    assert engine.wait() == 0
    with App(place.settings) as app:
        assert_is_what_it_should_be(app)
        standing.assert_recorded_once(place, app)
        standing.assert_nothing_is_left(place, app)
        print(passes.counted(counts), moves)
        return Undisturbed(standing.result_of(app), passes.counted(counts), moves)


@pytest.fixture
def places(pipeline: str, tmp_path: Path) -> Callable[[str], Place]:
    def make(name: str) -> Place:
        (tmp_path / name).mkdir()
        return Place(tmp_path / name, pipeline)

    return make


def assert_is_what_it_should_be(app: App) -> None:
    """So that all runs cannot be wrong in the same way."""
    run = standing.the_run(app)
    found = states(app, run)
    assert run.state is RunState.FAILED
    assert len(found) == 21
    assert {name for name, state in found.items() if state != "succeeded"} == {"failing", "never", "otherwise_1"}
    reused = [row.path for row in standing.rows_in(app) if row.reused_from]
    assert reused == ["again"]


def go_on(place: Place, undisturbed: Undisturbed, again: bool = False) -> None:
    """Resume a run whose engine was killed, and compare with a run that nothing has happened to."""
    with App(place.settings) as app:
        kept = {standing.name_of(row) for row in standing.rows_in(app) if row.state is TaskState.SUCCEEDED}
    before = len(place.ledger)
    assert EngineProcess(place, Order(again=again), 2).wait() == 0
    repeated = {line.partition(" ")[2] for line in place.ledger[before:]} & kept
    assert repeated == set(), "what had succeeded was done again"
    compare(place, undisturbed)


def compare(place: Place, undisturbed: Undisturbed) -> None:
    with App(place.settings) as app:
        assert standing.result_of(app) == undisturbed.result
        standing.assert_recorded_once(place, app)
        standing.assert_nothing_is_left(place, app)


# --- crash points -----------------------------------------------------------------------------------------------------


def test_no_point_is_forgotten(undisturbed: Undisturbed) -> None:
    sources = (passes.ROOT / "src" / "tidemill").rglob("*.py")
    named = {name for file in sources for name in re.findall(r"\bpoint\(\"([\w.-]+)\"\)", file.read_text())}
    assert named - NEVER_REACHED.keys() == set(POINTS)
    assert [name for name in POINTS if not undisturbed.passes[name]] == []


@pytest.mark.parametrize("name", POINTS)
def test_killed_at(name: str, undisturbed: Undisturbed, places: Callable[[str], Place]) -> None:
    often = undisturbed.passes[name]
    for nth in sorted({1, 2, often // 2} & set(range(1, often + 1))) if 'XALL' not in __import__('os').environ else range(1, often):
        place = places(f"pass{nth}")
        counts = place.folder / "passes"
        engine = EngineProcess(place, Order(passes.environment(counts, POINTS, name, nth)), 1)
        pid, code = engine.process.pid, engine.wait()
        killed = passes.killed(counts)
        assert killed is not None, f"pass {nth} was not reached"
        if killed == pid:
            assert code == SIGKILLED
            go_on(place, undisturbed, again=nth == 2)
        else:
            assert code == 0, "a task's process was killed, and the engine has to see to it by itself"
            compare(place, undisturbed)
