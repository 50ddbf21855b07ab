"""One writer for each run: leases that are lost, databases that fail, wishes of others, limits that runs share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.engine_bench import Bench, Flaky
from tests.unit.engine.simulation import Fail, pipeline, report_of, task
from tidemill.core.bindings import Const, Item
from tidemill.core.causes import CauseKind
from tidemill.core.clock import EPOCH
from tidemill.core.graph import (
    After,
    Each,
    LimitUse,
    Node,
    Over,
    PreviousRun,
    Retry,
    Scope,
    Sub,
    UntilApproval,
    UntilEvent,
    UntilTime,
    Wait,
)
from tidemill.core.history import CommandKind
from tidemill.core.joins import Join
from tidemill.core.records import Pushed, Request, Verb, Wake
from tidemill.core.states import AttemptState
from tidemill.engine.moves import Noted
from tidemill.engine.ownership import Observer
from tidemill.engine.recover import load, reopen
from tidemill.engine.requests import ActionContext
from tidemill.storage.metadata import attempts, commands, limits, runs
from tidemill.storage.metadata.errors import DatabaseConflict
from tidemill.testing import LeapingClock, attempts_of, causes, events_of, gapless, outputs, states

Open = Callable[..., Bench]


@pytest.fixture
def open_bench(database_url: str, tmp_path: Path) -> Iterator[Open]:
    opened: list[Bench] = []

    def open_one(**more: Any) -> Bench:
        opened.append(Bench(tmp_path / "home", database_url, **more))
        return opened[-1]

    yield open_one
    for bench in opened:
        bench.die()


def limited(id: str, **options: Any) -> Node:
    return task(id, limits=(LimitUse(Const("pool:gpu"), Const(1)),), **options)


def over(*items: Any, **options: Any) -> Each:
    return Each((Over("n", Const(list(items))),), **options)


def define(bench: Bench, slots: int) -> None:
    with bench.app.database.write() as connection:
        limits.define(connection, "default", "pool:gpu", slots)


def used(bench: Bench) -> int:
    with bench.app.database.read() as connection:
        return limits.usage(connection, "default")["pool:gpu"].used


# --- leases ---


def steal(thief: Bench, run: Any) -> None:
    """Take a run whose lease has stood still for its whole length, as an engine of another machine would."""
    observer = Observer(30.0)
    with thief.app.database.read() as connection:
        assert observer.lapsed(runs.held(connection), 100.0) == []
        assert observer.lapsed(runs.held(connection), 129.9) == []
        (lease,) = [lease for lease in observer.lapsed(runs.held(connection), 130.0) if lease.run == run.id]
    with thief.app.database.write() as connection:
        epoch = runs.steal(connection, run.id, lease.owner, lease.epoch, lease.renewals, thief.owner.id)
    assert epoch == lease.epoch + 1
    thief.engine.hold(load(thief.app.database, run.id, epoch, thief.clock.now()))
    thief.turns()


def test_a_lease_that_is_renewed_never_lapses(open_bench: Open) -> None:
    bench = open_bench()
    bench.start(pipeline(task("a")))
    observer = Observer(30.0)
    for second in range(0, 300, 20):
        bench.turns(1)
        with bench.app.database.read() as connection:
            assert observer.lapsed(runs.held(connection), float(second)) == []


def test_who_lost_the_lease_writes_nothing_more_and_stops_what_is_out(open_bench: Open) -> None:
    first, second = open_bench(), open_bench()
    run = first.start(pipeline(task("a"), task("b", "a")))
    lost = first.ticket("a").attempt
    steal(second, run)
    assert second.names == ["a"]
    first.end("a", "of the first")
    assert not first.engine.holds(run.id)
    assert first.names == []
    assert second.finish(run).state.value == "succeeded"
    assert outputs(second.app, run, "a") == {"result": "a"}
    tried = attempts_of(second.app, run, "a")
    assert [(one.id, one.state) for one in tried] == [
        (lost, AttemptState.LOST),
        (f"{run.id}.2", AttemptState.SUCCEEDED),
    ]
    assert gapless(events_of(second.app, run))


def test_an_engine_whose_run_only_waits_finds_out_by_its_sweep(open_bench: Open) -> None:
    first, second = open_bench(), open_bench()
    run = first.start(pipeline(Node("w", Wait(UntilEvent(Const("e")))), task("a")))
    out = first.ticket("a").attempt
    steal(second, run)
    first.turns(1)
    assert not first.engine.holds(run.id)
    assert [attempt for attempt, _ in first.executor.stopped] == [out]
    assert second.engine.holds(run.id)


def test_of_a_group_only_the_part_of_the_lost_run_is_dropped(open_bench: Open) -> None:
    first, second = open_bench(), open_bench()
    kept, lost = first.start(pipeline(task("a"))), first.start(pipeline(task("b")))
    steal(second, lost)
    # Both ends arrive in the same turn, and are one transaction.
    for name in ("a", "b"):
        attempt = first.ticket(name).attempt
        del first.executor.out[attempt]
        first.executor.inbox(report_of(attempt, name))
    first.turns(1)
    assert first.state(kept) == "succeeded"
    assert first.state(lost) == "running"
    assert second.finish(lost).state.value == "succeeded"


def test_claims_of_a_run_that_was_lost_are_not_left_behind(open_bench: Open) -> None:
    first, second = open_bench(), open_bench()
    define(first, 5)
    run = first.start(pipeline(task("a"), limited("b", after=(After("a"),)), limited("c", after=(After("a"),))))
    steal(second, run)
    second.end("a")
    assert used(second) == 2
    first.end("a")
    assert used(second) == 2
    second.finish(run)
    assert used(second) == 0


def test_nothing_is_done_for_a_run_in_other_hands(open_bench: Open) -> None:
    done: list[str] = []

    def action(context: ActionContext, arguments: Any) -> str:
        done.append(context.run)
        return "done"

    first, second = open_bench(actions={"do": action}), open_bench(actions={"do": action})
    run = first.start(pipeline(task("a")))
    attempt = first.ticket("a").attempt
    steal(second, run)
    # The first has not noticed yet.

    reply = first.engine.answer(Request(attempt, 1, Verb.ACT, "do"))
    assert "another engine has taken the run over" in reply.error
    assert done == []
    assert second.ask("a", Verb.ACT, "do").value == "done"


def test_a_run_that_ended_meanwhile_is_let_go_of(open_bench: Open) -> None:
    first, second = open_bench(), open_bench()
    run = first.start(pipeline(task("a")))
    first.finish(run)
    second.hold(run)
    assert not second.engine.holds(run.id)
    with second.app.database.read() as connection:
        assert runs.lease(connection, run.id) is None


# --- a database that fails ---


@pytest.mark.parametrize("how", ["before", "during", "after"])
def test_a_commit_that_fails_is_tried_again_and_counts_once(
    open_bench: Open, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    bench = open_bench()
    define(bench, 1)
    graph = pipeline(task("a"), limited("b", after=(After("a"),)), limited("c", after=(After("a"),)))
    run = bench.start(graph)
    flaky = Flaky(bench.app, monkeypatch)
    attempt = bench.ticket("a").attempt
    del bench.executor.out[attempt]
    bench.executor.inbox(report_of(attempt, 1))
    flaky.plan = ["well", how, how, how]  # the first is the sweep's
    bench.engine.turn()
    assert flaky.plan == ([how, how] if how == "after" else [])
    flaky.plan = []
    assert len(bench.names) == 1, "one of the two has the only slot"
    assert used(bench) == 1
    paused = [move for move in bench.told if isinstance(move, Noted) and move.kind == "run.paused"]
    assert len(paused) == 1, "what has not changed is told once"
    assert bench.finish(run).state.value == "succeeded"
    assert [len(attempts_of(bench.app, run, name)) for name in "abc"] == [1, 1, 1]
    assert gapless(events_of(bench.app, run))
    assert used(bench) == 0


@pytest.mark.parametrize("how", ["before", "during", "after"])
def test_every_write_of_a_run_may_fail_once(open_bench: Open, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    bench = open_bench()
    flaky = Flaky(bench.app, monkeypatch)
    graph = pipeline(
        task("a", retry=Retry(1)),
        task("m", each=over(0, 1, 2), inputs={"n": Item("n")}, after=(After("a"),)),
        Node("s", Sub(Scope((task("x"), task("y", "s/x")))), after=(After("m"),)),
    )
    run = bench.start(graph)
    failed = False
    while bench.engine.holds(run.id):
        flaky.plan = ["well", how] * 3
        name = bench.names[0]
        bench.end(name, Fail() if name == "a" and not failed else name)
        failed = True
    assert bench.state(run) == "succeeded"
    assert [one.state.value for one in attempts_of(bench.app, run, "a")] == ["failed", "succeeded"]
    assert gapless(events_of(bench.app, run))


def test_what_arrives_while_nothing_can_be_recorded_is_kept_in_order(
    open_bench: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = open_bench()
    run = bench.start(pipeline(task("a"), task("b")))
    flaky = Flaky(bench.app, monkeypatch)
    monkeypatch.setattr(flaky, "plan", ["well", "before", "before"])
    attempt = bench.ticket("b").attempt

    def while_paused(moves: Any) -> None:
        bench.executor.inbox(Pushed(attempt, "k", 1))
        bench.executor.inbox(report_of(attempt, 2))
        bench.executor.out.pop(attempt, None)

    bench.engine._watch = lambda run, moves: while_paused(moves) if moves and _paused(moves) else None
    bench.end("a", 1)
    assert bench.state(run) == "succeeded"
    assert outputs(bench.app, run, "b") == {"k": 1, "result": 2}


def _paused(moves: Any) -> bool:
    return any(isinstance(move, Noted) and move.kind == "run.paused" for move in moves)


def test_an_error_that_does_not_pass_is_raised_and_not_repeated_for_ever(
    open_bench: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = open_bench()
    run = bench.start(pipeline(task("a"), task("b", "a")))
    with bench.app.database.write() as connection:
        # Somebody else has made the row of the next attempt.
        (first,) = attempts.of_run(connection, run.id)

        attempts.begin(connection, "default", [replace(first, id=f"{run.id}.2")])
    with pytest.raises(DatabaseConflict):
        bench.end("a")


# --- wishes of others, found by the sweep alone ---


def test_an_approval_an_event_and_a_no_by_their_deadline(open_bench: Open) -> None:
    bench = open_bench()
    run = bench.start(
        pipeline(
            Node("ask", Wait(UntilApproval(Const("go?"), ("ann",)))),
            Node("no", Wait(UntilApproval(Const("go?")))),
            Node("event", Wait(UntilEvent(Const("data"), Const("eu")))),
            task("job"),
            task("end", "ask", "event"),
        )
    )
    bench.end("job", Wake(event="done", resume="job-7"))
    bench.wish(run, CommandKind.APPROVE, "bob", path="ask")
    bench.wish(run, CommandKind.EVENT, name="data", key="us")
    bench.turns()
    assert states(bench.app, run) == {"ask": "suspended", "no": "suspended", "event": "suspended", "job": "suspended"}
    bench.wish(run, CommandKind.APPROVE, "ann", path="ask", comment="fine")
    bench.wish(run, CommandKind.APPROVE, "bob", path="no", yes=False)
    bench.wish(run, CommandKind.EVENT, name="data", key="eu", payload={"rows": 3})
    bench.wish(run, CommandKind.EVENT, name="done", payload=[1])
    bench.turns()
    assert bench.ticket("job").resume == [1]
    assert bench.finish(run).state.value == "failed"
    assert states(bench.app, run)["no"] == "failed"
    assert outputs(bench.app, run, "ask")["result"] == {"approved": True, "by": "ann", "comment": "fine"}
    with bench.app.database.read() as connection:
        assert commands.pending(connection, [run.id]) == []
    assert len(events_of(bench.app, run, "approval.refused")) == 1


def test_an_event_that_has_come_is_not_forgotten_by_a_crash(open_bench: Open) -> None:
    first, second = open_bench(slots=1), open_bench()
    run = first.start(pipeline(task("job"), task("long")))
    first.end("job", Wake(event="e", resume="job-7"))
    assert first.names == ["long"], "the only slot is taken"
    first.wish(run, CommandKind.EVENT, name="e", payload="news")
    first.turns()
    assert states(first.app, run)["job"] == "ready"
    first.die()
    second.hold(run)
    second.turns()
    assert second.ticket("job").resume == "news"


def test_cancelling_and_marking(open_bench: Open) -> None:
    bench = open_bench()
    run = bench.start(
        pipeline(
            task("a"),
            Node("s", Sub(Scope((task("x"), task("y", "s/x"))))),
            task("end", after=(After("s"), After("a")), join=Join.ALL_DONE),
        )
    )
    bench.wish(run, CommandKind.MARK, path="a", state="skipped")
    bench.wish(run, CommandKind.MARK, path="s", state="succeeded")
    bench.turns()
    assert states(bench.app, run)["a"] == "skipped"
    assert sorted(cause.message for _, cause in bench.executor.stopped) == [
        "marked skipped by ann",
        "marked succeeded by ann",
    ]
    with bench.app.database.read() as connection:
        assert [wish.kind for wish in commands.pending(connection, [run.id])] == [CommandKind.MARK]
    bench.stop_ends()
    assert states(bench.app, run) == {
        "a": "skipped",
        "s": "succeeded",
        "s/x": "cancelled",
        "s/y": "cancelled",
        "end": "running",
    }
    bench.wish(run, CommandKind.CANCEL, reason="enough")
    bench.turns()
    bench.stop_ends()
    assert bench.state(run) == "cancelled"
    assert causes(bench.app, run)["end"].message == "cancelled by ann: enough"
    with bench.app.database.read() as connection:
        assert commands.pending(connection, [run.id]) == []


def test_of_two_marks_the_last_word_counts(open_bench: Open) -> None:
    bench = open_bench()
    run = bench.start(pipeline(Node("s", Sub(Scope((task("x"),))))))
    bench.wish(run, CommandKind.MARK, path="s", state="succeeded")
    bench.turns()
    bench.wish(run, CommandKind.MARK, path="s", state="skipped")
    bench.turns(10)
    assert len(bench.executor.stopped) == 1
    with bench.app.database.read() as connection:
        assert len(commands.pending(connection, [run.id])) == 1
    bench.stop_ends()
    assert states(bench.app, run) == {"s": "skipped", "s/x": "cancelled"}


def test_a_mark_outlives_the_engine_that_was_about_to_give_it(open_bench: Open) -> None:
    first, second = open_bench(), open_bench()
    run = first.start(pipeline(Node("s", Sub(Scope((task("x"),)))), task("end", after=(After("s"),))))
    first.wish(run, CommandKind.MARK, path="s", state="skipped")
    first.turns()
    first.die()
    second.hold(run)
    second.turns()
    second.stop_ends()
    assert states(second.app, run) == {"s": "skipped", "s/x": "cancelled", "end": "skipped"}


def test_wishes_that_make_no_sense_are_taken_and_change_nothing(open_bench: Open) -> None:
    bench = open_bench()
    run = bench.start(pipeline(task("a")))
    for kind, payload in [
        (CommandKind.MARK, {"path": "a", "state": "splendid"}),
        (CommandKind.MARK, {"path": "a"}),
        (CommandKind.MARK, {"path": "a", "state": "running"}),
        (CommandKind.MARK, {"path": "", "state": "failed"}),
        (CommandKind.APPROVE, {"path": "a", "instance": "x.y"}),
        (CommandKind.APPROVE, {"path": "nobody"}),
        (CommandKind.EVENT, {}),
        (CommandKind.PRIORITY, {"priority": "high"}),
        (CommandKind.REOPEN, {}),
    ]:
        bench.wish(run, kind, **payload)
    bench.turns()
    assert states(bench.app, run) == {"a": "running"}
    with bench.app.database.read() as connection:
        assert commands.pending(connection, [run.id]) == []
    assert bench.finish(run).state.value == "succeeded"


# --- who goes first ---


def test_the_run_with_the_higher_priority_goes_first_and_may_get_it_later(open_bench: Open) -> None:
    bench = open_bench(slots=1)
    low = bench.submit(pipeline(task("a"), task("b"), task("c")), priority=0)
    high = bench.submit(pipeline(task("x"), task("y")), priority=5)
    bench.hold(low)
    bench.hold(high)
    bench.turns()
    assert bench.names == ["x"]
    bench.wish(low, CommandKind.PRIORITY, priority=9)
    bench.turns()
    bench.end("x")
    bench.end("a")
    bench.end("b")
    assert bench.executor.started == ["x", "a", "b", "c"]
    with bench.app.database.read() as connection:
        assert runs.get(connection, low.id).priority == 9


def test_parallelism_bounds_a_run_and_a_map(open_bench: Open) -> None:
    bench = open_bench(slots=10)
    run = bench.start(pipeline(*(task(name) for name in "abcde"), parallelism=2))
    most = 0
    while bench.engine.holds(run.id):
        most = max(most, len(bench.names))
        bench.end(bench.names[0])
    assert most == 2
    run = bench.start(pipeline(task("m", each=over(*range(5), parallelism=3), inputs={"n": Item("n")})))
    assert bench.names == ["m[0]", "m[1]", "m[2]"]
    bench.end("m[1]")
    assert bench.names == ["m[0]", "m[2]", "m[3]"]


# --- limits ---


def test_two_runs_share_a_limit_and_never_pass_it(open_bench: Open) -> None:
    first, second = open_bench(), open_bench()
    define(first, 2)
    graph = pipeline(*(limited(f"t{n}") for n in range(4)), task("free"))
    one, other = first.start(graph), second.start(graph)
    most = 0
    while first.engine.holds(one.id) or second.engine.holds(other.id):
        for bench in (first, second):
            out = [name for name in bench.names if name != "free"]
            assert used(bench) <= 2
            most = max(most, used(bench))
            if bench.names:
                bench.end((["free"] if "free" in bench.names else out)[0])
            else:
                bench.turns()
    assert most == 2
    assert (first.state(one), second.state(other)) == ("succeeded", "succeeded")
    refused = events_of(second.app, other, "limit.refused")
    assert refused
    assert all(event.payload == {"limit": "pool:gpu"} for event in refused)
    assert used(first) == 0
    for run in (one, other):
        assert gapless(events_of(first.app, run))
        assert len(attempts_of(first.app, run, "t3")) == 1, "what was refused was no attempt"


def test_a_limit_is_given_back_by_whatever_end(open_bench: Open) -> None:
    bench = open_bench()
    define(bench, 1)
    run = bench.start(pipeline(limited("a", retry=Retry(1)), limited("b", after=(After("a"),))))
    bench.end("a", Wake(event="e"))
    assert used(bench) == 0, "what is suspended holds nothing"
    bench.wish(run, CommandKind.EVENT, name="e")
    bench.turns()
    bench.lose("a")
    assert used(bench) == 1
    bench.end("a", Fail())
    bench.wish(run, CommandKind.CANCEL)
    bench.turns()
    bench.stop_ends()
    assert bench.state(run) == "cancelled"
    assert used(bench) == 0


def test_a_limit_that_grows_is_noticed(open_bench: Open) -> None:
    bench = open_bench()
    define(bench, 0)
    bench.start(pipeline(limited("a")))
    assert bench.names == []
    define(bench, 1)
    bench.turns()
    assert bench.names == ["a"]


def test_a_task_may_ask_for_no_slot_of_a_limit(open_bench: Open) -> None:
    bench = open_bench()
    run = bench.start(pipeline(task("a", limits=(LimitUse(Const("pool:gpu"), Const(0)),))))
    assert bench.finish(run).state.value == "succeeded"


# --- the previous run ---


def test_a_task_holds_until_the_previous_run_has_succeeded_with_it(open_bench: Open) -> None:
    bench = open_bench()
    graph = pipeline(task("a", previous_run=PreviousRun.SELF), task("b", "a"))
    first = bench.start(graph)
    bench.clock.advance(60)
    second = bench.start(graph)
    assert second.previous == first.id
    assert len(bench.names) == 1, "the second holds while the first runs"
    bench.end("a", Fail(), run=first)
    assert bench.state(first) == "failed"
    assert bench.names == [], "and while it has failed"
    bench.reopen(first)
    bench.end("a", 1, run=first)
    assert sorted(bench.names) == ["a", "b"], "what is after it in the first run is not waited for"
    bench.finish(first)
    assert bench.finish(second).state.value == "succeeded"


# --- effects ---


def test_an_effect_is_done_once_however_often_the_task_is_repeated(open_bench: Open) -> None:
    done: list[str] = []

    def action(context: ActionContext, arguments: Any) -> str:
        done.append(arguments["what"])
        return f"{arguments['what']} {len(done)}"

    def broken(context: ActionContext, arguments: Any) -> str:
        done.append("half")
        raise KeyError("nonsense")

    bench = open_bench(actions={"do": action, "undo": action, "broken": broken})
    run = bench.start(pipeline(task("a"), task("b", "a")))
    assert bench.ask("a", Verb.ACT, "do", 1, what="x").value == "x 1"
    bench.lose("a")
    assert bench.ask("a", Verb.ACT, "do", 1, what="x").value == "x 1"
    assert bench.ask("a", Verb.ACT, "do", 2, what="y").value == "y 2"
    assert "was 'do' before, and is now 'undo'" in bench.ask("a", Verb.ACT, "undo", 2, what="y").error
    assert "there is no action 'dos'" in bench.ask("a", Verb.ACT, "dos", 3).error
    assert "KeyError" in bench.ask("a", Verb.ACT, "broken", 3).error
    assert done == ["x", "y", "half"]
    bench.end("a", Fail())
    bench.reopen(run)
    assert bench.ask("a", Verb.ACT, "do", 1, what="x").value == "x 4", "a reopened task acts anew"


def test_outputs_are_read_by_key_and_only_by_those_of_the_team(open_bench: Open) -> None:
    bench = open_bench()
    graph = pipeline(task("m", each=over(5, 6), inputs={"n": Item("n")}), task("a", after=(After("m"),)))
    run = bench.start(graph)
    bench.end("m[0]", 10)
    bench.end("m[1]", 20)
    assert bench.ask("a", Verb.READ, "m").value == [10, 20]
    assert bench.ask("a", Verb.READ, "m", index=1).value == 20
    assert "there is no task 'x' in this run" in bench.ask("a", Verb.READ, "x").error
    assert "cannot be read by 'pipelin'" in bench.ask("a", Verb.READ, "m", pipelin="p").error
    assert "did you mean 'pipeline'" in bench.ask("a", Verb.READ, "m", pipelin="p").error
    assert "is a whole number" in bench.ask("a", Verb.READ, "m", index="first").error
    assert "has no instance 2" in bench.ask("a", Verb.READ, "m", index=2).error
    foreign = bench.submit(graph, team="others")
    assert "there is no run" in bench.ask("a", Verb.READ, "m", run=foreign.id).error
    assert "fewer than 1 earlier" in bench.ask("a", Verb.READ, "m", earlier=1).error
    assert bench.finish(run).state.value == "succeeded"
    bench.clock.advance(1)
    later = bench.start(graph)
    bench.end("m[0]", 1)
    bench.end("m[1]", 2)
    assert bench.ask("a", Verb.READ, "m", earlier=1).value == [10, 20]
    assert bench.ask("a", Verb.READ, "m", run=run.id, index=0).value == 10
    assert "both" in bench.ask("a", Verb.READ, "m", run=run.id, earlier=1).error
    assert bench.finish(later).state.value == "succeeded"


# --- clocks ---


def test_the_timeout_of_a_run(open_bench: Open) -> None:
    bench = open_bench()
    run = bench.start(pipeline(task("a"), task("b", "a"), timeout=60))
    bench.clock.advance(59)
    bench.turns()
    assert bench.executor.stopped == []
    bench.clock.advance(1)
    bench.turns()
    assert [cause.kind for _, cause in bench.executor.stopped] == [CauseKind.TIMED_OUT]
    bench.stop_ends()
    assert bench.state(run) == "failed"
    assert states(bench.app, run) == {"a": "cancelled", "b": "cancelled"}


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_calendar_that_jumps_moves_no_lease_and_loses_no_timer(open_bench: Open, hours: int) -> None:
    clock = LeapingClock()
    bench, watcher = open_bench(clock=clock), open_bench(clock=clock)
    run = bench.start(
        pipeline(
            Node("w", Wait(UntilTime(Const(600)))),
            task("r", retry=Retry(1, delay=300)),
            Node("e", Wait(UntilEvent(Const("e")), deadline=900)),
        )
    )
    bench.end("r", Fail())
    observer = Observer(30.0)
    with watcher.app.database.read() as connection:
        observer.lapsed(runs.held(connection), 0.0)
    clock.set_calendar(clock.now() + timedelta(hours=hours))
    bench.turns()
    with watcher.app.database.read() as connection:
        assert observer.lapsed(runs.held(connection), 1000.0) == [], "it was renewed, whatever the calendar says"
    assert bench.engine.holds(run.id)
    if hours > 0:
        assert states(bench.app, run) == {"w": "succeeded", "r": "running", "e": "failed"}
        return
    assert states(bench.app, run) == {"w": "suspended", "r": "retrying", "e": "suspended"}
    clock.set_calendar(EPOCH + timedelta(seconds=300))
    bench.turns()
    assert states(bench.app, run) == {"w": "suspended", "r": "running", "e": "suspended"}
    clock.set_calendar(EPOCH + timedelta(seconds=900))
    bench.turns()
    assert states(bench.app, run) == {"w": "succeeded", "r": "running", "e": "failed"}


# --- reopening ---


def test_an_engine_that_dies_right_after_reopening_a_run_leaves_it_reopened(open_bench: Open) -> None:
    first, second = open_bench(), open_bench()
    run = first.start(pipeline(task("a"), task("bad"), task("end", "a", "bad")))
    first.end("a", 1)
    first.end("bad", Fail())
    assert first.state(run) == "failed"

    reopen(first.app.database, run.id, first.owner, "ann", first.clock.now())
    first.die()
    second.hold(run)
    second.turns()
    assert second.names == ["bad"]
    assert second.finish(run).state.value == "succeeded"
    assert outputs(second.app, run, "a") == {"result": 1}
    assert gapless(events_of(second.app, run))
    assert len(events_of(second.app, run, "run.reopened")) == 1
