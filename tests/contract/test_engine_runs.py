"""Whole runs with real tasks on both databases, inline and on a calendar that leaps."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract import engine_tasks
from tidemill.actions.runs import cancel_run, find_run
from tidemill.app import content_of
from tidemill.authoring.trace import trace
from tidemill.core.clock import EPOCH
from tidemill.core.errors import InputError
from tidemill.core.history import CommandKind, RunRecord
from tidemill.core.problems import ProblemsFound
from tidemill.core.states import RunState
from tidemill.core.values import ArtifactRef
from tidemill.engine.loop import Engine, Tempo
from tidemill.engine.recover import load, take
from tidemill.engine.submit import Submission, submit
from tidemill.storage.metadata import artifacts, commands, task_runs
from tidemill.testing import (
    InlineApp,
    Unanswered,
    attempts_of,
    causes,
    events_of,
    gapless,
    inline_app,
    logs_of,
    outputs,
    states,
)


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[InlineApp]:
    with inline_app(tmp_path / "home", database_url=database_url) as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def lines(ledger: Path) -> list[str]:
    return ledger.read_text().splitlines() if ledger.exists() else []


def test_a_task_is_tried_again_when_its_delay_has_passed(app: InlineApp, ledger: Path) -> None:
    run = app.run(engine_tasks.retried, {"ledger": str(ledger)})
    assert run.state is RunState.SUCCEEDED
    assert states(app, run) == {"third_time": "succeeded", "after": "succeeded"}
    assert outputs(app, run, "after") == {"result": 4}
    tried = attempts_of(app, run, "third_time")
    assert [(one.number, one.state.value) for one in tried] == [(1, "failed"), (2, "failed"), (3, "succeeded")]
    assert [one.started_at - EPOCH for one in tried] == [timedelta(0), timedelta(seconds=60), timedelta(seconds=180)]
    assert "ValueError" in tried[0].cause.traceback if tried[0].cause else False
    assert lines(ledger) == ["try 1", "try 2", "try 3"]
    events = events_of(app, run)
    assert gapless(events)
    assert [event.kind for event in events if event.path == "third_time" and event.kind.startswith("task.")] == [
        "task.running",
        "task.retrying",
        "task.running",
        "task.retrying",
        "task.running",
        "task.succeeded",
    ]


def test_waits_take_no_time_and_what_comes_is_said_beforehand(app: InlineApp) -> None:
    run = app.run(engine_tasks.waiting, approve={"ask": True}, events={"data": {"rows": 7}})
    assert run.state is RunState.SUCCEEDED
    assert outputs(app, run, "use") == {"result": 7}
    assert app.clock.now() == EPOCH + timedelta(hours=1)
    assert run.ended_at == app.clock.now()


def test_a_no_and_an_answer_that_never_comes(app: InlineApp) -> None:
    run = app.run(engine_tasks.waiting, approve={"ask": False}, events={"data": {"rows": 7}})
    assert states(app, run) == {"pause": "succeeded", "data": "succeeded", "ask": "failed", "use": "upstream_failed"}
    run = app.run(engine_tasks.waiting, events={"data": {"rows": 7}})
    assert causes(app, run)["ask"].message == "its deadline has passed"
    with pytest.raises(Unanswered, match="data waits for the event 'data'"):
        app.run(engine_tasks.waiting, approve={"ask": True})


def test_an_abandoned_run_is_resumed_where_it_waited(app: InlineApp) -> None:
    with pytest.raises(Unanswered):
        app.run(engine_tasks.waiting, approve={"ask": True})
    run = find_run(app, "latest")
    assert run.state is RunState.RUNNING
    with app.database.write() as connection:
        said = {"name": "data", "payload": {"rows": 3}}
        commands.add(connection, run.team, run.id, CommandKind.EVENT, "ann", said, app.clock.now())
    assert app.resume(run, approve={"ask": True}).state is RunState.SUCCEEDED
    assert outputs(app, run, "use") == {"result": 3}


def test_an_abandoned_run_is_cancelled_where_it_waited(app: InlineApp) -> None:
    with pytest.raises(Unanswered):
        app.run(engine_tasks.waiting, approve={"ask": True})
    run = cancel_run(app, "latest", "enough")
    assert run.state is RunState.CANCELLED
    assert states(app, run)["use"] == "cancelled"


def test_what_was_pushed_is_seen_after_the_end_and_cleared_by_the_next_attempt(app: InlineApp, ledger: Path) -> None:
    run = app.run(engine_tasks.pushing, {"ledger": str(ledger)})
    assert outputs(app, run, "pushes") == {"seen": 2, "only in 2": True, "result": 1}
    assert outputs(app, run, "reads") == {"result": 20}
    assert len(events_of(app, run, "output.pushed")) == 4, "what the first attempt pushed is on record all the same"


# --- cache ---


def test_a_kept_result_is_reused_until_it_expires_or_its_inputs_change(app: InlineApp, ledger: Path) -> None:
    def go(n: int = 1) -> RunRecord:
        return app.run(engine_tasks.cached, {"ledger": str(ledger), "n": n})

    first, second = go(), go()
    assert lines(ledger) == ["rows 1"]
    assert attempts_of(app, second, "rows") == []
    assert outputs(app, second, "rows") == outputs(app, first, "rows")
    assert outputs(app, second, "count") == {"result": 100}
    (event,) = [event for event in events_of(app, second, "task.succeeded") if event.path == "rows"]
    assert event.payload["reused_from"] == f"run {first.id}, rows"
    go(2)
    assert lines(ledger) == ["rows 1", "rows 2"]
    app.clock.advance(101)
    go()
    assert lines(ledger) == ["rows 1", "rows 2", "rows 1"]


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_kept_result_that_is_damaged_is_made_anew(app: InlineApp, ledger: Path, damage: str) -> None:
    params = {"ledger": str(ledger)}
    first = app.run(engine_tasks.cached, params)
    reference = outputs(app, first, "rows")["result"]
    assert isinstance(reference, ArtifactRef)
    with app.database.read() as connection:
        artifact = artifacts.get_many(connection, first.team, [reference.id])[reference.id]
    hexadecimal = artifact.digest.partition(":")[2]
    stored = [path for path in (app.settings.artifacts / "objects").rglob("*") if path.is_file()]
    (file,) = [path for path in stored if hexadecimal.endswith(path.name)]
    if damage == "gone":
        file.unlink()
    else:
        file.chmod(0o644)
        file.write_bytes(b"x" + file.read_bytes()[1:])
    assert app.verify(artifact) != ""
    second = app.run(engine_tasks.cached, params)
    assert second.state is RunState.SUCCEEDED
    assert lines(ledger) == ["rows 1", "rows 1"]
    assert outputs(app, second, "count") == {"result": 100}
    assert app.verify(artifact) == "", "the store is healed by what was made anew"
    app.artifacts.verify(content_of(artifact))
    app.run(engine_tasks.cached, params)
    assert lines(ledger) == ["rows 1", "rows 1"], "and reused again"


def test_a_long_chain_of_kept_results_is_reused_at_once(app: InlineApp) -> None:
    app.run(engine_tasks.long_chain)
    graph, limit = trace(engine_tasks.long_chain), sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 150)
    try:
        again = app.run(graph)
    finally:
        sys.setrecursionlimit(limit)
    assert again.state is RunState.SUCCEEDED
    assert attempts_of(app, again, "kept") == []
    assert outputs(app, again, "kept_200") == {"result": 200}
    assert len(events_of(app, again, "task.succeeded")) == 200


# --- one request, one run ---


def test_the_same_request_is_the_same_run(app: InlineApp) -> None:
    first = app.run(engine_tasks.chain, request_key="today")
    again = app.run(engine_tasks.chain, request_key="today")
    assert again == first
    assert app.run(engine_tasks.chain, request_key="tomorrow").id != first.id
    assert len(attempts_of(app, first, "step")) == 1
    with app.database.read() as connection:
        assert len(task_runs.load(connection, first.id)) == 11


def test_wrong_parameters_make_no_run(app: InlineApp) -> None:
    with pytest.raises(InputError, match="ledgr"):
        app.run(engine_tasks.retried, {"ledgr": "x"})
    assert isinstance(ProblemsFound(()), Exception)


# --- hints ---


class Deaf:
    """A wake-up that wakes nobody."""

    def ring(self) -> None: ...

    def listen(self, wake: Callable[[], None]) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("wakeup", [None, Deaf()], ids=["none", "deaf"])
def test_commands_are_found_without_any_hint(app: InlineApp, wakeup: Deaf | None) -> None:
    run = submit(app.database, Submission(trace(engine_tasks.waiting)), app.clock.now())
    owner = app.owner()
    waits = threading.Event()

    def leap(moment: object) -> None:
        # Nothing is due but the hour, and later the deadline of the approval, which is not to come.
        app.clock.advance_to(EPOCH + timedelta(hours=1))

    engine = Engine(
        app.database,
        app.executor("inline"),
        app.clock,
        owner,
        store=str(app.settings.artifacts),
        verify=app.verify,
        wakeup=wakeup,
        watch=lambda run, moves: waits.set() if len(states(app, run)) >= 3 else None,
        tempo=Tempo(sweep=0.01),
        leap=leap,
    )
    epoch = take(app.database, run.id, owner)
    assert epoch is not None
    thread = threading.Thread(target=_carry, args=(engine, load(app.database, run.id, epoch, app.clock.now())))
    thread.start()
    assert waits.wait(30)
    with (
        inline_app(app.settings.home, database_url=app.settings.database) as other,
        other.database.write() as connection,
    ):
        for kind, said in [
            (CommandKind.EVENT, {"name": "data", "payload": {"rows": 1}}),
            (CommandKind.APPROVE, {"path": "ask"}),
        ]:
            commands.add(connection, run.team, run.id, kind, "ann", said, app.clock.now())
    thread.join(30)
    assert not thread.is_alive()
    owner.close()
    assert find_run(app, run.id).state is RunState.SUCCEEDED


def _carry(engine: Engine, held: object) -> None:
    engine.hold(held)  # type: ignore[arg-type]
    engine.run(until=lambda: False)
    engine.close()


def test_logs_and_names_are_at_hand(app: InlineApp, ledger: Path) -> None:
    run = app.run(engine_tasks.fan_out, {"ledger": str(ledger)})
    assert outputs(app, run, "gather") == {"result": 4}
    assert set(states(app, run)) == {"acts", "acts[0]", "acts[1]", "acts[2]", "acts[3]", "gather"}
    assert logs_of(app, run, "acts[0]") == ""
    with pytest.raises(InputError, match="no task run 'acts\\[9\\]'"):
        outputs(app, run, "acts[9]")
