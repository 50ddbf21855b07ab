"""Limits: the sum of the claims never passes the limit, whoever claims at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.contract.metadata_records import TEAM
from tidemill.core.errors import InputError
from tidemill.storage.metadata import limits
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.limits import LimitUse


def define(database: Database, key: str, slots: int | None) -> None:
    with database.write() as connection:
        limits.define(connection, TEAM, key, slots)


def claim(database: Database, attempt: str, key: str = "pool:gpu", slots: int = 1, team: str = TEAM) -> bool:
    with database.write() as connection:
        return limits.claim(connection, team, attempt, "r1", key, slots)


def release(database: Database, *attempts: str) -> frozenset[str]:
    with database.write() as connection:
        return limits.release(connection, attempts)


def usage(database: Database, team: str = TEAM) -> dict[str, LimitUse]:
    with database.read() as connection:
        return limits.usage(connection, team)


def test_claims_stay_within_the_limit(database: Database) -> None:
    define(database, "pool:gpu", 3)
    assert claim(database, "a1", slots=2)
    assert not claim(database, "a2", slots=2)
    assert claim(database, "a2")
    assert not claim(database, "a3")
    assert claim(database, "a1", slots=2), "it has them already"
    assert usage(database) == {"pool:gpu": LimitUse(3, 3)}
    assert release(database, "a1", "nobody") == {"pool:gpu"}
    assert release(database, "a1") == frozenset()
    assert usage(database) == {"pool:gpu": LimitUse(3, 1)}
    assert claim(database, "a3", slots=2)


def test_a_key_without_a_limit_is_counted_and_never_refused(database: Database) -> None:
    assert claim(database, "a1", slots=1000)
    assert claim(database, "a2", slots=1000)
    assert usage(database) == {"pool:gpu": LimitUse(None, 2000)}
    define(database, "pool:gpu", 2000)
    assert not claim(database, "a3")
    define(database, "pool:gpu", None)
    assert claim(database, "a3")


def test_a_limit_may_shrink_below_what_is_claimed(database: Database) -> None:
    define(database, "pool:gpu", 3)
    for attempt in ("a1", "a2", "a3"):
        assert claim(database, attempt)
    define(database, "pool:gpu", 1)
    assert usage(database) == {"pool:gpu": LimitUse(1, 3)}
    release(database, "a1", "a2")
    assert not claim(database, "a4")
    release(database, "a3")
    assert claim(database, "a4")
    define(database, "pool:none", 0)
    assert not claim(database, "a4", "pool:none")


def test_an_attempt_gives_back_all_its_keys_at_once(database: Database) -> None:
    for key in ("pool:b", "pool:a"):
        define(database, key, 1)
        assert claim(database, "a1", key)
    assert claim(database, "a1", "pool:a", team="other") is True
    assert release(database, "a1") == {"pool:a", "pool:b"}
    assert {key: use.used for key, use in usage(database).items()} == {"pool:a": 0, "pool:b": 0}


def test_teams_have_limits_of_their_own(database: Database) -> None:
    define(database, "pool:gpu", 1)
    assert claim(database, "a1")
    assert claim(database, "a2", team="other")
    assert usage(database, "other") == {"pool:gpu": LimitUse(None, 1)}


def test_senseless_numbers_are_refused(database: Database) -> None:
    with pytest.raises(InputError):
        define(database, "pool:gpu", -1)
    with pytest.raises(InputError):
        claim(database, "a1", slots=0)


def test_many_writers_get_no_more_than_there_is(database_url: str) -> None:
    databases = [Database.open(database_url) for _ in range(2)]
    define(databases[0], "pool:gpu", 10)

    def attempt(n: int) -> bool:
        return claim(databases[n % 2], f"a{n}") and claim(databases[n % 2], f"a{n}", "free")

    with ThreadPoolExecutor(8) as threads:
        granted = list(threads.map(attempt, range(60)))
    assert sum(granted) == 10
    assert usage(databases[0]) == {"free": LimitUse(None, 10), "pool:gpu": LimitUse(10, 10)}
    for database in databases:
        database.close()


@pytest.mark.postgres
def test_a_claim_waits_for_one_under_way(postgres_database: str) -> None:
    one, two = Database.open(postgres_database), Database.open(postgres_database)
    define(one, "pool:gpu", 1)
    answers: list[bool] = []
    second = threading.Thread(target=lambda: answers.append(claim(two, "a2")))
    with ExitStack() as stack:
        connection = stack.enter_context(one.write())
        assert limits.claim(connection, TEAM, "a1", "r1", "pool:gpu")
        second.start()
        while (
            second.is_alive()
            and not connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar()
        ):
            pass
    second.join()
    assert answers == [False]
    one.close()
    two.close()
