"""Events within a run, and readers across runs who must miss none, in whatever order the writers commit."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from tests.contract.metadata_records import TEAM, event
from tidemill.core.errors import NotFound
from tidemill.core.history import EventRecord
from tidemill.storage.metadata import events
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.errors import DatabaseConflict


def append(database: Database, *rows: EventRecord, team: str = TEAM) -> None:
    with database.write() as connection:
        events.append(connection, team, rows)


def unread(database: Database, reader: str = "mail", limit: int = 1000) -> list[tuple[str, int]]:
    with database.read() as connection:
        return [(found.run, found.seq) for found in events.unread(connection, reader, limit)]


def subscribe(database: Database, reader: str = "mail", **options: object) -> None:
    with database.write() as connection:
        events.subscribe(connection, reader, **options)  # type: ignore[arg-type]


def acknowledge(database: Database, *rows: EventRecord, reader: str = "mail") -> int:
    with database.write() as connection:
        return events.acknowledge(connection, reader, rows)


def test_events_of_a_run_come_in_order_and_whole(database: Database) -> None:
    rows = [
        event(1, path="a", instance="1.0", payload={"state": "running", "n": 1, "x": 1.0}),
        event(2),
        event(10, kind="run.ended"),
    ]
    append(database, rows[2])
    append(database, *rows[:2], event(1, "r2"))
    with database.read() as connection:
        assert events.read(connection, "r1") == rows
        assert events.read(connection, "r1", after=1) == rows[1:]
        assert events.read(connection, "r1", after=1, limit=1) == rows[1:2]
        assert events.read(connection, "r1", after=10) == []


def test_a_number_is_given_once(database: Database) -> None:
    append(database, event(1))
    with pytest.raises(DatabaseConflict):
        append(database, event(2), event(1))
    with database.read() as connection:
        assert len(events.read(connection, "r1")) == 1


def test_a_reader_gets_what_comes_after_it_subscribed_until_it_acknowledges(database: Database) -> None:
    append(database, event(1))
    subscribe(database)
    append(database, event(2), event(3))
    append(database, event(1, "r0"))
    assert unread(database) == [("r0", 1), ("r1", 2), ("r1", 3)] == unread(database)
    assert unread(database, limit=1) == [("r0", 1)]
    assert acknowledge(database, event(3), event(1, "r0")) == 2
    assert acknowledge(database, event(3)) == 0
    assert acknowledge(database) == 0
    assert unread(database) == [("r1", 2)]


def test_readers_do_not_disturb_each_other(database: Database) -> None:
    subscribe(database, "mail")
    subscribe(database, "slack")
    append(database, event(1))
    acknowledge(database, event(1), reader="slack")
    assert unread(database, "slack") == []
    assert unread(database, "mail") == [("r1", 1)]
    with database.write() as connection:
        events.unsubscribe(connection, "slack")
    append(database, event(2))
    assert unread(database, "mail") == [("r1", 1), ("r1", 2)]
    with pytest.raises(NotFound, match="slack"):
        unread(database, "slack")


def test_a_reader_may_want_some_kinds_of_one_team(database: Database) -> None:
    subscribe(database, team="ours", kinds=["run.ended", "run.started", "run.ended"])
    append(database, event(1, kind="run.started"), event(2), event(3, kind="run.ended"), team="ours")
    append(database, event(1, "r2", kind="run.ended"), team="theirs")
    assert unread(database) == [("r1", 1), ("r1", 3)]
    subscribe(database)
    append(database, event(2, "r2"), team="theirs")
    assert unread(database) == [("r1", 1), ("r1", 3), ("r2", 2)]


def test_a_reader_may_begin_at_the_start(database: Database) -> None:
    append(database, event(1), event(2, kind="run.ended"), team="ours")
    append(database, event(1, "r2", kind="run.ended"), team="theirs")
    subscribe(database, "all", from_start=True)
    subscribe(database, "ends", from_start=True, kinds=["run.ended"])
    subscribe(database, "ours", from_start=True, kinds=["run.ended"], team="ours")
    subscribe(database, "ours", from_start=True, kinds=["run.ended"], team="ours")
    assert unread(database, "all") == [("r1", 1), ("r1", 2), ("r2", 1)]
    assert unread(database, "ends") == [("r1", 2), ("r2", 1)]
    assert unread(database, "ours") == [("r1", 2)]


@pytest.mark.postgres
def test_two_writers_that_commit_in_reverse_order_lose_nothing(postgres_database: str) -> None:
    database, other = Database.open(postgres_database), Database.open(postgres_database)
    subscribe(database)
    with ExitStack() as first, ExitStack() as second:
        early = first.enter_context(database.write())
        events.append(early, TEAM, [event(1, "r1")])
        late = second.enter_context(other.write())
        events.append(late, TEAM, [event(1, "r2")])
        second.close()
        with other.read() as connection:
            seen = events.unread(connection, "mail")
        assert [found.run for found in seen] == ["r2"]
        with other.write() as connection:
            assert events.acknowledge(connection, "mail", seen) == 1
        first.close()
    assert unread(database) == [("r1", 1)]
    database.close()
    other.close()


@pytest.mark.postgres
@pytest.mark.parametrize("from_start", [False, True])
def test_subscribing_waits_for_writers_under_way(postgres_database: str, from_start: bool) -> None:
    database, other = Database.open(postgres_database), Database.open(postgres_database)
    subscriber = threading.Thread(target=subscribe, args=(other,), kwargs={"from_start": from_start})
    with database.write() as connection:
        events.append(connection, TEAM, [event(1)])
        subscriber.start()
        # Until the subscriber is seen to wait for this transaction, or (which would be wrong) is through.
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while subscriber.is_alive() and not connection.exec_driver_sql(waiting).scalar():
            pass
        assert subscriber.is_alive()
        events.append(connection, TEAM, [event(2)])
    subscriber.join()
    append(database, event(3))
    assert unread(database) == ([("r1", 1), ("r1", 2), ("r1", 3)] if from_start else [("r1", 3)])
    database.close()
    other.close()
