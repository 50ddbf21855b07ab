"""Definitions, commands, effects and variables."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.contract.metadata_records import NOW, TEAM, later, run
from tidemill.core.errors import InputError, NotFound
from tidemill.core.history import CommandKind, CommandRecord
from tidemill.core.states import RunState
from tidemill.core.values import MISSING, NotAValue
from tidemill.storage.metadata import commands, definitions, effects, runs, variables
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.effects import Effect
from tidemill.storage.metadata.errors import RowDamaged


def test_a_definition_is_stored_once_for_each_team(database: Database) -> None:
    with database.write() as connection:
        definitions.put(connection, TEAM, "d1", "churn", '{"a":1}', NOW)
        definitions.put(connection, TEAM, "d1", "churn", "something else", later(1))
        assert definitions.get(connection, TEAM, "d1") == '{"a":1}'
        with pytest.raises(NotFound):
            definitions.get(connection, "other", "d1")


# --- commands ---------------------------------------------------------------------------------------------------------


def test_a_command_is_consumed_once(database: Database) -> None:
    with database.write() as connection:
        for id_ in ("r1", "r2"):
            runs.insert(connection, run(id_))
        first = commands.add(connection, TEAM, "r2", CommandKind.CANCEL, "ann", {}, NOW)
        second = commands.add(connection, TEAM, "r1", CommandKind.MARK, "bob", {"path": "a", "n": 1}, later(1))
        third = commands.add(connection, TEAM, "r2", CommandKind.PRIORITY, "ann", {"priority": 2}, later(2))
    with database.write() as connection:
        assert first < second < third
        assert commands.runs_with_pending(connection) == ["r1", "r2"]
        found = commands.pending(connection, ["r1", "r2", "r3"])
        assert [command.id for command in found] == [first, second, third]
        assert found[1] == CommandRecord(second, "r1", CommandKind.MARK, "bob", later(1), {"path": "a", "n": 1})
        assert [command.id for command in commands.pending(connection, ["r2"])] == [first, third]
        assert commands.pending(connection, []) == []
        assert commands.consume(connection, [third, first]) == {first, third}
        assert commands.consume(connection, [first, second, 99]) == {second}
        assert commands.runs_with_pending(connection) == []


def test_a_command_needs_a_run_of_its_team(database: Database) -> None:
    with database.write() as connection:
        runs.insert(connection, run())
        for team, id_ in ((TEAM, "r2"), ("other", "r1")):
            with pytest.raises(NotFound, match=id_):
                commands.add(connection, team, id_, CommandKind.CANCEL, "ann", {}, NOW)
        assert commands.runs_with_pending(connection) == []


def test_a_finished_run_is_seen_as_held_while_somebody_waits_for_its_holder(database: Database) -> None:
    with database.write() as connection:
        runs.insert(connection, run(state=RunState.FAILED))
        runs.insert(connection, run("r2"))
        runs.take(connection, "r1", "one")
        runs.take(connection, "r2", "one")
        assert [lease.run for lease in runs.held(connection)] == ["r2"]
        command = commands.add(connection, TEAM, "r1", CommandKind.REOPEN, "ann", {}, NOW)
        assert [lease.run for lease in runs.held(connection)] == ["r1", "r2"]
        commands.consume(connection, [command])
        assert [lease.run for lease in runs.held(connection)] == ["r2"]


# --- effects ----------------------------------------------------------------------------------------------------------


def test_the_first_answer_of_an_effect_counts(database: Database) -> None:
    key = ("r1", "train", "0.0", 1)
    with database.write() as connection:
        assert effects.answer(connection, *key, 1) is None
        assert effects.record(connection, TEAM, *key, 1, Effect("register", None), NOW) == Effect("register", None)
        assert effects.record(connection, TEAM, *key, 1, Effect("register", 2), NOW) == Effect("register", None)
        assert effects.record(connection, TEAM, *key, 2, Effect("promote", {"v": 1}), NOW).answer == {"v": 1}
    with database.read() as connection:
        assert effects.answer(connection, *key, 1) == Effect("register", None)
        assert effects.answer(connection, *key, 3) is None
        assert effects.answer(connection, "r1", "train", "0.0", 2, 1) is None
        assert effects.had_by(connection, "r1") == {("train", "0.0", 1)}
        assert effects.had_by(connection, "r2") == set()


# --- variables --------------------------------------------------------------------------------------------------------


def test_variables_keep_null_apart_from_nothing(database: Database) -> None:
    with database.write() as connection:
        assert variables.get(connection, TEAM, "x") is MISSING
        variables.put(connection, TEAM, "x", 1, NOW)
        variables.put(connection, TEAM, "x", None, later(1))
        variables.put(connection, "other", "x", [1.0], NOW)
        assert variables.get(connection, TEAM, "x") is None
        assert variables.listing(connection, "other") == {"x": [1.0]}
        assert variables.remove(connection, TEAM, "x")
        assert not variables.remove(connection, TEAM, "x")
        assert variables.get(connection, "other", "x") == [1.0]


def test_what_is_no_value_is_refused_before_the_database_sees_it(database: Database) -> None:
    with database.write() as connection:
        with pytest.raises(NotAValue):
            variables.put(connection, TEAM, "x", object(), NOW)
        with pytest.raises(InputError, match="key"):
            variables.put(connection, TEAM, "x\0", 1, NOW)
        variables.put(connection, TEAM, "y", 1, NOW)


def test_a_damaged_row_says_so_and_not_what_is_in_it(database: Database) -> None:
    with database.write() as connection:
        variables.put(connection, TEAM, "x", 1, NOW)
        connection.execute(text("UPDATE variables SET value = 'top-secret'"))
        with pytest.raises(RowDamaged) as caught:
            variables.get(connection, TEAM, "x")
    assert "top-secret" not in str(caught.value)
