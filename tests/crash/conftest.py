"""What the tests of this folder share: the pipeline, a run of it that nothing happens to, and places for others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.crash.standing")

from tests.crash import passes, standing  # noqa: E402
from tests.crash.engines import EngineProcess, Order, Place  # noqa: E402
from tidemill.actions.compile import compile_pipeline  # noqa: E402
from tidemill.app import App  # noqa: E402
from tidemill.core.graph_json import pipeline_text  # noqa: E402


@pytest.fixture(scope="session")
def sixteen() -> str:
    return pipeline_text(compile_pipeline(str(Path(__file__).with_name("sixteen.py")) + ":sixteen"))


@pytest.fixture(scope="session")
def undisturbed(sixteen: str, tmp_path_factory: pytest.TempPathFactory) -> standing.Undisturbed:
    place = Place(tmp_path_factory.mktemp("undisturbed"), sixteen)
    counts = place.folder / "passes"
    engine = EngineProcess(place, Order(passes.environment(counts)), 1)
    moves = len(list(iter(engine.next_move, "")))
    assert engine.wait() == 0
    with App(place.settings) as app:
        standing.assert_is_what_it_should_be(app)
        standing.assert_recorded_once(place, app)
        standing.assert_nothing_is_left(place.folder, app)
        return standing.Undisturbed(standing.result_of(app), passes.counted(counts), moves)


@pytest.fixture
def places(sixteen: str, tmp_path: Path) -> Callable[[str], Place]:
    def make(name: str) -> Place:
        (tmp_path / name).mkdir()
        return Place(tmp_path / name, sixteen)

    return make
