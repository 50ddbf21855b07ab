"""Every past schema becomes the current one, and the sum of all steps is what `tables.py` says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, make_url, text

from tidemill.storage.metadata import schema, tables
from tidemill.storage.metadata.connecting import Engines, connected, parsed
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.errors import SchemaForeign, SchemaTooNew
from tidemill.storage.metadata.migrations import upgrade as upgrading

STEPS = Path(upgrading.__file__).parent / "versions"

NEXT_STEP = '''
"""Adds a column."""
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("variables", sa.Column("note", sa.Text()))
    if {fails}:
        op.execute("SELECT * FROM nothing")
'''

UPGRADE_AND_CRASH = """
import os, sys
from pathlib import Path
from tidemill.core import crash
from tidemill.storage.metadata.connecting import connected, parsed
from tidemill.storage.metadata.migrations.upgrade import upgrade
steps = []
crash.arm("metadata.migration-step", lambda: steps.append(1) or len(steps) < int(sys.argv[3]) or os._exit(9))
with connected(parsed(sys.argv[1])).writing.begin() as connection:
    upgrade(connection, versions=Path(sys.argv[2]))
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tidemill.db'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
def engines(url: str) -> Iterator[Engines]:
    engines = connected(parsed(url))
    yield engines
    engines.writing.dispose()
    engines.reading.dispose()


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """A copy of the steps, to which a test may add."""
    folder = tmp_path / "versions"
    folder.mkdir()
    for step in STEPS.glob("0*.py"):
        (folder / step.name).write_text(step.read_text())
    return folder


def described(connection: Connection) -> Any:
    """All that the database says of its schema, in a form that can be compared."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"))
        return [(*key, " ".join(str(sql).replace('"', "").split())) for *key, sql in rows]
    columns = text(
        "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default, is_identity,"
        " ordinal_position FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 8"
    )
    indexes = text("SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2")
    constraints = text(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
    )
    sequences = text("SELECT sequencename, data_type::text FROM pg_sequences ORDER BY 1")
    return [
        tuple(row) for query in (columns, indexes, constraints, sequences) for row in connection.execute(query).all()
    ]


def current(connection: Connection) -> str | None:
    return schema.version(connection)


def test_the_sum_of_all_steps_is_what_the_tables_say(engines: Engines) -> None:
    found = []
    for build in (upgrading.upgrade, lambda connection: schema.create(connection, "")):
        with engines.writing.connect() as connection, connection.begin() as transaction:
            build(connection)
            assert current(connection) == tables.SCHEMA
            found.append(described(connection))
            transaction.rollback()
    migrated, created = found
    assert migrated == created
    assert set(tables.metadata.tables) <= {row[2] if len(row) == 4 else row[0] for row in created}


def test_the_newest_step_is_the_one_that_the_tables_name() -> None:
    config = Config()
    config.set_main_option("script_location", str(STEPS.parent))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [tables.SCHEMA]
    names = [step.revision for step in scripts.walk_revisions()]
    assert sorted(names) == [f"{n:04}" for n in range(1, len(names) + 1)]
    for step in scripts.walk_revisions():
        assert Path(step.path).name.startswith(f"{step.revision}_")


def test_every_table_belongs_to_a_team() -> None:
    assert [table.name for table in tables.metadata.sorted_tables if "team" not in table.c] == []


def test_a_fresh_database_gets_the_current_schema_in_one_step(url: str, engines: Engines) -> None:
    Database.open(url).close()
    with engines.reading.connect() as connection:
        assert current(connection) == tables.SCHEMA
        assert {schema.VERSION_TABLE, *tables.metadata.tables} <= set(inspect(connection).get_table_names())


def test_an_older_schema_is_migrated_when_it_is_opened(
    url: str, engines: Engines, steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database.open(url).close()
    (steps / "0002_note.py").write_text(NEXT_STEP.format(fails=False))
    monkeypatch.setattr(tables, "SCHEMA", "0002")
    original = upgrading.upgrade
    monkeypatch.setattr(upgrading, "upgrade", lambda connection: original(connection, versions=steps))
    Database.open(url).close()
    Database.open(url).close()
    with engines.reading.connect() as connection:
        assert current(connection) == "0002"
        assert "note" in {column["name"] for column in inspect(connection).get_columns("variables")}


def test_a_step_that_fails_leaves_the_old_schema(url: str, engines: Engines, steps: Path) -> None:
    Database.open(url).close()
    (steps / "0002_note.py").write_text(NEXT_STEP.format(fails=True))
    with pytest.raises(Exception, match="nothing"), engines.writing.begin() as connection:
        upgrading.upgrade(connection, versions=steps)
    with engines.reading.connect() as connection:
        assert current(connection) == "0001"
        assert "note" not in {column["name"] for column in inspect(connection).get_columns("variables")}


@pytest.mark.parametrize("step", [1, 2])
def test_a_kill_between_steps_leaves_the_old_schema(url: str, engines: Engines, steps: Path, step: int) -> None:
    (steps / "0002_note.py").write_text(NEXT_STEP.format(fails=False))
    command = [sys.executable, "-c", UPGRADE_AND_CRASH, url, str(steps), str(step)]
    assert subprocess.run(command, check=False).returncode == 9
    with engines.reading.connect() as connection:
        assert inspect(connection).get_table_names() == []
    Database.open(url).close()


def test_a_newer_schema_is_refused_and_left_alone(url: str, engines: Engines) -> None:
    Database.open(url).close()
    with engines.writing.begin() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
        before = described(connection)
    with pytest.raises(SchemaTooNew, match="9999") as caught:
        Database.open(url)
    assert "pip install" in caught.value.remedy
    with engines.reading.connect() as connection:
        assert described(connection) == before
        assert current(connection) == "9999"


def test_tables_of_somebody_else_are_left_alone(url: str, engines: Engines) -> None:
    with engines.writing.begin() as connection:
        connection.execute(text("CREATE TABLE runs (run_uuid VARCHAR(32))"))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
    with pytest.raises(SchemaForeign, match="runs"):
        Database.open(url)
    with engines.writing.begin() as connection:
        assert sorted(inspect(connection).get_table_names()) == ["alembic_version", "runs"]
        connection.execute(text("DROP TABLE runs"))
    # Another tool's version table alone does no harm.
    Database.open(url).close()


@pytest.mark.postgres
def test_whoever_opens_second_waits_and_finds_the_work_done(postgres_database: str) -> None:
    engines = connected(parsed(postgres_database))
    with ThreadPoolExecutor() as threads, engines.writing.connect() as connection, connection.begin() as transaction:
        schema.lock(connection)
        schema.create(connection, "")
        second = threads.submit(Database.open, postgres_database)
        while not second.done() and not connection.execute(text("SELECT 1 FROM pg_locks WHERE NOT granted")).all():
            pass
        transaction.commit()
        second.result().close()
    engines.writing.dispose()


@pytest.mark.postgres
def test_a_schema_of_its_own_keeps_the_tables_of_others_apart(postgres_database: str) -> None:
    engines = connected(parsed(postgres_database))
    with engines.writing.begin() as connection:
        connection.execute(text("CREATE TABLE runs (run_uuid VARCHAR(32))"))
        connection.execute(text("CREATE SCHEMA ours"))
    with pytest.raises(SchemaForeign, match="runs") as caught:
        Database.open(postgres_database)
    assert "?options=-csearch_path%3DNAME" in caught.value.remedy
    ours = make_url(postgres_database).update_query_dict({"options": "-csearch_path=ours"})
    for _ in range(2):
        Database.open(ours.render_as_string(hide_password=False)).close()
    with engines.reading.connect() as connection:
        assert inspect(connection).get_table_names() == ["runs"]
        assert set(inspect(connection).get_table_names("ours")) == {schema.VERSION_TABLE, *tables.metadata.tables}
    engines.writing.dispose()


def test_a_stamp_that_is_not_ours_is_refused(url: str, engines: Engines) -> None:
    Database.open(url).close()
    with engines.writing.begin() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = 'abc123'"))
    with pytest.raises(SchemaForeign, match="abc123"):
        Database.open(url)


def test_opening_a_current_database_does_not_load_the_migrations(tmp_path: Path) -> None:
    code = (
        "import sys; from tidemill.storage.metadata.database import Database;"
        "Database.open(sys.argv[1]).close(); sys.exit('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'x.db'}"]
    assert subprocess.run(command, check=False, env=dict(os.environ)).returncode == 0
