"""How things stand after a run: what is recorded, what the tasks noted outside, and what was left behind."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.executor_owner import wait_until_dead
from tests.crash.engines import Place
from tidemill.app import App
from tidemill.core.history import AttemptRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.states import AttemptState, RunState, TaskState
from tidemill.core.values import ArtifactRef, encode
from tidemill.storage.metadata import artifacts, attempts, effects, limits, runs, task_runs, variables
from tidemill.testing import events_of, gapless, states


@dataclass(frozen=True)
class Undisturbed:
    """What a run comes to that nothing happens to, how often it passes each point, and how many moves it takes."""

    result: Mapping[str, Any]
    passes: Mapping[str, int]
    moves: int


ACTING = "acting"
"""The task whose outputs tell which attempt did its effects first."""


def name_of(row: TaskRecord | AttemptRecord) -> str:
    return str(Key(row.path, instance_from(row.instance)))


def run_in(app: App) -> RunRecord | None:
    """The one run of a home, if it was submitted."""
    with app.database.read() as connection:
        found = runs.listing(connection, app.settings.team, limit=2)
    assert len(found) <= 1
    return found[0] if found else None


def the_run(app: App) -> RunRecord:
    run = run_in(app)
    assert run is not None
    return run


def rows_in(app: App) -> list[TaskRecord]:
    run = run_in(app)
    if run is None:
        return []
    with app.database.read() as connection:
        return task_runs.load(connection, run.id)


def result_of(app: App) -> Mapping[str, Any]:
    """What the run came to, without ids and times: state, cause, and outputs by their content."""
    run, rows = the_run(app), rows_in(app)
    with app.database.read() as connection:
        known = {made.id: made for _, made in artifacts.of_run(connection, run.id)}

    def plain(found: Any) -> Any:
        match found:
            case ArtifactRef(id=id):
                return {"type": known[id].type, "digest": known[id].digest}
            case list():
                return [plain(item) for item in found]
            case dict():
                return {key: plain(item) for key, item in found.items()}
            case _:
                return encode(found)

    def why(cause: Any) -> Any:
        return None if cause is None else (cause.kind, cause.message, cause.classes)

    return {"": (run.state, why(run.cause))} | {
        name_of(row): (row.state, why(row.cause), row.count, {} if row.path == ACTING else plain(dict(row.outputs)))
        for row in rows
        if row.path
    }


def assert_is_what_it_should_be(app: App) -> None:
    """So that all runs cannot be wrong in the same way."""
    run = the_run(app)
    found = states(app, run)
    assert run.state is RunState.FAILED
    assert len(found) == 21
    assert {name for name, state in found.items() if state != "succeeded"} == {"failing", "never", "otherwise_1"}
    assert [row.path for row in rows_in(app) if row.reused_from] == ["again"]


def compare(place: Place, undisturbed: Undisturbed) -> None:
    """Nobody can tell from the result that anything has happened to the run of a place."""
    with App(place.settings) as app:
        assert result_of(app) == undisturbed.result
        assert_recorded_once(place, app)
        assert_nothing_is_left(place.folder, app)


def assert_recorded_once(place: Place, app: App) -> None:
    """The records of the run agree with each other and with what its tasks noted outside."""
    run, rows = the_run(app), rows_in(app)
    assert gapless(events_of(app, run))
    with app.database.read() as connection:
        tried = attempts.of_run(connection, run.id)
    assert [one for one in tried if not one.state.final] == []
    succeeded = Counter(name_of(one) for one in tried if one.state is AttemptState.SUCCEEDED)
    begun = Counter(name_of(one) for one in tried)
    expected = {
        name_of(row)
        for row in rows
        if row.kind is TaskKind.LEAF and row.state is TaskState.SUCCEEDED and not row.reused_from
    }
    assert succeeded == Counter(expected)
    ledger = Counter(place.ledger)
    for name in expected:
        assert ledger[f"end {name}"] >= 1, f"{name} succeeded and never came to its end"
    for name in {line.partition(" ")[2] for line in ledger}:
        assert ledger[f"start {name}"] <= begun[name], f"{name} was started and not recorded"
    _assert_acted_once(app, run, rows)


def _assert_acted_once(app: App, run: RunRecord, rows: list[TaskRecord]) -> None:
    (acting,) = [row for row in rows if row.path == ACTING]
    with app.database.read() as connection:
        done = [
            effects.answer(connection, run.id, acting.path, acting.instance, acting.generation, ordinal)
            for ordinal in (1, 2, 3)
        ]
        said = [variables.get(connection, run.team, f"said{n}") for n in range(2)]
    assert done[2] is None
    assert [one.answer for one in done[:2] if one is not None] == said == acting.outputs["result"]


def assert_nothing_is_left(folder: Path, app: App) -> None:
    """No lease, no claim, no lock, no file of a moment, no process that names the folder."""
    home = app.settings.home
    run = the_run(app)
    with app.database.write() as connection:
        assert runs.held(connection) == []
        assert list(runs.claimable(connection)) == []
        tried = [one.id for one in attempts.of_run(connection, run.id)]
        assert limits.release(connection, tried) == frozenset()
        assert {use.used for use in limits.usage(connection, run.team).values()} <= {0}
    for short_lived in (app.settings.engines, app.settings.scratch, home / "artifacts" / "tmp"):
        assert [str(found.relative_to(home)) for found in short_lived.glob("*")] == []
    # Some may be about to end; none may stay.
    wait_until_dead(processes_of(folder))


def processes_of(folder: Path) -> list[int]:
    """Whoever names the folder in its command line or its environment."""
    found, text = [], os.fsencode(folder)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            known = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if text in known and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found
