"""Engines that serve, on both databases: what they take, what they leave, and what does not stop them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import update

from tests.contract.conftest import BOTH
from tests.contract.executor_owner import PATIENCE, wait_until
from tests.unit.engine.simulation import pipeline as graph_of
from tests.unit.engine.simulation import task as node
from tidemill import pipeline, task, wait_for_approval
from tidemill.actions.runs import find_run, submit_run
from tidemill.actions.serving import Found, Serving, serve
from tidemill.actions.signals import approve
from tidemill.app import App
from tidemill.authoring.trace import trace
from tidemill.core.errors import Unfinished
from tidemill.core.graph_json import pipeline_to_json
from tidemill.core.history import CommandKind, RunRecord
from tidemill.core.states import RunState
from tidemill.core.values import compact, digest
from tidemill.engine import claiming, loop
from tidemill.engine.claiming import Claimer, Wanted
from tidemill.engine.doorbell import Doorbell
from tidemill.engine.machine_clock import MachineClock
from tidemill.engine.moves import Move, Noted, RunMoved, TaskMoved
from tidemill.engine.ownership import Observer
from tidemill.engine.submit import Submission, submit
from tidemill.settings import Settings
from tidemill.storage.metadata import attempts, commands, limits, runs, tables
from tidemill.storage.metadata.notifying import Notifier
from tidemill.testing import attempts_of, events_of, gapless, inline_app, states

FOR_EVER = 3600.0


@pytest.fixture(params=BOTH)
def open_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., App]]:
    """Homes at one database, each like a machine of its own; tasks run inline."""
    url = f"sqlite:///{tmp_path / 'shared.db'}" if request.param == "sqlite" else ""
    with ExitStack() as opened:

        def make(name: str = "home", clock: Any = None, **settings: Any) -> App:
            database = url or request.getfixturevalue("postgres_database")
            given = {"executor": "inline", "sweep_seconds": 0.05, "lease_seconds": FOR_EVER, **settings}
            return opened.enter_context(App(Settings(tmp_path / name, database_url=database, **given), clock))

        yield make


class Told:
    """What an engine said of its search, and of its runs."""

    def __init__(self) -> None:
        self.found: list[tuple[Found, str, str]] = []
        self.moves: list[tuple[str, Move]] = []

    def tell(self, found: Found, run: str, why: str) -> None:
        self.found.append((found, run, why))

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None:
        self.moves += [(run.id, move) for move in moves]

    def of(self, run: RunRecord) -> list[Found]:
        return [found for found, id, _ in self.found if id == run.id]

    def ended(self) -> list[str]:
        """The runs that ended, in order."""
        return [run for run, move in self.moves if isinstance(move, RunMoved) and move.new.final]

    def noted(self, run: RunRecord, kind: str) -> list[str]:
        return [
            str(move.payload.get("message"))
            for id, move in self.moves
            if id == run.id and isinstance(move, Noted) and move.kind == kind
        ]


def serve_once(app: App) -> Told:
    told = Told()
    serve(app, once=True, watch=told.watch, tell=told.tell)
    return told


@contextmanager
def served(app: App) -> Iterator[Told]:
    """An engine that serves in a thread of its own."""
    told, begun = Told(), threading.Event()
    handles: list[Serving] = []

    def begin(serving: Serving) -> None:
        handles.append(serving)
        begun.set()

    with ThreadPoolExecutor(1) as threads:
        future: Future[None] = threads.submit(serve, app, watch=told.watch, tell=told.tell, begun=begin)
        try:
            wait_until(lambda: begun.is_set() or future.done())
            yield told
        finally:
            for serving in handles:
                serving.stop()
            future.result(PATIENCE)


def state_of(app: App, run: RunRecord) -> RunState:
    return find_run(app, run.id).state


def until_ended(app: App, run: RunRecord) -> RunState:
    wait_until(lambda: state_of(app, run).final)
    return state_of(app, run)


@task
def one() -> int:
    return 1


@pipeline
def simple():
    return one()


# --- what is taken ----------------------------------------------------------------------------------------------------


def test_free_runs_are_taken_by_priority_and_then_in_the_order_of_their_coming(open_app: Callable[..., App]) -> None:
    app = open_app()
    graph = trace(simple)
    late = [submit_run(app, graph, priority=priority) for priority in (0, 5, 0, 5)]
    told = serve_once(app)
    assert told.ended() == [late[n].id for n in (1, 3, 0, 2)]
    assert {state_of(app, run) for run in late} == {RunState.SUCCEEDED}
    assert [told.of(run) for run in late] == [[Found.TAKEN]] * 4


def test_only_runs_of_the_team_and_of_the_executor_are_taken(open_app: Callable[..., App]) -> None:
    app = open_app()
    graph = trace(simple)
    ours, others = submit_run(app, graph), submit_run(app, graph, executor="processes")
    with_others = open_app("theirs", team="blue")
    theirs = submit_run(with_others, graph)
    assert serve_once(app).ended() == [ours.id]
    with app.database.read() as connection:
        assert runs.claimable(connection) == [others.id, theirs.id]
    assert serve_once(with_others).ended() == [theirs.id]


def test_a_run_that_is_carried_where_it_was_submitted_is_never_free(open_app: Callable[..., App]) -> None:
    """Not even in the moment between its being stored and its being carried."""
    app = open_app()
    with served(app) as told, inline_app(app.settings.home, database_url=app.settings.database) as other:
        run = other.run(simple)
        assert run.state is RunState.SUCCEEDED
        assert told.of(run) == []
    with app.database.read() as connection:
        assert runs.standing(connection, run.id)[0] == 1


def test_what_an_engine_takes_is_bounded_by_its_room(open_app: Callable[..., App]) -> None:
    """What it cannot begin is left to others."""
    app, other = open_app(), open_app("other")
    hold = Gate()
    many = [submit_run(app, trace(held), {"gate": hold.name}) for _ in range(3)]
    with served(app) as first:
        hold.wait_for(1)
        with served(other) as second:
            hold.wait_for(2)
            assert [len(told.found) for told in (first, second)] == [1, 1]
            hold.open()
            for run in many:
                assert until_ended(app, run) is RunState.SUCCEEDED


class Gate:
    """Tasks of this process wait here."""

    known: ClassVar[dict[str, Gate]] = {}

    def __init__(self) -> None:
        self.name = f"gate {len(self.known)}"
        self.known[self.name] = self
        self._open = threading.Event()
        self._entered = 0
        self._changed = threading.Condition()

    def enter(self) -> None:
        with self._changed:
            self._entered += 1
            self._changed.notify_all()
        assert self._open.wait(PATIENCE)

    def wait_for(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._entered >= number, PATIENCE)

    def open(self) -> None:
        self._open.set()


@task
def waits_inside(gate: str) -> str:
    Gate.known[gate].enter()
    return "through"


@pipeline
def held(gate: str):
    return waits_inside(gate)


# --- what cannot be carried -------------------------------------------------------------------------------------------


def _spoil(app: App, run: RunRecord, text: str) -> None:
    with app.database.write() as connection:
        rows = tables.definitions
        connection.execute(update(rows).where(rows.c.digest == run.definition).values(text=text))


@pytest.mark.parametrize("how", ["not JSON", "another one", "gone"])
def test_a_run_whose_definition_is_damaged_fails_and_the_others_go_on(open_app: Callable[..., App], how: str) -> None:
    app = open_app()
    bad = submit_run(app, graph_of(node("a")), priority=9)
    good = submit_run(app, trace(simple))
    if how == "gone":
        with app.database.write() as connection:
            connection.execute(tables.definitions.delete().where(tables.definitions.c.digest == bad.definition))
    else:
        _spoil(app, bad, "{" if how == "not JSON" else compact(pipeline_to_json(graph_of(node("b")))))
    told = serve_once(app)
    assert told.of(bad) == [Found.FAILED]
    ended = find_run(app, bad.id)
    assert ended.state is RunState.FAILED
    assert ended.cause is not None
    assert ended.cause.message.startswith("it cannot be carried on: ")
    assert [event.kind for event in events_of(app, bad)] == ["run.submitted", "run.failed"]
    assert state_of(app, good) is RunState.SUCCEEDED
    assert serve_once(app).found == []
    with app.database.read() as connection:
        assert runs.held(connection) == []


def test_a_definition_that_only_a_newer_version_reads_is_left_to_one(open_app: Callable[..., App]) -> None:
    app = open_app()
    run, good = submit_run(app, graph_of(node("a")), priority=9), submit_run(app, trace(simple))
    newer = {"tidemill": 99, "pipeline": {"name": "test"}}
    with app.database.write() as connection:
        new = {"digest": digest(newer), "text": compact(newer)}
        connection.execute(
            update(tables.definitions).where(tables.definitions.c.digest == run.definition).values(**new)
        )
        connection.execute(update(tables.runs).where(tables.runs.c.id == run.id).values(definition=new["digest"]))
    told = serve_once(app)
    assert told.of(run) == [Found.PASSED_OVER]
    assert (state_of(app, run), state_of(app, good)) == (RunState.QUEUED, RunState.SUCCEEDED)
    (event,) = events_of(app, run, "run.passed-over")
    assert "format 99" in event.payload["message"]
    with app.database.read() as connection:
        assert runs.claimable(connection) == [run.id]


def test_a_run_whose_files_are_elsewhere_is_left_to_others(open_app: Callable[..., App], tmp_path: Path) -> None:
    app = open_app()
    missing = str(tmp_path / "elsewhere.py")
    graph = trace(simple)
    (only,) = graph.root.nodes
    body = replace(only.body, function=replace(only.body.function, file=missing))
    elsewhere = replace(graph, root=replace(graph.root, nodes=(replace(only, body=body),)))
    run, good = submit_run(app, elsewhere, priority=9), submit_run(app, graph)
    told = serve_once(app)
    assert told.found[0] == (Found.PASSED_OVER, run.id, f"{missing} is not on this machine")
    assert (state_of(app, run), state_of(app, good)) == (RunState.QUEUED, RunState.SUCCEEDED)
    (event,) = events_of(app, run, "run.passed-over")
    assert missing in event.payload["message"]
    assert attempts_of(app, run, "one") == []


def _raise_for(run: RunRecord, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    decide, left = loop.decide, [times]

    def broken(progress: Any, event: Any, now: datetime) -> Any:
        if progress.run_record.id == run.id and left[0]:
            left[0] -= 1
            raise ZeroDivisionError("a defect")
        return decide(progress, event, now)

    monkeypatch.setattr(loop, "decide", broken)


def test_a_run_that_meets_a_defect_is_let_go_and_tried_again_later(
    open_app: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app()
    bad, good = submit_run(app, trace(simple), priority=9), submit_run(app, trace(simple))
    _raise_for(bad, monkeypatch, 1)
    told = serve_once(app)
    assert told.of(bad) == [Found.TAKEN, Found.PASSED_OVER]
    assert told.noted(bad, "run.let-go") == ["it cannot be carried on: a defect"]
    assert told.ended() == [good.id]
    (event,) = events_of(app, bad, "run.passed-over")
    assert event.payload["message"] == "ZeroDivisionError: a defect"
    # Not before its time: this is no loop.
    monkeypatch.setattr(claiming, "LATER_S", 0.0)
    again = serve_once(app)
    assert again.ended() == [bad.id]
    assert gapless(events_of(app, bad))


def test_each_further_failure_makes_the_next_try_wait_longer(open_app: Callable[..., App]) -> None:
    app = open_app()
    owner = app.owner()
    told = Told()
    wanted = Wanted("default", "inline", lambda pipeline: "", lambda run: None)
    claimer = Claimer(
        app.database, owner, app.clock, wanted, lease_s=15.0, every_s=1.0, tell=told.tell, wake=lambda: None
    )
    waits = []
    for _ in range(9):
        claimer._put_off("r1")
        waits.append(claimer._later["r1"][1])
    assert waits == [10, 20, 40, 80, 160, 320, 600, 600, 600]
    owner.close()


def test_a_conflict_of_one_run_does_not_stop_the_others(
    open_app: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app()
    bad, good = submit_run(app, trace(simple)), submit_run(app, trace(simple))
    put = loop.Writer._write

    def conflict(self: Any, turns: Any) -> Any:
        for turn in turns:
            if turn.held.run.id == bad.id and any(isinstance(move, TaskMoved) for move in turn.moves):
                with app.database.read() as connection:
                    taken = attempts.of_run(connection, bad.id)
                if not taken:
                    monkeypatch.setattr(loop.Writer, "_write", put)
                    with app.database.write() as connection:
                        # Somebody else has made the row of the attempt that is about to begin.
                        started = next(move for move in turn.moves if type(move).__name__ == "AttemptStarted")
                        attempts.begin(connection, "default", [replace(started.record, number=7)])
        return put(self, turns)

    monkeypatch.setattr(loop.Writer, "_write", conflict)
    told = serve_once(app)
    assert Found.PASSED_OVER in told.of(bad)
    assert "database" in told.noted(bad, "run.let-go")[0] or "row" in told.noted(bad, "run.let-go")[0]
    assert told.ended() == [good.id]
    with app.database.read() as connection:
        assert runs.claimable(connection) == [bad.id]
    # Whoever takes it reads the rows as they are.
    assert serve_once(app).ended() == [bad.id]
    assert state_of(app, bad) is RunState.SUCCEEDED


# --- a database that is away ------------------------------------------------------------------------------------------


def test_an_engine_gives_up_when_its_patience_is_at_its_end(
    open_app: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app(database_patience_seconds=0.2)
    run = submit_run(app, trace(simple))
    told = Told()

    @contextmanager
    def away() -> Iterator[Any]:
        raise claiming.StorageError("no database")
        yield

    monkeypatch.setattr(app.database, "read", away)
    monkeypatch.setattr(app.database, "write", away)
    with pytest.raises(Unfinished, match="without the database"):
        serve(app, tell=told.tell)
    assert told.found == [(Found.AWAY, "", "no database")]
    monkeypatch.undo()
    assert serve_once(app).ended() == [run.id]


def test_a_run_under_way_is_left_when_patience_is_at_its_end(
    open_app: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app(database_patience_seconds=0.2)
    told = Told()
    reading, writing = app.database.read, app.database.write

    @contextmanager
    def away() -> Iterator[Any]:
        raise claiming.StorageError("no database")
        yield

    def watch(run: RunRecord, moves: Sequence[Move]) -> None:
        told.watch(run, moves)
        if any(type(move).__name__ == "AttemptStarted" for move in moves):
            monkeypatch.setattr(app.database, "read", away)
            monkeypatch.setattr(app.database, "write", away)

    run = submit_run(app, trace(simple))
    with pytest.raises(Unfinished, match="without the database: no database"):
        serve(app, watch=watch, tell=told.tell)
    assert told.noted(run, "run.paused") == ["no database"]
    monkeypatch.setattr(app.database, "read", reading)
    monkeypatch.setattr(app.database, "write", writing)
    again = serve_once(app)
    assert again.of(run) == [Found.INHERITED]
    assert again.ended() == [run.id]


# --- without any hint -------------------------------------------------------------------------------------------------


@task(pool="oven")
def limited(gate: str) -> None:
    Gate.known[gate].enter()


@pipeline
def baking(gate: str):
    limited(gate)


@pipeline
def asking():
    wait_for_approval("go?", name="ask")


def test_the_sweep_finds_everything_that_lost_hints_would_have_told(
    open_app: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    for adapter in (Doorbell, Notifier):
        monkeypatch.setattr(adapter, "ring", lambda self: None)
    app, other = open_app(), open_app("other")
    with app.database.write() as connection:
        limits.define(connection, "default", "pool:oven", 1)
    with served(app), served(other):
        # Submitted, answered.
        run = submit_run(app, trace(asking))
        wait_until(lambda: states(app, run).get("ask") == "suspended")
        approve(app, run.id, "ask")
        assert until_ended(app, run) is RunState.SUCCEEDED
        # Cancelled.
        run = submit_run(app, trace(asking))
        wait_until(lambda: states(app, run).get("ask") == "suspended")
        with app.database.write() as connection:
            commands.add(connection, "default", run.id, CommandKind.CANCEL, "ann", {}, app.clock.now())
        assert until_ended(app, run) is RunState.CANCELLED
        # A limit that the other engine gives back.
        gate = Gate()
        both = [submit_run(app, trace(baking), {"gate": gate.name}) for _ in range(2)]
        gate.wait_for(1)
        wait_until(lambda: any(events_of(app, one, "limit.refused") for one in both))
        gate.open()
        assert [until_ended(app, one) for one in both] == [RunState.SUCCEEDED] * 2
        # What a dead one leaves.
        run = _left_by_a_dead_one(app)
        assert until_ended(app, run) is RunState.SUCCEEDED


def _left_by_a_dead_one(app: App) -> RunRecord:
    owner = app.owner()
    wanted = Submission(trace(simple), executor="inline")
    run = submit(app.database, wanted, app.clock.now(), owner.id)
    owner.close()
    return run


# --- clocks -----------------------------------------------------------------------------------------------------------


class Liar(MachineClock):
    """Its calendar is an hour early or late, as it likes; its monotonic time is right."""

    def __init__(self) -> None:
        self._lies = 0

    def now(self) -> datetime:
        self._lies += 1
        return super().now() + timedelta(hours=(-1) ** self._lies)


def test_a_calendar_that_lies_moves_no_lease(open_app: Callable[..., App]) -> None:
    app, other = open_app(clock=Liar(), lease_seconds=60.0), open_app("other", clock=Liar(), lease_seconds=60.0)
    gate = Gate()
    run = submit_run(app, trace(held), {"gate": gate.name})
    with served(app) as first, served(other) as second:
        gate.wait_for(1)
        before = _renewals(app, run)
        # Both go on looking and renewing; an engine that believed the calendar would have taken it over by now.
        errands = [submit_run(app, trace(simple)) for _ in range(3)]
        for errand in errands:
            assert until_ended(app, errand) is RunState.SUCCEEDED
        assert _renewals(app, run) >= before
        gate.open()
        assert until_ended(app, run) is RunState.SUCCEEDED
        assert sorted([len(first.of(run)), len(second.of(run))]) == [0, 1]
    with app.database.read() as connection:
        assert runs.standing(connection, run.id)[0] == 1
    assert gapless(events_of(app, run))


def _renewals(app: App, run: RunRecord) -> int:
    with app.database.read() as connection:
        lease = runs.lease(connection, run.id)
    return 0 if lease is None else lease.renewals


def test_a_turn_that_takes_longer_than_the_lease_loses_nothing(open_app: Callable[..., App]) -> None:
    """A task in the engine's own thread keeps it from everything; its leases are renewed all the same."""
    app, other = open_app(lease_seconds=1.0), open_app("other", lease_seconds=1.0)
    gate = Gate()
    run = submit_run(app, trace(held), {"gate": gate.name})
    with served(app) as first:
        gate.wait_for(1)
        with served(other) as second:
            begun = _renewals(app, run)
            # Four for each lease: this is more than two leases.
            wait_until(lambda: _renewals(app, run) >= begun + 9)
            gate.open()
            assert until_ended(app, run) is RunState.SUCCEEDED
            assert (first.of(run), second.of(run)) == ([Found.TAKEN], [])
    with app.database.read() as connection:
        assert runs.standing(connection, run.id)[0] == 1
    assert len(attempts_of(app, run, "waits_inside")) == 1


def test_who_has_not_looked_has_not_seen() -> None:
    """A database that was away for all, or an observer that was stopped itself, is no reason to take a run."""
    observer = Observer(10.0, 5.0)
    lease = runs.Lease("r1", "one", 1, 7)
    assert observer.lapsed([lease], 0.0) == []
    assert observer.lapsed([lease], 4.0) == []
    assert observer.lapsed([lease], 60.0) == []
    assert observer.lapsed([lease], 64.0) == []
    assert observer.lapsed([lease], 69.0) == []
    assert observer.lapsed([lease], 70.0) == [lease]
