"""A damaged result is made anew on both databases, and what is remembered of it is the same after a change of hands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import spoiling
from tidemill.core.instances import Key
from tidemill.core.states import RunState
from tidemill.engine.former import ids_in
from tidemill.engine.recover import load
from tidemill.storage.metadata import cache
from tidemill.testing import InlineApp, events_of, inline_app, outputs


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[InlineApp]:
    with inline_app(tmp_path / "home", database_url=database_url) as opened:
        yield opened


def test_what_was_made_anew_stands_for_what_it_replaced(app: InlineApp, tmp_path: Path) -> None:
    params = {"ledger": str(tmp_path / "ledger"), "store": str(app.settings.artifacts), "how": "deletion"}
    run = app.run(spoiling.spoiling_kept, params)
    assert run.state is RunState.SUCCEEDED
    (event,) = events_of(app, run, "artifact.damaged")
    (new,) = ids_in(outputs(app, run, "written"))
    progress = load(app.database, run.id, 1, app.clock.now()).progress
    old = event.payload["artifact"]
    assert progress.replaced == {old: new}
    assert progress.artifact(old).id == new
    assert progress.makers[old] == progress.makers[new] == Key("written")
    assert progress.former == {}
    with app.database.read() as connection:
        (kept,) = cache.latest_for(connection, run.team, run.pipeline, "written")
    assert ids_in(kept.outputs) == {new}


def test_effects_are_remembered_after_a_change_of_hands(app: InlineApp, tmp_path: Path) -> None:
    params = {"ledger": str(tmp_path / "ledger"), "store": str(app.settings.artifacts), "how": "nothing"}
    run = app.run(spoiling.spoiling_effects, params)
    assert run.state is RunState.SUCCEEDED
    assert load(app.database, run.id, 1, app.clock.now()).progress.acted == {(Key("effective"), 0)}
