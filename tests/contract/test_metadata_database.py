"""Opening a database, its transactions, and what it says when something is wrong."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import exc, make_url, text

from tests.contract.metadata_records import NOW, TEAM
from tidemill.core import crash
from tidemill.core.errors import InputError, StorageError
from tidemill.storage.metadata import connecting, definitions, limits, variables
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.errors import (
    DatabaseBusy,
    DatabaseConflict,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseUnavailable,
    explained,
)

OPEN_AND_CRASH = """
import os, sys
from datetime import UTC, datetime
from tidemill.core import crash
from tidemill.storage.metadata import variables
from tidemill.storage.metadata.database import Database
database = Database.open(sys.argv[1])
crash.arm(sys.argv[2], lambda: os._exit(9))
with database.write() as connection:
    variables.put(connection, "default", "x", 1, datetime.now(UTC))
"""

OPEN_AND_COUNT = """
import sys
from datetime import UTC, datetime
from tidemill.storage.metadata import variables
from tidemill.storage.metadata.database import Database
print("ready", flush=True)
sys.stdin.readline()
database = Database.open(sys.argv[1])
for n in range(20):
    with database.write() as connection:
        variables.put(connection, "default", f"{sys.argv[2]}-{n}", n, datetime.now(UTC))
database.close()
"""


def put(database: Database, key: str, value: object) -> None:
    with database.write() as connection:
        variables.put(connection, TEAM, key, value, NOW)


def keys(database: Database) -> set[str]:
    with database.read() as connection:
        return set(variables.listing(connection, TEAM))


def test_what_was_written_is_there_after_opening_again(database_url: str) -> None:
    first = Database.open(database_url)
    put(first, "x", 1)
    first.close()
    first.close()
    second = Database.open(database_url)
    assert keys(second) == {"x"}
    assert second.dialect in second.url
    second.close()


def test_an_exception_undoes_the_whole_write(database: Database) -> None:
    def half() -> None:
        with database.write() as connection:
            variables.put(connection, TEAM, "x", 1, NOW)
            raise LookupError

    with pytest.raises(LookupError):
        half()
    assert keys(database) == set()


def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(DatabaseReadOnly), database.read() as connection:
        variables.put(connection, TEAM, "x", 1, NOW)
    put(database, "y", 1)
    assert keys(database) == {"y"}


def test_a_read_sees_one_moment(database: Database) -> None:
    put(database, "x", 1)
    with database.read() as connection:
        assert set(variables.listing(connection, TEAM)) == {"x"}
        put(database, "y", 2)
        assert set(variables.listing(connection, TEAM)) == {"x"}
    assert keys(database) == {"x", "y"}


def test_a_write_in_a_write_is_refused_before_it_waits_for_itself(database: Database) -> None:
    with database.write(), pytest.raises(RuntimeError, match="write inside a write"), database.write():
        pass
    put(database, "x", 1)


def test_threads_write_one_after_the_other(database: Database) -> None:
    def raise_(_: int) -> None:
        with database.write() as connection:
            connection.execute(text("UPDATE limits SET used = used + 1"))

    with database.write() as connection:
        limits.define(connection, TEAM, "pool:x", 1)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(raise_, range(80)))
    with database.read() as connection:
        assert limits.usage(connection, TEAM)["pool:x"].used == 80


def test_processes_may_open_a_fresh_database_at_once(database_url: str) -> None:
    names = ("first", "second", "third", "fourth")
    command = [sys.executable, "-c", OPEN_AND_COUNT, database_url]
    processes = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in names
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    database = Database.open(database_url)
    assert keys(database) == {f"{name}-{n}" for name in names for n in range(20)}
    database.close()


@pytest.mark.parametrize(("point", "kept"), [("metadata.before-commit", False), ("metadata.after-commit", True)])
def test_a_kill_around_the_commit_loses_all_or_nothing(database_url: str, point: str, kept: bool) -> None:
    assert point in crash.registered()
    process = subprocess.run([sys.executable, "-c", OPEN_AND_CRASH, database_url, point], check=False)
    assert process.returncode == 9
    database = Database.open(database_url)
    assert keys(database) == ({"x"} if kept else set())
    put(database, "y", 1)
    database.close()


def test_a_closed_database_says_so(database: Database) -> None:
    database.close()
    with pytest.raises(DatabaseUnavailable, match="closed"), database.read():
        pass


# --- errors -----------------------------------------------------------------------------------------------------------


def test_a_row_that_is_there_already(database: Database) -> None:
    broken = text("INSERT INTO variables (team, key, value, changed_at) VALUES ('t', 'k', 'top-secret', '')")
    with database.write() as connection:
        connection.execute(broken)
    with pytest.raises(DatabaseConflict) as caught, database.write() as connection:
        connection.execute(broken)
    assert "top-secret" not in str(caught.value)
    assert caught.value.code == "database-conflict"


def test_a_defect_in_a_statement_quotes_no_values(database: Database) -> None:
    with pytest.raises(StorageError) as caught, database.write() as connection:
        connection.execute(text("INSERT INTO nothing VALUES (:value)"), {"value": "top-secret"})
    assert "top-secret" not in str(caught.value)
    assert "nothing" in caught.value.message
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_another_process_that_holds_the_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "BUSY_S", 0.05)
    one, other = Database.open(database_url), Database.open(database_url)
    # SQLite has one writer in all, PostgreSQL one for each row.
    put(one, "x", 1)
    with one.write() as connection:
        variables.put(connection, TEAM, "x", 2, NOW)
        with pytest.raises(DatabaseBusy) as caught:
            put(other, "x", 3)
    assert "try again" in caught.value.remedy
    put(other, "x", 4)
    one.close()
    other.close()


def test_sqlite_without_room(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'x.db'}")

    def fill() -> None:
        with database.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
            definitions.put(connection, TEAM, "d", "n", "x" * 1_000_000, NOW)

    with pytest.raises(DatabaseFull, match="no room"):
        fill()
    database.close()


def test_sqlite_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is not a database, though it is long enough to be looked at" * 20)
    with pytest.raises(DatabaseUnavailable, match="not a SQLite database"):
        Database.open(f"sqlite:///{path}")
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match="cannot be created"):
        Database.open(f"sqlite:///{tmp_path / 'file' / 'x.db'}")
    with pytest.raises(DatabaseUnavailable):
        Database.open(f"sqlite:///{tmp_path}")


def test_sqlite_read_only(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    Database.open(f"sqlite:///{path}").close()
    database = Database.open(f"sqlite:///{path}")

    def write() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("PRAGMA query_only=ON")
            variables.put(connection, TEAM, "x", 1, NOW)

    with pytest.raises(DatabaseReadOnly, match="cannot be changed"):
        write()
    database.close()


def test_sqlite_keeps_what_it_promises(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "home" / "x.db"
    database = Database.open(f"sqlite:///{path}")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with database.write() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        # The right to write is there from the first moment, before anything is written.
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
    database.close()


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    database = Database.open("sqlite:///home/x.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    put(database, "x", 1)
    database.close()
    assert [path.name for path in tmp_path.rglob("*.db")] == ["x.db"]
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense s3cret", "cannot be read"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///x.db?mode=ro", "no options"),
        ("mysql://ann:s3cret@host/db", "'mysql'"),
        ("postgresql://ann:s3cret@host", "no database"),
        ("postgresql://ann:s3cret@host:port/db", "cannot be read"),
    ],
)
def test_urls_that_cannot_be_used(url: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        Database.open(url)
    assert caught.value.remedy
    assert "s3cret" not in str(caught.value)


def test_a_server_that_is_not_there_and_a_password_that_stays_here() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        Database.open("postgresql://ann:s3cret@127.0.0.1:1/db?password=0ther&options=-csearch_path%3Ds3cret")
    assert "postgresql+psycopg://ann:***@127.0.0.1:1/db" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "0ther" not in str(caught.value)
    assert "TIDEMILL_DATABASE_URL" in caught.value.remedy


@pytest.mark.postgres
def test_a_database_that_is_not_there(postgres_url: str) -> None:
    url = make_url(postgres_url).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(DatabaseUnavailable, match="nowhere"):
        Database.open(url)


@pytest.mark.postgres
def test_a_server_that_repeats_the_password(postgres_database: str) -> None:
    # This server trusts whoever comes by its socket, whatever the password.
    url = make_url(postgres_database).set(password="s3cret")
    database = Database.open(url.render_as_string(hide_password=False))
    with pytest.raises(StorageError, match=r"you said \*\*\*") as caught, database.write() as connection:
        connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'you said s3cret'; END $$")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    database.close()


@pytest.mark.postgres
def test_a_server_that_drops_the_connection(postgres_database: str) -> None:
    database = Database.open(postgres_database)

    def write() -> None:
        with database.write() as connection:
            victim = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            done = threading.Thread(target=_terminate, args=(database, victim))
            done.start()
            done.join()
            variables.put(connection, TEAM, "x", 1, NOW)

    with pytest.raises(DatabaseUnavailable):
        write()
    put(database, "y", 1)
    assert keys(database) == {"y"}
    database.close()


def _terminate(database: Database, victim: object) -> None:
    with database.write() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:victim)"), {"victim": victim})


@pytest.mark.parametrize("url", ["postgresql://ann:s3cret@host/db", "postgres://ann:s3cret@host/db?password=s3cret"])
def test_a_password_is_not_shown(url: str) -> None:
    assert "s3cret" not in connecting.shown(connecting.parsed(url))


def test_a_password_in_the_words_of_the_driver_is_blotted_out() -> None:
    said = sqlite3.OperationalError("cannot log in with s3cret or 0ther\nDETAIL: top-secret")
    url = connecting.parsed("postgresql://ann:s3cret@host/db?password=0ther")
    error = explained(exc.OperationalError("SELECT 1", {"x": "top-secret"}, said), "here", connecting.secrets_of(url))
    assert error.message.endswith("cannot log in with *** or ***")
    assert isinstance(error, DatabaseUnavailable)


class BusyTwice(sqlite3.Connection):
    """A file whose journal another process is switching: SQLite says "locked" at once, without its usual wait."""

    refusals = 2

    def execute(self, sql: str, *arguments: object) -> sqlite3.Cursor:
        if "journal_mode" in sql and self.refusals:
            self.refusals -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return super().execute(sql, *arguments)


def test_switching_the_journal_waits_for_others_that_do_the_same(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", factory=BusyTwice)
    connecting._use_write_ahead_log(connection)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
