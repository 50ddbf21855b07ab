"""The port `Wakeup`, on each adapter: whoever listens hears the others, and nobody ever waits for a hint."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from tests.contract.conftest import BOTH
from tests.contract.executor_owner import PATIENCE
from tidemill.core.ports import Wakeup
from tidemill.engine.doorbell import Doorbell
from tidemill.storage.metadata.connecting import parsed
from tidemill.storage.metadata.notifying import CHANNEL, Notifier

Make = Callable[[str], Wakeup]


class Ear:
    """Counts what it hears."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.heard = 0

    def __call__(self) -> None:
        with self._changed:
            self.heard += 1
            self._changed.notify_all()

    def wait(self, more_than: int) -> int:
        """How much it has heard, once that is more."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.heard > more_than, PATIENCE), f"heard {self.heard}"
            return self.heard


@pytest.fixture(params=BOTH)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """A wake-up with a name; "" for one that only rings."""
    made: list[Wakeup] = []

    def one(name: str) -> Wakeup:
        if request.param == "sqlite":
            made.append(Doorbell(tmp_path, name))
        else:
            made.append(Notifier(parsed(request.getfixturevalue("postgres_database")), retry_s=0.05))
        return made[-1]

    yield one
    for wakeup in made:
        wakeup.close()


def heard_by(listener: Wakeup, ear: Ear, ringing: Wakeup) -> int:
    """Ring until it is heard: a listener may just be about to listen."""
    before = ear.heard
    for _ in range(1000):
        ringing.ring()
        with ear._changed:
            if ear._changed.wait_for(lambda: ear.heard > before, 0.2):
                return ear.heard
    raise AssertionError("nothing was heard")


def test_whoever_listens_hears_the_others(make: Make) -> None:
    ringing, first, second = make(""), make("one"), make("two")
    one, two = Ear(), Ear()
    first.listen(one)
    second.listen(two)
    heard_by(first, one, ringing)
    heard_by(second, two, ringing)
    heard_by(first, one, second)
    heard_by(second, two, first)


def test_nobody_hears_himself(make: Make) -> None:
    first, second = make("one"), make("two")
    one, two = Ear(), Ear()
    first.listen(one)
    second.listen(two)
    # Whoever has just been connected may have missed something.
    settled = one.wait(0) if isinstance(first, Notifier) else 0
    for _ in range(5):
        heard_by(second, two, first)
    assert one.heard == settled
    heard_by(first, one, second)


def test_ringing_where_nobody_listens(make: Make) -> None:
    wakeup = make("")
    for _ in range(100):
        wakeup.ring()


def test_after_the_end_nothing_is_heard_and_nothing_is_wrong(make: Make) -> None:
    ringing, first, second = make(""), make("one"), make("two")
    one, two = Ear(), Ear()
    first.listen(one)
    second.listen(two)
    heard_by(first, one, ringing)
    first.close()
    settled = one.heard
    heard_by(second, two, ringing)
    assert one.heard == settled
    first.close()
    first.ring()
    ringing.close()
    ringing.ring()


def test_a_last_ring_is_still_sent(make: Make) -> None:
    """A command that rings ends at once."""
    listening, ear = make("one"), Ear()
    listening.listen(ear)
    heard_by(listening, ear, make(""))
    for _ in range(3):
        before = ear.heard
        short = make("")
        short.ring()
        short.close()
        ear.wait(before)


def test_from_many_threads(make: Make) -> None:
    ringing, listening, ear = make(""), make("one"), Ear()
    listening.listen(ear)
    heard_by(listening, ear, ringing)
    threads = [threading.Thread(target=lambda: [ringing.ring() for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heard_by(listening, ear, ringing)


# --- PostgreSQL alone -------------------------------------------------------------------------------------------------


def _admin(url: str) -> Any:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


def test_a_connection_that_is_cut_is_made_again_and_what_was_missed_is_told(postgres_database: str) -> None:
    address = parsed(postgres_database)
    listening, ringing, ear = Notifier(address, retry_s=0.05), Notifier(address, retry_s=0.05), Ear()
    listening.listen(ear)
    heard_by(listening, ear, ringing)
    with _admin(postgres_database) as connection:
        for _ in range(3):
            before = ear.heard
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            # Nobody rings: it is woken because something may have been missed.
            ear.wait(before)
        heard_by(listening, ear, ringing)
    listening.close()
    ringing.close()


def test_a_server_that_is_not_there_keeps_nobody_waiting() -> None:
    wakeup = Notifier(parsed("postgresql://nobody@localhost:1/nothing"), retry_s=0.05)
    wakeup.listen(lambda: None)
    wakeup.ring()
    wakeup.close()


def test_it_is_a_hint_without_content(postgres_database: str) -> None:
    """Other programs may ring as well, and read nothing from it."""
    listening, ear = Notifier(parsed(postgres_database)), Ear()
    listening.listen(ear)
    before = ear.wait(0)
    with _admin(postgres_database) as connection:
        connection.execute(f"NOTIFY {CHANNEL}, 'whatever'")
    ear.wait(before)
    with _admin(postgres_database) as connection:
        connection.execute(f"LISTEN {CHANNEL}")
        listening.ring()
        (notice,) = connection.notifies(timeout=PATIENCE, stop_after=1)
        assert notice.payload == ""
    listening.close()
