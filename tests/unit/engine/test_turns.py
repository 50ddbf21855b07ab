"""Single turns in awkward moments: stops that cross with ends, full limits, calendars that jump, hostile reports."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.engine.invariants import Invariants
from tests.unit.engine.simulation import Fail, Simulation, Started, Stays, pipeline, scripted, task
from tidemill.core.bindings import Const, FunctionRef, Item, Output
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.clock import EPOCH
from tidemill.core.graph import (
    After,
    Each,
    LimitUse,
    LostPolicy,
    Node,
    OnLost,
    Over,
    Overdue,
    Retry,
    RetryRule,
    Role,
    Scope,
    Sub,
    UntilEvent,
    UntilTime,
    UntilTrue,
    Wait,
)
from tidemill.core.joins import Join
from tidemill.core.records import Gone, Pushed, Report, Wake
from tidemill.core.states import AttemptState, TaskState
from tidemill.engine.decide import decide
from tidemill.engine.moves import (
    AttemptSettled,
    AttemptStarted,
    Begin,
    Cancel,
    Dispatch,
    Happened,
    Marked,
    Noted,
    PushedOutput,
    Refused,
    Reported,
    SetTimer,
    StopAttempt,
    TimerFired,
    TimerKind,
    WentAway,
)
from tidemill.engine.previous import node_states


def sub(id: str, *nodes: Node, **options: Any) -> Node:
    return Node(id, Sub(Scope(nodes)), **options)


def over(*items: Any) -> Each:
    return Each((Over("n", Const(list(items))),))


def run_until_out(graph: Any, number: int = 1, script: Any = None, **options: Any) -> Simulation:
    """Until so many attempts are out that do not end by themselves."""
    run = Simulation(graph, script or (lambda told: Stays()), **options)
    run.watch = Invariants()
    return run.run(until=lambda run: run.progress.running >= number)


def stops(run: Simulation) -> list[str]:
    return [move.attempt for move in run.moves if isinstance(move, StopAttempt)]


# --- limits ---


def limited(id: str, **options: Any) -> Node:
    return task(id, limits=(LimitUse(Const("pool:gpu"), Const(1)),), **options)


def test_a_start_that_is_refused_has_never_been() -> None:
    graph = pipeline(limited("a", retry=Retry(1)))
    run = Simulation(graph).run(until=lambda run: run.of("a") == "ready")
    moves = decide(run.progress, Dispatch(1), EPOCH)
    (started,) = [move for move in moves if isinstance(move, AttemptStarted)]
    decide(run.progress, Refused(started.record.id, "pool:gpu"), EPOCH)
    unit = run.progress.units[run.key("a")]
    assert (unit.state, unit.attempts, unit.started_at) == (TaskState.READY, 0, None)
    assert decide(run.progress, Dispatch(1, frozenset({"pool:gpu"})), EPOCH) == []
    assert run.go_on().state == "succeeded"
    assert [told.number for told in run.started] == [1]


def test_what_was_resumed_is_resumed_again_after_a_refusal() -> None:
    graph = pipeline(limited("a"))
    run = Simulation(graph, lambda told: told.resume or Wake(event="e", resume="kept")).run()
    decide(run.progress, Happened("e", payload="news"), EPOCH)
    (started,) = [move for move in decide(run.progress, Dispatch(1), EPOCH) if isinstance(move, AttemptStarted)]
    assert started.resume == "news"
    decide(run.progress, Refused(started.record.id, "pool:gpu"), EPOCH)
    (started,) = [move for move in decide(run.progress, Dispatch(1), EPOCH) if isinstance(move, AttemptStarted)]
    assert started.resume == "news"


def test_those_who_wait_for_a_full_limit_keep_their_places() -> None:
    graph = pipeline(limited("a"), limited("b"), task("c"), limited("urgent", priority=1))
    run = Simulation(graph, slots=1)
    run.begin()
    full = frozenset({"pool:gpu"})
    started = [move for move in decide(run.progress, Dispatch(4, full), EPOCH) if isinstance(move, AttemptStarted)]
    assert [move.key.path for move in started] == ["c"]
    assert len(run.progress.ready) == 3
    started = [move for move in decide(run.progress, Dispatch(3), EPOCH) if isinstance(move, AttemptStarted)]
    assert [move.key.path for move in started] == ["urgent", "a", "b"]


def test_one_who_was_set_aside_may_be_cancelled() -> None:
    run = Simulation(pipeline(limited("a"), task("b")), scripted({"b": Stays()}))
    run.watch = Invariants()
    run.begin()
    run.send(Dispatch(1, frozenset({"pool:gpu"})))
    run.send(Cancel("ann"))
    assert run.go_on().state == "cancelled"
    assert run.of("a") == "cancelled"


# --- stopping ---


def test_a_retried_scope_inside_a_stopped_one_is_not_tried_again() -> None:
    graph = pipeline(sub("outer", sub("inner", task("a"), retry=Retry(5, delay=3600)), timeout=60))
    run = run_until_out(graph).go_on()
    assert (run.state, run.of("outer"), run.of("outer/inner")) == ("failed", "failed", "cancelled")
    assert run.clock.now() == EPOCH + timedelta(seconds=60)
    assert len(run.started) == 1


def test_a_teardown_that_is_a_scope_runs_although_the_run_is_cancelled() -> None:
    graph = pipeline(
        task("work"),
        sub("clean", task("a"), task("b", "clean/a"), role=Role.TEARDOWN, join=Join.ALL_DONE, after=(After("work"),)),
    )
    run = run_until_out(graph, script=lambda told: Stays() if told.path == "work" else told.path)
    run.send(Cancel("ann"))
    run.go_on()
    assert run.states() == {
        "work": "cancelled",
        "clean": "succeeded",
        "clean/a": "succeeded",
        "clean/b": "succeeded",
    }


def test_a_second_cancellation_stops_the_teardowns_too() -> None:
    graph = pipeline(sub("clean", task("a"), role=Role.TEARDOWN), task("end", "clean/a"))
    run = run_until_out(graph)
    run.send(Cancel("ann"))
    assert stops(run) == []
    run.send(Cancel("ann"))
    assert run.go_on().of("clean/a") == "cancelled"


def test_an_engine_that_takes_over_a_cancelled_run_stops_what_is_out() -> None:
    run = run_until_out(pipeline(task("a"), task("b", "a")))
    run.send(Cancel("ann"))
    run = run.crash(adopt=lambda attempt: True)
    assert len(stops(run)) == 2, "once by each engine"
    assert run.go_on().states() == {"a": "cancelled", "b": "cancelled"}


@pytest.mark.parametrize("policy", list(LostPolicy))
def test_what_is_lost_while_it_is_being_stopped_is_cancelled(policy: LostPolicy) -> None:
    run = run_until_out(pipeline(task("a", on_lost=OnLost(policy), retry=Retry(3))))
    run.send(Cancel("ann"))
    run = run.crash()
    assert (run.go_on().state, run.of("a"), len(run.started)) == ("cancelled", "cancelled", 1)
    assert run.cause("a").message == "cancelled by ann"


@pytest.mark.parametrize(("overdue", "state"), [(Overdue.SKIP, "skipped"), (Overdue.SUCCEED, "succeeded")])
def test_a_poll_that_is_stopped_for_its_deadline_ends_by_its_rule_however_it_answers(
    overdue: Overdue, state: str
) -> None:
    graph = pipeline(Node("w", Wait(UntilTrue(FunctionRef("user", "w"), 60.0), deadline=10, overdue=overdue)))
    run = run_until_out(graph)
    (attempt,) = run.progress.attempts
    run.clock.advance(10)
    run.send(TimerFired(run.key("w"), TimerKind.DEADLINE))
    assert set(stops(run)) == {attempt}
    run.send(Reported(Report(attempt, AttemptState.SUSPENDED, wake=Wake(after_s=60))))
    assert (run.of("w"), run.state) == (state, "succeeded")


def test_a_success_that_crosses_with_the_stop_stands() -> None:
    run = run_until_out(pipeline(task("a")))
    run.send(Cancel("ann"))
    (attempt,) = run.progress.attempts
    run.send(Reported(Report(attempt, AttemptState.SUCCEEDED, {"result": 1})))
    assert (run.of("a"), run.state) == ("succeeded", "cancelled")


# --- losses ---


@pytest.mark.parametrize(
    ("policy", "tries", "state"),
    [(LostPolicy.RETRY, 4, "failed"), (LostPolicy.FAIL, 2, "failed"), (LostPolicy.NEVER, 1, "failed")],
)
def test_losses_have_a_budget_of_their_own_or_count_as_failures_or_end_it(
    policy: LostPolicy, tries: int, state: str
) -> None:
    run = run_until_out(pipeline(task("a", on_lost=OnLost(policy, budget=3), retry=Retry(1))))
    while not run.progress.state.final:
        (attempt,) = run.progress.attempts
        run.send(WentAway(Gone(attempt, Cause(CauseKind.INFRASTRUCTURE, "unplugged"), lost=True)))
        run.send(Dispatch(1))
    assert (run.of("a"), len(run.started)) == (state, tries)
    ends = [move.record.state for move in run.moves if isinstance(move, AttemptSettled)]
    assert ends == [AttemptState.LOST] * tries


def test_a_task_that_was_resumed_and_lost_is_resumed_again() -> None:
    def script(told: Started) -> Any:
        return Stays() if told.resume else Wake(event="e", resume="job-7")

    run = Simulation(pipeline(task("a")), script).run()
    run.send(Happened("e", payload="news"))
    run = run.crash()
    run.go_on()
    run = run.crash()
    run.go_on()
    assert [told.resume for told in run.started] == [None, "news", "news"]


def test_a_task_that_failed_after_it_was_resumed_starts_from_the_beginning() -> None:
    def script(told: Started) -> Any:
        return Fail() if told.resume else Wake(after_s=1.0, resume="job-7")

    run = Simulation(pipeline(task("a", retry=Retry(1))), script).run()
    assert [told.resume for told in run.started] == [None, "job-7", None, "job-7"]


# --- a person's word ---


def test_a_marked_scope_ends_as_marked_when_all_inside_has_ended() -> None:
    graph = pipeline(sub("s", task("a"), task("b", "s/a")), task("end", after=(After("s"),)))
    run = run_until_out(graph, script=lambda told: Stays() if told.path == "s/a" else 1)
    run.send(Marked(run.key("s"), TaskState.SUCCEEDED, "ann"))
    assert run.progress.is_being_marked(run.key("s"))
    run.send(Marked(run.key("s"), TaskState.SUCCEEDED, "ann"))
    assert len(stops(run)) == 1, "told again it does nothing more"
    run.go_on()
    assert not run.progress.is_being_marked(run.key("s"))
    assert run.states() == {"s": "succeeded", "s/a": "cancelled", "s/b": "cancelled", "end": "succeeded"}


@pytest.mark.parametrize("state", [TaskState.UPSTREAM_FAILED, TaskState.REMOVED, TaskState.RUNNING])
def test_a_person_cannot_give_the_states_that_are_the_engines(state: TaskState) -> None:
    run = Simulation(pipeline(task("a", retry=Retry(1, delay=60))), lambda told: Fail())
    run.run(until=lambda run: run.of("a") == "retrying")
    run.send(Marked(run.key("a"), state, "ann"))
    assert run.of("a") == "retrying"
    assert [move.kind for move in run.moves if isinstance(move, Noted)] == ["mark.refused"]


@pytest.mark.parametrize("before", ["retrying", "suspended", "ready", "pending"])
@pytest.mark.parametrize("state", [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED])
def test_whatever_does_not_run_can_be_marked(before: str, state: TaskState) -> None:
    nodes = {
        "retrying": task("a", retry=Retry(1, delay=60)),
        "suspended": Node("a", Wait(UntilEvent(Const("e")))),
        "ready": task("a"),
        "pending": task("a", after=(After("other"),)),
    }
    graph = pipeline(nodes[before], Node("other", Wait(UntilEvent(Const("o")))))
    run = Simulation(graph, lambda told: Fail())
    run.watch = Invariants()
    run.begin()
    while run.of("a") != before:
        run.step()
    run.send(Marked(run.key("a"), state, "ann"))
    assert run.of("a") == state.value
    assert len(run.progress.ready) == 0


# --- time ---


def test_a_calendar_that_jumps_back_delays_no_timer_for_ever() -> None:
    graph = pipeline(Node("w", Wait(UntilTime(Const(60)))))
    run = Simulation(graph)
    run.begin()
    due = EPOCH + timedelta(seconds=60)
    run.clock.set_calendar(EPOCH - timedelta(hours=1))
    run.send(TimerFired(run.key("w"), TimerKind.DUE))
    assert run.of("w") == "suspended"
    assert [move.at for move in run.moves if isinstance(move, SetTimer)] == [due, due], "it is set again"
    assert run.go_on().state == "succeeded"
    assert run.clock.now() == due


def test_a_calendar_that_jumps_forward_fires_what_is_due_by_it() -> None:
    run = Simulation(pipeline(Node("w", Wait(UntilEvent(Const("e")), deadline=60))))
    run.begin()
    run.clock.set_calendar(EPOCH + timedelta(hours=1))
    run.send(TimerFired(run.key("w"), TimerKind.DEADLINE))
    assert run.of("w") == "failed"


# --- what is not so any more, and what should not be ---


def test_a_run_that_is_over_does_not_begin_again() -> None:
    run = Simulation(pipeline(task("a"))).run()
    assert decide(run.progress, Begin(), EPOCH) == []
    assert decide(run.ledger.restored(run.progress.wiring), Begin(), EPOCH) == []


def test_reports_about_nothing_change_nothing() -> None:
    run = run_until_out(pipeline(task("a")))
    for event in (
        Reported(Report("r.99", AttemptState.SUCCEEDED)),
        WentAway(Gone("r.99", Cause(CauseKind.INFRASTRUCTURE, "x"))),
        PushedOutput(Pushed("r.99", "k", 1)),
        Refused("r.99", "pool:gpu"),
        TimerFired(run.key("nobody"), TimerKind.DUE),
        Marked(run.key("nobody"), TaskState.FAILED, "ann"),
    ):
        assert decide(run.progress, event, EPOCH) == []


def test_a_report_is_checked_before_it_is_believed() -> None:
    rules = (RetryRule(("ValueError",)),)
    run = run_until_out(pipeline(task("a", retry=Retry(2, rules=rules)), task("b")), number=2)
    a, b = run.progress.attempts
    cause = Cause(CauseKind.USER_CODE, "x")
    run.send(Reported(Report(a, AttemptState.FAILED, cause=cause, rule=17)))
    assert run.of("a") == "failed", "a rule that does not exist matches nothing"
    run.send(Reported(Report(b, AttemptState.SUSPENDED)))
    assert run.cause("b").message == "it suspended itself and did not say until when"


@pytest.mark.parametrize("key", ["a\0b", "half \ud800"])
def test_an_output_that_no_database_could_name_is_refused(key: str) -> None:
    run = run_until_out(pipeline(task("a")))
    (attempt,) = run.progress.attempts
    run.send(PushedOutput(Pushed(attempt, key, 1)))
    assert [move.kind for move in run.moves if isinstance(move, Noted)] == ["output.refused"]
    run.send(Reported(Report(attempt, AttemptState.SUCCEEDED, {"result": 1})))
    assert run.progress.units[run.key("a")].outputs == {"result": 1}


@pytest.mark.parametrize("key", ["pool:\0", "pool:\udfff"])
def test_a_limit_that_no_database_could_name_fails_its_task(key: str) -> None:
    graph = pipeline(task("name"), task("a", limits=(LimitUse(Output("name"), Const(1)),)))
    run = Simulation(graph, scripted({"name": key})).run()
    assert "cannot be stored" in run.cause("a").message


def test_pushes_are_seen_after_the_end_only_and_cleared_by_the_next_attempt() -> None:
    run = run_until_out(pipeline(task("a", retry=Retry(1))))
    for number, (end, expected) in enumerate([(AttemptState.FAILED, {"k1": 1}), (AttemptState.SUCCEEDED, {"k2": 2})]):
        (attempt,) = run.progress.attempts
        run.send(PushedOutput(Pushed(attempt, f"k{number + 1}", number + 1)))
        assert run.progress.output(run.key("a"), f"k{number + 1}") != number + 1
        cause = Cause(CauseKind.USER_CODE, "x") if end is AttemptState.FAILED else None
        run.send(Reported(Report(attempt, end, cause=cause)))
        assert run.progress.units[run.key("a")].outputs == expected
        run.send(Dispatch(1))


def test_a_scope_creates_what_is_inside_once() -> None:
    names = [f"t{n}" for n in range(50)]
    run = Simulation(
        pipeline(*(task(name) for name in names), task("m", each=over(*range(30)), inputs={"n": Item("n")}))
    )
    run.watch = Invariants()
    assert run.run().state == "succeeded"
    assert len(run.started) == 80


# --- the previous run ---


def test_nodes_of_a_previous_run_that_never_came_to_be_ended_as_what_held_them() -> None:
    wiring = Simulation(
        pipeline(sub("s", task("a")), sub("m", task("b"), each=over(1)), sub("r", task("c"), retry=Retry(1)), task("d"))
    ).progress.wiring
    done, failed, skipped = TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED
    states = node_states(wiring, {("s", ""): skipped})
    assert (states["s/a"], states["d"]) == (skipped, TaskState.PENDING)
    states = node_states(wiring, {("m", ""): TaskState.RUNNING, ("m", "0.0"): TaskState.RUNNING, ("m/b", "0.0"): done})
    assert states["m/b"] is TaskState.PENDING, "more may come"
    states = node_states(wiring, {("s", ""): TaskState.RUNNING, ("s/a", ""): done})
    assert states["s/a"] is done
    states = node_states(wiring, {("r", ""): done, ("r/c", "0.0"): failed, ("r/c", "0.1"): done})
    assert states["r/c"] is done, "the last round counts"
