"""Runs: records come back as they were, states move by the table, names are found."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.metadata_records import NOW, TEAM, later, run
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.errors import InputError, NotFound, StateError
from tidemill.core.states import RunState
from tidemill.core.values import ArtifactRef, compact, encode
from tidemill.storage.metadata import runs
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.errors import DatabaseConflict

FULL = run(
    "r-full",
    team="other",
    params={
        "n": 1,
        "x": 1.0,
        "nested": {"$artifact": [1, 2.5, None, True]},
        "when": NOW,
        "data": ArtifactRef("a", (1,)),
    },
    state=RunState.FAILED,
    request_key="key",
    scheduled_for=later(-3600),
    interval_start=later(-7200),
    interval_end=later(-3600),
    started_at=later(1),
    ended_at=later(2.000001),
    seed=2**62,
    generation=3,
    priority=-5,
    actor="ann",
    cause=Cause(CauseKind.USER_CODE, "it broke", classes=("ValueError",), traceback="...", exit_code=1),
    executor="processes",
    entry="churn.py",
    previous="r-before",
    tags={"stage": "test"},
    next_seq=17,
)


def store(database: Database, *records: runs.RunRecord) -> None:
    with database.write() as connection:
        for record in records:
            runs.insert(connection, record)


def stored(database: Database, id_: str = "r1") -> runs.RunRecord:
    with database.read() as connection:
        return runs.get(connection, id_)


def test_every_field_comes_back(database: Database) -> None:
    store(database, FULL, run())
    assert stored(database, FULL.id) == FULL
    assert stored(database) == run()
    assert [type(stored(database, FULL.id).params[key]) for key in ("n", "x")] == [int, float]


def test_moments_are_kept_in_utc(database: Database) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    store(database, run(created_at=elsewhere))
    assert stored(database).created_at == NOW
    with pytest.raises(ValueError, match="time zone"):
        store(database, run("r2", created_at=datetime(2026, 1, 1)))  # noqa: DTZ001


SERIAL = itertools.count(1000)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False)
    | st.text()
    | st.datetimes()
    | st.timedeltas(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(params=st.dictionaries(st.text(), VALUES, max_size=4))
def test_any_value_comes_back(database: Database, params: dict[str, object]) -> None:
    id_ = f"r{next(SERIAL)}"
    store(database, run(id_, params=params))
    # Equality tells neither 1 from 1.0 nor the order of keys; the text does.
    assert compact(encode(stored(database, id_).params)) == compact(encode(params))


@pytest.mark.parametrize("text", ["half \ud800 a pair", "zero \0 byte", "\u2028 \U0001f600"])
def test_text_that_databases_dislike_is_kept_inside_records(database: Database, text: str) -> None:
    store(database, run(cause=Cause(CauseKind.USER_CODE, text)))
    assert stored(database).cause == Cause(CauseKind.USER_CODE, text)


def test_names_that_cannot_be_stored_are_refused_before_the_database_sees_them(database: Database) -> None:
    with pytest.raises(InputError, match="actor"):
        store(database, run(actor="an\0n"))


# --- insert -----------------------------------------------------------------------------------------------------------


def test_submitting_twice_is_one_run(database: Database) -> None:
    first, again = run("r1", request_key="k"), run("r2", request_key="k", params={"other": 1})
    with database.write() as connection:
        assert runs.insert(connection, first) == first
        assert runs.insert(connection, again) == first
    with database.write() as connection:
        assert runs.insert(connection, again) == first
        assert runs.insert(connection, replace(again, team="other")).id == "r2"
    with database.read() as connection:
        assert [found.id for found in runs.listing(connection, TEAM)] == ["r1"]


def test_runs_without_a_request_key_are_never_the_same(database: Database) -> None:
    store(database, run("r1"), run("r2"))
    with database.read() as connection:
        assert len(runs.listing(connection, TEAM)) == 2


def test_an_id_is_given_once(database: Database) -> None:
    store(database, run())
    with pytest.raises(DatabaseConflict):
        store(database, run(request_key="another"))


# --- finding ----------------------------------------------------------------------------------------------------------


def test_a_run_is_found_by_the_beginning_of_its_id(database: Database) -> None:
    store(database, run("abc1"), run("abc2"), run("abc"), run("b%d"), run("x", team="other"))
    with database.read() as connection:
        assert runs.find(connection, TEAM, "abc1").id == "abc1"
        assert runs.find(connection, TEAM, "b").id == "b%d"
        assert runs.find(connection, TEAM, "abc").id == "abc"
        with pytest.raises(InputError, match="several") as several:
            runs.find(connection, TEAM, "ab")
        assert "abc, abc1, abc2" in several.value.remedy
        for wrong in ("x", "%", "abc3"):
            with pytest.raises(NotFound) as missing:
                runs.find(connection, TEAM, wrong)
            assert "tidemill runs" in missing.value.remedy
        with pytest.raises(NotFound):
            runs.get(connection, "nowhere")


def test_listing_is_newest_first_and_goes_on_page_by_page(database: Database) -> None:
    same_moment = [run(f"s{n}", created_at=later(5)) for n in range(3)]
    store(database, run("old"), *same_moment, run("new", created_at=later(9)), run("theirs", team="other"))
    store(database, run("eval", pipeline="eval", state=RunState.FAILED, created_at=later(7)))
    with database.read() as connection:
        pages: list[str] = []
        before = None
        while page := runs.listing(connection, TEAM, limit=2, before=before):
            pages += [found.id for found in page]
            before = page[-1].id
        assert pages == ["new", "eval", "s2", "s1", "s0", "old"]
        assert [found.id for found in runs.listing(connection, TEAM, pipeline="eval")] == ["eval"]
        assert [found.id for found in runs.listing(connection, TEAM, state=RunState.FAILED)] == ["eval"]
        assert runs.listing(connection, TEAM, pipeline="churn", state=RunState.FAILED) == []


def test_the_previous_run_is_the_one_due_before_whenever_it_was_made(database: Database) -> None:
    days = [run(f"day{n}", scheduled_for=later(86400 * n), created_at=later(86400 * n)) for n in range(3)]
    backfill = run("backfill", scheduled_for=later(86400 * 0.5), created_at=later(86400 * 9))
    by_hand = run("hand", created_at=later(86400 * 1.5))
    interval = run("interval", interval_start=later(-10), created_at=later(86400 * 8))
    store(database, *days, backfill, by_hand, interval, run("theirs", team="other"), run("eval", pipeline="eval"))
    with database.read() as connection:
        before = {
            record.id: runs.previous(connection, TEAM, "churn", record)
            for record in (*days, backfill, by_hand, interval)
        }
    assert before == {
        "interval": None,
        "day0": "interval",
        "backfill": "day0",
        "day1": "backfill",
        "hand": "day1",
        "day2": "hand",
    }


# --- moves ------------------------------------------------------------------------------------------------------------


def test_a_move_is_made_once(database: Database) -> None:
    store(database, run(state=RunState.QUEUED))
    started = run(state=RunState.RUNNING, started_at=later(1))
    ended = run(
        state=RunState.FAILED,
        started_at=later(1),
        ended_at=later(2),
        cause=Cause(CauseKind.INFRASTRUCTURE, "killed", signal="SIGKILL"),
    )
    with database.write() as connection:
        assert runs.change(connection, started, RunState.QUEUED)
        assert not runs.change(connection, started, RunState.QUEUED)
        assert runs.change(connection, ended, RunState.RUNNING)
        assert not runs.change(connection, replace(ended, state=RunState.SUCCEEDED), RunState.RUNNING)
        assert not runs.change(connection, replace(started, id="nobody"), RunState.QUEUED)
    assert stored(database) == ended


def test_only_legal_moves_are_made(database: Database) -> None:
    store(database, run(state=RunState.SUCCEEDED))
    with database.write() as connection:
        with pytest.raises(StateError):
            runs.change(connection, run(state=RunState.FAILED), RunState.SUCCEEDED)
        with pytest.raises(StateError):
            runs.change(connection, run(state=RunState.RUNNING), RunState.RUNNING)
        # Out of an end only into the next generation.
        assert not runs.change(connection, run(state=RunState.RUNNING), RunState.SUCCEEDED)
        assert not runs.change(connection, run(state=RunState.RUNNING, generation=2), RunState.SUCCEEDED)
        assert runs.change(connection, run(state=RunState.RUNNING, generation=1), RunState.SUCCEEDED)
        assert not runs.change(connection, run(state=RunState.FAILED, generation=0), RunState.RUNNING)
    assert stored(database) == run(generation=1)


# --- the lease --------------------------------------------------------------------------------------------------------


def test_a_lease_is_taken_once(database: Database) -> None:
    store(database, run())
    with database.write() as connection:
        assert runs.take(connection, "r1", "one") == 1
        assert runs.take(connection, "r1", "two") is None
        assert runs.take(connection, "r1", "one") is None
        assert runs.take(connection, "nobody", "one") is None
        assert runs.held(connection) == [("r1", "one", 1, 1)]
        assert not runs.release(connection, "r1", "two", 1)
        assert not runs.release(connection, "r1", "one", 2)
        assert runs.release(connection, "r1", "one", 1)
        assert runs.take(connection, "r1", "two") == 2


def test_a_lease_is_stolen_only_if_nothing_moved_since_it_was_seen(database: Database) -> None:
    store(database, run("r1"), run("r2"))
    with database.write() as connection:
        for id_ in ("r1", "r2"):
            runs.take(connection, id_, "one")
        seen, also_seen = runs.held(connection)
        assert runs.renew(connection, "one") == 2
        assert runs.renew(connection, "two") == 0
        assert runs.steal(connection, *seen, "two") is None
        seen, also_seen = runs.held(connection)
        assert runs.steal(connection, *seen, "two") == 2
        assert runs.steal(connection, *seen, "three") is None
        # Given back and taken again by the same owner in between: not what was seen.
        runs.release(connection, "r2", "one", 1)
        runs.take(connection, "r2", "one")
        assert runs.steal(connection, *also_seen, "two") is None
        assert [lease.owner for lease in runs.held(connection)] == ["two", "one"]
        with pytest.raises(ValueError, match="owner"):
            runs.take(connection, "r1", "")


def test_whoever_lost_the_lease_writes_nothing(database: Database) -> None:
    store(database, run())
    with database.write() as connection:
        epoch = runs.take(connection, "r1", "one")
        assert epoch is not None
        assert runs.guard(connection, "r1", "one", epoch, 5)
        assert runs.guard(connection, "r1", "one", epoch, 5)
        assert not runs.guard(connection, "r1", "one", epoch, 4)
        assert not runs.guard(connection, "r1", "two", epoch, 6)
        assert runs.get(connection, "r1").next_seq == 5
        assert runs.steal(connection, *runs.held(connection)[0], "one") == 2
        assert not runs.guard(connection, "r1", "one", epoch, 6)
        assert runs.guard(connection, "r1", "one", 2, 6)


def test_two_writers_of_one_run_wait_for_each_other(database_url: str) -> None:
    one, two = Database.open(database_url), Database.open(database_url)
    store(one, run())
    with one.write() as connection:
        assert runs.take(connection, "r1", "one") == 1
    with two.write() as connection:
        assert runs.take(connection, "r1", "two") is None
    one.close()
    two.close()


def test_claimable_runs_come_by_priority_then_id(database: Database) -> None:
    store(
        database,
        run("r1"),
        run("r2", state=RunState.QUEUED, priority=5),
        run("r3", state=RunState.CANCELLING, priority=5),
        run("r4", state=RunState.SUCCEEDED, priority=9),
        run("r5"),
        run("r6", priority=9),
    )
    with database.write() as connection:
        runs.take(connection, "r6", "one")
        assert runs.claimable(connection) == ["r2", "r3", "r1", "r5"]
        assert runs.claimable(connection, limit=1) == ["r2"]
        assert runs.set_priority(connection, "r5", 7)
        assert not runs.set_priority(connection, "nobody", 7)
        assert runs.claimable(connection) == ["r5", "r2", "r3", "r1"]
