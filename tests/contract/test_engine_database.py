"""The engine on real databases, with the inline executor and a calendar that leaps: what a run does on its own."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tidemill import Dataset, Skip, at_end, current, each, pipeline, pushed, task, wait_for
from tidemill.actions.runs import start_run
from tidemill.authoring.trace import trace
from tidemill.core.causes import CauseKind
from tidemill.core.clock import EPOCH
from tidemill.core.history import CommandKind, RunRecord
from tidemill.core.states import AttemptState, RunState
from tidemill.engine.moves import Move
from tidemill.settings import Settings
from tidemill.storage.metadata import artifacts, cache, runs, tables, variables
from tidemill.storage.metadata.database import Connection
from tidemill.storage.metadata.encoding import mapping_in
from tidemill.testing import InlineApp, LeapingClock, attempts_of, events_of, gapless, outputs, states


def ended(home: InlineApp, run: RunRecord, name: str) -> float:
    """Seconds of the calendar from the start of the run to the end of a task run."""
    (event,) = [one for one in events_of(home, run, "task.succeeded") if one.path == name]
    assert run.started_at is not None
    return (event.at - run.started_at).total_seconds()


# --- time ---


@task
def nothing() -> int:
    return 1


@task
def clock_of_the_run(after: int) -> str:
    return current().started_at.isoformat()


@pipeline
def waits_an_hour():
    return clock_of_the_run.options(after=[wait_for(3600)])(nothing())


def test_a_wait_ends_when_its_time_has_come_and_holds_no_attempt(home: InlineApp) -> None:
    run = home.run(waits_an_hour)
    assert ended(home, run, "nothing") == 0
    assert ended(home, run, "wait") == 3600
    assert ended(home, run, "clock_of_the_run") == 3600
    assert attempts_of(home, run, "wait") == []
    assert outputs(home, run, "clock_of_the_run") == {"result": EPOCH.isoformat()}


@task
def tidy_up(ledger: str) -> None:
    note(ledger, "tidied")


@pipeline(timeout=60)
def too_slow(ledger: str):
    nothing.options(after=[wait_for(3600)])()
    with at_end():
        tidy_up.options(role="teardown")(ledger)


def test_a_run_that_takes_too_long_fails_after_its_teardowns(home: InlineApp, tmp_path: Path) -> None:
    run = home.run(too_slow, {"ledger": str(tmp_path / "ledger")})
    assert run.state is RunState.FAILED
    assert run.cause is not None
    assert run.cause.kind is CauseKind.TIMED_OUT
    assert home.clock.now() == EPOCH + timedelta(seconds=60)
    assert states(home, run) == {"wait": "cancelled", "nothing": "cancelled", "tidy_up": "succeeded"}
    assert noted(tmp_path / "ledger") == ["tidied"]


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_calendar_that_jumps_loses_no_timer(home: InlineApp, hours: int) -> None:
    jumps = [timedelta(hours=hours), timedelta(hours=-hours)]
    leases: set[Any] = set()

    def watch(run: RunRecord, moves: Sequence[Move]) -> None:
        with home.database.read() as connection:
            lease = runs.lease(connection, run.id)
        if lease is not None:
            leases.add((lease.owner, lease.epoch))
        if jumps and "wait" in states(home, run):
            home.leaping.set_calendar(home.clock.now() + jumps.pop(0))

    run = home.run(waits_an_hour, watch=watch)
    assert run.state is RunState.SUCCEEDED
    assert len(leases) == 1
    assert gapless(events_of(home, run))


class Nervous(LeapingClock):
    """Jumps back an hour right after it has said for the first time that something is due."""

    def __init__(self, due: datetime) -> None:
        super().__init__()
        self._due = due
        self._jumped = False

    def now(self) -> datetime:
        now = super().now()
        if now >= self._due and not self._jumped:
            self._jumped = True
            self.set_calendar(now - timedelta(hours=1))
        return now


def test_a_calendar_that_jumps_back_at_the_last_moment_puts_the_timer_off(tmp_path: Path) -> None:
    clock = Nervous(EPOCH + timedelta(hours=1))
    with InlineApp(Settings(tmp_path / "home", executor="inline"), clock) as home:
        run = home.run(waits_an_hour)
        assert run.state is RunState.SUCCEEDED
        assert ended(home, run, "wait") == 3600


# --- what is pushed ---


@task(retries=1)
def pushes(fail: int) -> int:
    me = current()
    me.push("tries", me.attempt)
    if me.attempt == 1:
        me.push("only_then", "gone")
    if me.attempt <= fail:
        raise ValueError("after pushing")
    return 5


@task(join="all_done")
def reads(tries: int, only_then: str = "nothing") -> str:
    return f"{tries} {only_then}"


@pipeline
def pushing(fail: int):
    made = pushes(fail)
    reads(pushed(made, "tries"), pushed(made, "only_then"))


def test_what_a_failed_task_pushed_can_be_read(home: InlineApp) -> None:
    run = home.run(pushing, {"fail": 9})
    assert states(home, run) == {"pushes": "failed", "reads": "succeeded"}
    assert outputs(home, run, "pushes") == {"tries": 2}
    assert outputs(home, run, "reads") == {"result": "2 nothing"}


# --- effects ---


@task(retries=2)
def acts(kill: bool = False) -> list:
    first = current().act("emit", name="made", payload=current().attempt)
    if current().attempt == 1:
        if kill:
            os.kill(os.getpid(), 9)
        raise ValueError("after the effect")
    second = current().act("set_variable", name="seen", value=current().attempt)
    return [first, second]


@pipeline
def acting(kill: bool = False):
    return acts(kill)


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_an_effect_happens_once_though_the_task_fails_or_is_killed_after_it(home: InlineApp, executor: str) -> None:
    params = {"kill": executor == "processes"}
    run = start_run(home, trace(acting), params, executor=executor)
    assert run.state is RunState.SUCCEEDED, run.cause
    tried = attempts_of(home, run, "acts")
    assert [one.state for one in tried][-1] is AttemptState.SUCCEEDED
    assert len(tried) == 2
    if executor == "processes":
        assert tried[0].cause is not None
        assert tried[0].cause.signal == "SIGKILL"
    with home.database.read() as connection:
        sent = [mapping_in(payload)["payload"] for payload in told(connection, run)]
        assert variables.get(connection, "default", "seen") == 2
    assert sent == [1]
    answer = outputs(home, run, "acts")["result"]
    assert answer[1] == 2


def told(connection: Connection, run: RunRecord) -> list[Any]:
    """The payloads of all events that were ever sent to a run, consumed ones too."""
    of_run = tables.commands.c.run == run.id, tables.commands.c.kind == CommandKind.EVENT.value
    return list(connection.execute(select(tables.commands.c.payload).where(*of_run)).scalars())


# --- the cache ---


def note(ledger: str | Path, text: str) -> None:
    with open(ledger, "a", encoding="utf-8") as lines:
        lines.write(text + "\n")


def noted(ledger: Path) -> list[str]:
    return ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []


@task(cache="2h", cache_ignore=["ledger"])
def costly(n: int, ledger: str) -> Dataset:
    import pandas as pd

    note(ledger, f"costly {n}")
    return pd.DataFrame({"n": [n, n + 1]})


@task
def summed(rows: Dataset) -> int:
    return int(rows["n"].sum())


@pipeline
def cached(n: int, ledger: str):
    return summed(costly(n, ledger))


def test_a_result_is_reused_until_an_input_changes_and_the_miss_says_so(home: InlineApp, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    first, again, other = (home.run(cached, {"n": n, "ledger": str(ledger)}) for n in (1, 1, 2))
    assert noted(ledger) == ["costly 1", "costly 2"]
    assert [outputs(home, run, "summed")["result"] for run in (first, again, other)] == [3, 3, 5]
    assert outputs(home, again, "costly") == outputs(home, first, "costly")
    (hit,) = [event for event in events_of(home, again, "task.succeeded") if event.path == "costly"]
    assert hit.payload["reused_from"] == f"run {first.id}, costly"
    assert attempts_of(home, again, "costly") == []
    assert miss(home, other, "costly") == "input 'n' changed from 1 to 2"
    assert miss(home, first, "costly") == "it has not run before"


def miss(home: InlineApp, run: RunRecord, name: str) -> str:
    """Why the first attempt of a task run was made."""
    event = next(one for one in events_of(home, run, "attempt.started") if one.path == name)
    return str(event.payload["cache_miss"])


def test_a_result_expires_by_the_calendar(home: InlineApp, tmp_path: Path) -> None:
    params = {"n": 1, "ledger": str(tmp_path / "ledger")}
    home.run(cached, params)
    home.leaping.advance(2 * 3600 - 1)
    home.run(cached, params)
    assert len(noted(tmp_path / "ledger")) == 1, "reusing does not make it younger or older"
    home.leaping.advance(1)
    third = home.run(cached, params)
    assert len(noted(tmp_path / "ledger")) == 2
    assert miss(home, third, "costly") == "the kept result has expired"


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_result_is_computed_again(home: InlineApp, tmp_path: Path, damage: str) -> None:
    params = {"n": 1, "ledger": str(tmp_path / "ledger")}
    first = home.run(cached, params)
    with home.database.read() as connection:
        (made,) = [one for _, one in artifacts.of_run(connection, first.id)]
    (path,) = [one for one in home.artifacts.root.rglob("*") if one.is_file() and one.stat().st_size == made.size]
    path.chmod(0o600)
    if damage == "changed":
        path.write_bytes(bytes(made.size))
    else:
        path.unlink()
    second = home.run(cached, params)
    assert second.state is RunState.SUCCEEDED
    assert noted(tmp_path / "ledger") == ["costly 1", "costly 1"]
    assert outputs(home, second, "summed") == {"result": 3}
    assert miss(home, second, "costly").startswith("the kept result cannot be used: ")
    third = home.run(cached, params)
    assert len(noted(tmp_path / "ledger")) == 2, "what was computed anew is kept"
    assert attempts_of(home, third, "costly") == []


@task(cache=True, cache_ignore=["ledger"], retries=1)
def skips_and_fails(what: str, ledger: str) -> int:
    note(ledger, what)
    if what == "skip":
        raise Skip("nothing to do")
    raise ValueError("never")


@pipeline
def without_result(what: str, ledger: str):
    skips_and_fails(what, ledger)


@pytest.mark.parametrize(("what", "times"), [("skip", 2), ("fail", 4)])
def test_only_a_success_is_kept(home: InlineApp, tmp_path: Path, what: str, times: int) -> None:
    for _ in range(2):
        home.run(without_result, {"what": what, "ledger": str(tmp_path / "ledger")})
    assert noted(tmp_path / "ledger") == [what] * times
    with home.database.read() as connection:
        assert cache.latest_for(connection, "default", "without_result", "skips_and_fails") == []


# --- chance ---


@task
def dice(n: int) -> list:
    import numpy

    return [random.random(), float(numpy.random.random()), current().seed, n]


@pipeline
def gamble():
    each(dice, over={"n": [0, 1]})
    return dice.options(name="one")(7)


def test_the_same_seed_gives_the_same_numbers_on_both_executors(home: InlineApp) -> None:
    kept = random.getstate()
    graph, names = trace(gamble), ("dice[0]", "dice[1]", "one")
    thrown = []
    for executor, seed in (("inline", 1), ("inline", 1), ("processes", 1), ("inline", 2)):
        run = start_run(home, graph, executor=executor, seed=seed)
        thrown.append([outputs(home, run, name)["result"] for name in names])
    assert thrown[0] == thrown[1] == thrown[2]
    assert all(one[0] != other[0] for one, other in zip(thrown[0], thrown[3], strict=True))
    assert len({row[0] for row in thrown[0]}) == 3, "each instance has its own"
    assert random.getstate() == kept
