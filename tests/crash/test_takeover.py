"""Several engines at one database: runs of those that die go on elsewhere; who was only stopped writes no more."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import BOTH
from tests.contract.engine_bench import Bench
from tests.contract.executor_owner import wait_until_dead
from tests.crash.serving import FOR_EVER, Machine, Relay, everything, machines, serving
from tests.unit.engine.simulation import pipeline, task
from tidemill.app import App
from tidemill.core.bindings import Const
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import Cache, LimitUse, Node, UntilApproval, Wait
from tidemill.core.history import CommandKind, RunRecord
from tidemill.core.records import Artifact, Began, Gone, Message, Pushed, Report, Request, Verb
from tidemill.core.states import AttemptState, RunState
from tidemill.core.values import ArtifactRef
from tidemill.storage.metadata import commands, limits, runs
from tidemill.testing import attempts_of, events_of, gapless, outputs

SHORT = 1.5
"""Seconds of a lease that a test waits for."""


@pytest.fixture
def two(tmp_path: Path, postgres_database: str) -> Iterator[Callable[[float], tuple[Machine, Machine, Relay]]]:
    apps: list[App] = []

    def make(lease_s: float) -> tuple[Machine, Machine, Relay]:
        with machines(tmp_path, postgres_database, lease_s) as (one, other):
            apps.append(App(other.settings))
            return one, other, Relay(apps[-1], tmp_path)

    yield make
    for app in apps:
        app.close()


def assert_relayed(relay: Relay, run: RunRecord, number: int) -> None:
    """The attempts with this number at the gates are those that count, and everything is recorded once."""
    app = relay.app
    assert run.state is RunState.SUCCEEDED, run.cause
    assert outputs(app, run, "last") == {"result": f"{number}, by {number}"}
    assert gapless(events_of(app, run))
    for name in ("asks", "kept"):
        tried = [one.state for one in attempts_of(app, run, name)]
        assert tried == [AttemptState.LOST] * (number - 1) + [AttemptState.SUCCEEDED]
    assert [len(attempts_of(app, run, f"first[{n}]")) for n in range(3)] == [1, 1, 1]
    assert sorted(line for line in relay.lines if line.startswith("first")) == ["first 0", "first 1", "first 2"]
    with app.database.read() as connection:
        assert limits.usage(connection, "default")["pool:oven"].used == 0
        assert runs.lease(connection, run.id) is None


# --- processes --------------------------------------------------------------------------------------------------------


def test_the_run_of_a_killed_engine_goes_on_at_another_machine(two: Callable[..., Any]) -> None:
    one, other, relay = two(SHORT)
    with serving(one, "one") as first:
        run = relay.submit()
        lost = relay.at_gates(1)
        with serving(other, "other") as second:
            first.tell(signal.SIGKILL)
            wait_until_dead(lost)
            relay.at_gates(2)
            relay.open_gates(2)
            assert_relayed(relay, relay.ended(run), 2)
            second.until(f"run {run.id} taken over")
            assert second.end() == 0
    with relay.app.database.read() as connection:
        assert runs.standing(connection, run.id)[0] == 2


@pytest.mark.parametrize("database", BOTH)
def test_at_the_same_home_a_dead_owner_is_seen_at_once(
    tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    url = "" if database == "sqlite" else request.getfixturevalue("postgres_database")
    with machines(tmp_path, url, FOR_EVER, 1) as (home,), App(home.settings) as app:
        relay = Relay(app, tmp_path)
        with serving(home, "one") as first, serving(home, "two") as second:
            run = relay.submit()
            relay.at_gates(1)
            inheritor, dying = (second, first) if f"run {run.id} taken" in first.said else (first, second)
            dying.tell(signal.SIGKILL)
            inheritor.until(f"run {run.id} taken over")
            relay.at_gates(2)
            relay.open_gates(2)
            assert_relayed(relay, relay.ended(run), 2)


def test_an_engine_that_is_told_to_end_hands_over_at_once(two: Callable[..., Any]) -> None:
    one, other, relay = two(FOR_EVER)
    with serving(one, "one") as first:
        run = relay.submit()
        at_work = relay.at_gates(1)
        with serving(other, "other"):
            assert first.end(signal.SIGTERM) == 0
            wait_until_dead(at_work)
            relay.at_gates(2)
            relay.open_gates(2)
            assert_relayed(relay, relay.ended(run), 2)
    assert "1 run let go" in first.said


def test_a_stopped_engine_that_wakes_up_is_refused_at_every_write(two: Callable[..., Any]) -> None:
    one, other, relay = two(SHORT)
    with serving(one, "one") as first, serving(other, "other") as second:
        run = relay.submit()
        at_work = relay.at_gates(1)
        stopped, going = (first, second) if f"run {run.id} taken" in first.said else (second, first)
        stopped.tell(signal.SIGSTOP)
        relay.at_gates(2)
        relay.open_gates(2)
        assert_relayed(relay, relay.ended(run), 2)
        # What belonged to the stopped engine comes to its end as well, and has much to tell.
        relay.open_gates(1)
        relay.until("went asks 1", "went kept 1")
        with relay.app.database.write() as connection:
            commands.add(connection, "default", run.id, CommandKind.EVENT, "ann", {"name": "late"}, run.created_at)
        before = everything(relay.app)
        stopped.tell(signal.SIGCONT)
        stopped.until(f"run {run.id} let go")
        wait_until_dead(at_work)
        assert everything(relay.app) == before
        # It is as good as new.
        assert going.end() == 0
        errand = relay.submit("errand")
        assert relay.ended(errand).state is RunState.SUCCEEDED
        assert stopped.end() == 0
        assert relay.lines.count("last") == 1


def test_a_second_signal_ends_an_engine_at_once(two: Callable[..., Any]) -> None:
    one, other, relay = two(FOR_EVER)
    with serving(one, "one", TIDEMILL_GRACE_SECONDS="3600") as first:
        run = relay.submit()
        at_work = relay.at_gates(1)
        for pid in at_work:
            # One that is stopped ignores SIGTERM.
            os.kill(pid, signal.SIGSTOP)
        first.tell(signal.SIGINT)
        first.until("ending: 1 run let go")
        assert first.end(signal.SIGINT) == 5
        assert "error[unfinished]" in first.said
        wait_until_dead(at_work)
    with serving(other, "other"):
        relay.at_gates(2)
        relay.open_gates(2)
        assert_relayed(relay, relay.ended(run), 2)


# --- every write of a stale engine ------------------------------------------------------------------------------------

MADE = Artifact("late", "Dataset", digest="blake2b:00", size=1, kind="file")
GRAPH = pipeline(
    task("a"),
    task("c", cache=Cache(), limits=(LimitUse(Const("pool:oven"), Const(1)),)),
    task("l", "a", limits=(LimitUse(Const("pool:oven"), Const(1)),)),
    task("f"),
    Node("w", Wait(UntilApproval(Const("go?")))),
    functions={"user:c": "as it is"},
    timeout=3600.0,
)
Feed = Callable[[Bench, RunRecord], None]


def tells(name: str, message: Callable[[str], Message]) -> Feed:
    return lambda bench, run: bench.executor.inbox(message(bench.ticket(name).attempt))


def wishes(kind: CommandKind, **payload: Any) -> Feed:
    return lambda bench, run: bench.wish(run, kind, **payload)


def result(attempt: str) -> Report:
    return Report(attempt, AttemptState.SUCCEEDED, {"result": ArtifactRef("late")}, (MADE,))


PATHS: dict[str, tuple[Feed, set[str]]] = {
    "a result, and the start of what follows": (
        tells("a", result),
        {"task_runs", "attempts", "events", "artifacts", "artifact_uses", "limits", "limit_claims", "runs"},
    ),
    "a result to be kept": (
        tells("c", result),
        {"task_runs", "attempts", "events", "artifacts", "cache_entries", "limits", "limit_claims"},
    ),
    "a loss": (
        tells("c", lambda attempt: Gone(attempt, Cause(CauseKind.INFRASTRUCTURE, "unplugged"), lost=True)),
        {"attempts", "events", "limit_claims"},
    ),
    "a process": (tells("a", lambda attempt: Began(attempt, 4711)), {"attempts"}),
    "a push": (
        tells("a", lambda attempt: Pushed(attempt, "k", ArtifactRef("late"), (MADE,))),
        {"pushes", "events", "artifacts"},
    ),
    "an effect": (
        tells("a", lambda attempt: Request(attempt, 1, Verb.ACT, "set_variable", {"name": "x", "value": 1})),
        {"effects", "variables"},
    ),
    "a question": (tells("a", lambda attempt: Request(attempt, 1, Verb.READ, "f", {})), {"artifact_uses"}),
    "an answer of a person": (wishes(CommandKind.APPROVE, path="w"), {"commands", "task_runs", "events"}),
    "a wish to cancel": (wishes(CommandKind.CANCEL), {"commands", "runs", "events"}),
    "a priority": (wishes(CommandKind.PRIORITY, priority=7), {"commands", "runs"}),
    "a deadline": (lambda bench, run: bench.clock.advance(7200), {"runs", "events"}),
}


@pytest.fixture(params=BOTH)
def benches(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Engines of one database in this process, each in a home of its own."""
    opened: list[Bench] = []
    sqlite = f"sqlite:///{tmp_path / 'shared.db'}"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_database")

    def make(**more: Any) -> Bench:
        opened.append(Bench(tmp_path / f"home{len(opened)}", url, **more))
        return opened[-1]

    yield make
    for bench in opened:
        bench.die()


@pytest.mark.parametrize("stale", [False, True], ids=["in time", "too late"])
@pytest.mark.parametrize("path", PATHS)
def test_of_a_stale_engine_nothing_is_written(benches: Callable[..., Bench], path: str, stale: bool) -> None:
    """What an engine in its rights does write is what one that lost the run does not."""
    feed, changed = PATHS[path]
    first, second = benches(), benches()
    with first.app.database.write() as connection:
        limits.define(connection, "default", "pool:oven", 5)
    run = first.start(GRAPH)
    attempt = first.ticket("f").attempt
    del first.executor.out[attempt]
    made = replace(MADE, id="early")
    first.executor.inbox(Report(attempt, AttemptState.SUCCEEDED, {"result": ArtifactRef("early")}, (made,)))
    first.turns()
    if stale:
        take_away(run, second)
    out = set(first.executor.out)
    feed(first, run)
    before = everything(first.app)
    turn_without_a_sweep(first, run)
    after = everything(first.app)
    differ = {name for name in after if after[name] != before[name]}
    if not stale:
        assert changed <= differ
        return
    assert differ == set()
    first.turns()
    assert everything(first.app) == before
    assert not first.engine.holds(run.id)
    assert {attempt for attempt, _ in first.executor.stopped} | ended_by(path, first) == out


def take_away(run: RunRecord, thief: Bench) -> int:
    with thief.app.database.write() as connection:
        lease = runs.lease(connection, run.id)
        assert lease is not None
        epoch = runs.steal(connection, run.id, lease.owner, lease.epoch, lease.renewals, thief.owner.id)
    assert epoch == lease.epoch + 1
    return epoch


def turn_without_a_sweep(bench: Bench, run: RunRecord) -> None:
    """The sweep would see at once that the run is gone, and nothing would be tried."""
    engine = bench.engine
    with bench.app.database.read() as connection:
        wishes = commands.pending(connection, [run.id])
    for message in engine._wait():
        engine._take(message)
    engine._fire_timers()
    for wish in wishes:
        engine._obey(wish, True)
    for run_id in list(engine._pids):
        engine._turn_of(engine._held[run_id])
    engine._dispatch()
    engine._commit()


def ended_by(path: str, bench: Bench) -> set[str]:
    """The attempt whose end was fed needs no stop."""
    names = {"a result, and the start of what follows": "a", "a result to be kept": "c", "a loss": "c"}
    return {bench.ticket(names[path]).attempt} if path in names else set()
