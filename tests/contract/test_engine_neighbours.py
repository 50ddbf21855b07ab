"""Several engines and terminals at one database: they share limits, hear of each other, and never write one run both.

Each engine here sweeps once an hour, so that whatever goes on does so because of a hint.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.executor_owner import wait_until_dead
from tidemill import at_end, current, each, pipeline, task, wait_for_approval, wait_for_event
from tidemill.actions.runs import find_run, start_run
from tidemill.actions.signals import approve, emit
from tidemill.authoring.trace import trace
from tidemill.core.errors import StateError
from tidemill.core.history import CommandKind, RunRecord
from tidemill.core.states import AttemptState, RunState, TaskState
from tidemill.engine.moves import KeepPush, Move, Noted, TaskMoved
from tidemill.engine.recover import load
from tidemill.storage.metadata import commands, limits, runs
from tidemill.testing import InlineApp, attempts_of, events_of, gapless, inline_app, outputs, states

PATIENCE = 60.0
HOUR = 3600.0


@contextmanager
def neighbour(home: InlineApp, folder: Path | None = None, sweep: float = HOUR) -> Iterator[InlineApp]:
    """Another process's view of the same database, and of the same folder unless another is given."""
    where = folder or home.settings.home
    with inline_app(where, database_url=home.settings.database, sweep_seconds=sweep) as app:
        yield app


@pytest.fixture
def beside() -> Iterator[Callable[..., Future[RunRecord]]]:
    """Call something in a thread of its own."""
    with ThreadPoolExecutor(8) as threads:
        yield threads.submit


def result(future: Future[RunRecord]) -> RunRecord:
    return future.result(PATIENCE)


def told(signal: threading.Event) -> None:
    assert signal.wait(PATIENCE), "it has not come"


class Seen:
    """A watcher that remembers what happened, and lets others wait for it."""

    def __init__(self, awaited: Callable[[Move], bool]) -> None:
        self._awaited = awaited
        self.moves: list[Move] = []
        self.run = ""
        self.came = threading.Event()

    def __call__(self, run: RunRecord, moves: Sequence[Move]) -> None:
        self.run = run.id
        self.moves += moves
        if any(self._awaited(move) for move in moves):
            self.came.set()


def suspended(path: str) -> Callable[[Move], bool]:
    def is_it(move: Move) -> bool:
        if not isinstance(move, TaskMoved):
            return False
        return (move.record.path, move.record.state) == (path, TaskState.SUSPENDED)

    return is_it


# --- commands from other connections ---


@task
def use(payload: dict, answer: dict) -> list:
    return [payload["rows"], answer["by"] != "", answer["comment"]]


@task
def tidy_up(ledger: str) -> None:
    Path(ledger).write_text("tidied", encoding="utf-8")


@pipeline
def waiting(ledger: str):
    data = wait_for_event("data", key="eu", name="data")
    use(data, wait_for_approval("go?", name="ask", after=[data]))
    with at_end():
        tidy_up.options(role="teardown")(ledger)


def test_an_event_and_an_approval_from_elsewhere_are_heard_at_once(
    home: InlineApp, tmp_path: Path, beside: Callable[..., Future[RunRecord]]
) -> None:
    data, ask = Seen(suspended("data")), Seen(suspended("ask"))

    def watch(run: RunRecord, moves: Sequence[Move]) -> None:
        data(run, moves)
        ask(run, moves)

    with neighbour(home) as engine, neighbour(home) as other:
        params = {"ledger": str(tmp_path / "ledger")}
        running = beside(start_run, engine, trace(waiting), params, watch=watch, debug=True)
        told(data.came)
        emit(other, data.run, "data", "eu", {"rows": 7})
        told(ask.came)
        approve(other, ask.run, "ask", comment="fine")
        assert result(running).state is RunState.SUCCEEDED
    assert outputs(home, data.run, "use") == {"result": [7, True, "fine"]}
    with home.database.read() as connection:
        assert commands.pending(connection, [data.run]) == []


def test_a_task_is_marked_from_elsewhere(
    home: InlineApp, tmp_path: Path, beside: Callable[..., Future[RunRecord]]
) -> None:
    data = Seen(suspended("data"))
    with neighbour(home) as engine, neighbour(home) as other:
        params = {"ledger": str(tmp_path / "ledger")}
        running = beside(start_run, engine, trace(waiting), params, watch=data, debug=True)
        told(data.came)
        with other.database.write() as connection:
            said = {"path": "data", "instance": "", "state": "skipped"}
            commands.add(connection, "default", data.run, CommandKind.MARK, "ann", said, other.clock.now())
        other.doorbell.ring()
        assert result(running).state is RunState.SUCCEEDED
    assert states(home, data.run) == {
        "data": "skipped",
        "ask": "skipped",
        "use": "skipped",
        "tidy_up": "succeeded",
    }


def test_another_terminal_cancels_at_once(
    home: InlineApp, tmp_path: Path, beside: Callable[..., Future[RunRecord]]
) -> None:
    data = Seen(suspended("data"))
    environment = {
        **os.environ,
        "TIDEMILL_HOME": str(home.settings.home),
        "TIDEMILL_DATABASE_URL": home.settings.database,
    }
    with neighbour(home) as engine:
        params = {"ledger": str(tmp_path / "ledger")}
        running = beside(start_run, engine, trace(waiting), params, watch=data, debug=True)
        told(data.came)
        command = [sys.executable, "-m", "tidemill", "cancel", data.run, "--reason", "wrong data"]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        run = result(running)
    assert run.state is RunState.CANCELLED
    assert run.cause is not None
    assert run.cause.message.endswith(": wrong data")
    assert states(home, run) == {
        "data": "cancelled",
        "ask": "cancelled",
        "use": "cancelled",
        "tidy_up": "succeeded",
    }
    assert (tmp_path / "ledger").read_text(encoding="utf-8") == "tidied"


def test_what_no_hint_tells_is_found_by_the_sweep(
    home: InlineApp, tmp_path: Path, beside: Callable[..., Future[RunRecord]]
) -> None:
    data = Seen(suspended("data"))
    # The other one rings in a folder where nobody listens.
    with neighbour(home, sweep=0.05) as engine, neighbour(home, tmp_path / "elsewhere") as other:
        params = {"ledger": str(tmp_path / "ledger")}
        running = beside(start_run, engine, trace(waiting), params, watch=data, debug=True)
        told(data.came)
        with other.database.write() as connection:
            commands.add(connection, "default", data.run, CommandKind.CANCEL, "ann", {}, other.clock.now())
        other.doorbell.ring()
        assert result(running).state is RunState.CANCELLED


# --- limits ---


class Room:
    """Counts who is in a limited task at once, over all engines of this process; the first waits to be let out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self.most = 0
        self.names: list[str] = []
        self.entered = threading.Event()
        self.open = threading.Event()

    def visit(self, name: str) -> None:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
            self.names.append(name)
        self.entered.set()
        told(self.open)
        with self._lock:
            self._inside -= 1


room = Room()


@task(pool="gpu")
def limited(who: str, n: int) -> None:
    room.visit(f"{who}{n}")


@pipeline
def sharing(who: str):
    each(limited, over={"n": [0, 1, 2]}, who=who)


def test_runs_of_two_engines_never_pass_a_limit_and_go_on_as_soon_as_it_is_free(
    home: InlineApp, beside: Callable[..., Future[RunRecord]]
) -> None:
    global room
    room = Room()
    with home.database.write() as connection:
        limits.define(connection, "default", "pool:gpu", 1)
    refused = Seen(lambda move: isinstance(move, Noted) and move.kind == "limit.refused")
    with neighbour(home) as one, neighbour(home) as other:
        first = beside(start_run, one, trace(sharing), {"who": "a"}, debug=True)
        told(room.entered)
        second = beside(start_run, other, trace(sharing), {"who": "b"}, watch=refused, debug=True)
        told(refused.came)
        assert room.names == ["a0"]
        room.open.set()
        ended = [result(first), result(second)]
    assert [run.state for run in ended] == [RunState.SUCCEEDED] * 2
    assert room.most == 1
    assert sorted(room.names) == ["a0", "a1", "a2", "b0", "b1", "b2"]
    (event, *_) = events_of(home, ended[1], "limit.refused")
    assert (event.path, event.payload) == ("limited", {"limit": "pool:gpu"})
    assert all(gapless(events_of(home, run)) for run in ended)
    assert len(attempts_of(home, ended[1], "limited[0]")) == 1, "what was refused was no attempt"
    with home.database.read() as connection:
        assert limits.usage(connection, "default")["pool:gpu"].used == 0


# --- leases ---


@task
def blocks_at_first() -> str:
    if current().attempt == 1:
        current().push("pid", os.getpid())
        time.sleep(PATIENCE)
    return f"attempt {current().attempt}"


@task
def after(text: str) -> str:
    return f"after {text}"


@pipeline
def blocking():
    return after(blocks_at_first())


def test_who_loses_a_run_stops_its_processes_and_writes_no_more(
    home: InlineApp, beside: Callable[..., Future[RunRecord]]
) -> None:
    pushed = Seen(lambda move: isinstance(move, KeepPush))
    with neighbour(home) as first, neighbour(home) as second:
        running = beside(start_run, first, trace(blocking), executor="processes", watch=pushed)
        told(pushed.came)
        (pid,) = [move.pushed.value for move in pushed.moves if isinstance(move, KeepPush)]
        owner = second.owner()
        with second.database.write() as connection:
            lease = runs.lease(connection, pushed.run)
            assert lease is not None
            epoch = runs.steal(connection, lease.run, lease.owner, lease.epoch, lease.renewals, owner.id)
        assert epoch == lease.epoch + 1
        second.doorbell.ring()
        assert result(running).state is RunState.RUNNING, "it let go, and nothing was said of the run"
        wait_until_dead([pid])
        before = events_of(home, pushed.run)
        engine = second.engine(second.executor("inline", debug=True), owner)
        engine.hold(load(second.database, pushed.run, epoch, second.clock.now()))
        engine.run(until=lambda: False)
        engine.close()
        owner.close()
    run = find_run(home, pushed.run)
    assert run.state is RunState.SUCCEEDED
    assert outputs(home, run, "after") == {"result": "after attempt 2"}
    tried = attempts_of(home, run, "blocks_at_first")
    assert [(one.state, one.epoch) for one in tried] == [
        (AttemptState.LOST, lease.epoch),
        (AttemptState.SUCCEEDED, epoch),
    ]
    events = events_of(home, run)
    assert gapless(events)
    assert events[: len(before)] == before


def test_a_run_whose_engine_lives_is_not_for_others(
    home: InlineApp, tmp_path: Path, beside: Callable[..., Future[RunRecord]]
) -> None:
    data = Seen(suspended("data"))
    with neighbour(home) as one, neighbour(home) as other:
        params = {"ledger": str(tmp_path / "ledger")}
        running = beside(start_run, one, trace(waiting), params, watch=data, debug=True, request_key="today")
        told(data.came)
        with pytest.raises(StateError, match="is held by another engine"):
            start_run(other, trace(waiting), params, request_key="today")
        emit(other, data.run, "data", "eu", {"rows": 7})
        with other.database.write() as connection:
            commands.add(connection, "default", data.run, CommandKind.CANCEL, "ann", {}, other.clock.now())
        other.doorbell.ring()
        assert result(running).state is RunState.CANCELLED
    assert {one.epoch for one in attempts_of(home, data.run, "tidy_up")} == {1}


# --- many at once ---


@task
def number(n: int) -> int:
    return n


@task
def total(of: list) -> int:
    return sum(of)


@pipeline
def adding(n: int):
    return total(each(number, over={"n": [0, 1, n]}))


def test_engines_that_submit_runs_of_one_pipeline_at_once(
    home: InlineApp, tmp_path: Path, beside: Callable[..., Future[RunRecord]]
) -> None:
    graph, together = trace(adding), threading.Barrier(3, timeout=PATIENCE)

    def several(app: InlineApp, of: int) -> Any:
        together.wait()
        return [start_run(app, graph, {"n": of + n}, debug=True, request_key=f"{of + n}") for n in range(4)]

    with neighbour(home) as one, neighbour(home) as other, neighbour(home) as third:
        futures = [beside(several, one, 0), beside(several, other, 10)]
        together.wait()
        done = [run for future in futures for run in future.result(PATIENCE)]
        assert [start_run(third, graph, {"n": 3}, request_key="3")] == [done[3]]
    assert {run.state for run in done} == {RunState.SUCCEEDED}
    assert len({run.id for run in done}) == 8
    for run, n in zip(done, [0, 1, 2, 3, 10, 11, 12, 13], strict=True):
        assert outputs(home, run, "total") == {"result": 1 + n}
        assert gapless(events_of(home, run))
        assert [one.number for one in attempts_of(home, run, "total")] == [1]


def test_who_opens_a_home_twice_keeps_its_hold_on_the_database(home: InlineApp) -> None:
    with neighbour(home):
        code = "import sys; from tidemill.storage.metadata.database import Database; Database.open(sys.argv[1]).close()"
        subprocess.run([sys.executable, "-c", code, home.settings.database], check=True)
        run = home.run(adding, {"n": 1})
    assert run.state is RunState.SUCCEEDED
    assert find_run(home, run.id) == run
