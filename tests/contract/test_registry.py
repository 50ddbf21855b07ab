"""The registry on both databases: whatever is done by whomever, an alias is the fold of its moves."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from tests.contract.registry_rows import entered, judged, model, version, wish
from tidemill.core.clock import EPOCH
from tidemill.core.errors import InputError, NotFound, StateError
from tidemill.core.models import CHAMPION, AliasMove, ModelVersion, MoveKind
from tidemill.lifecycle.registry import decide
from tidemill.lifecycle.registry.decide import AliasTaken, NotPassed
from tidemill.lifecycle.registry.entering import Entry, find_version, give, give_back, register, take_away
from tidemill.storage.metadata import models
from tidemill.storage.metadata.database import Database

TEAM = "team"
PATIENCE = 60
_teams = count()


# --- versions ---------------------------------------------------------------------------------------------------------


def test_the_same_content_is_the_same_version(database: Database) -> None:
    with database.write() as connection:
        first = entered(connection, TEAM, 1, description="the first")
        second = entered(connection, TEAM, 2)
        again = entered(connection, TEAM, 1, description="the first, again")
        other = entered(connection, TEAM, 1, name="other")
    assert (first.version.version, second.version.version, other.version.version) == (1, 2, 1)
    assert (first.is_new, second.is_new, again.is_new, other.is_new) == (True, True, False, True)
    assert again.version == first.version
    with database.read() as connection:
        assert models.versions(connection, TEAM, "churn") == [first.version, second.version]
        assert models.names(connection, TEAM) == ["churn", "other"]
        assert models.versions(connection, "others") == []
        assert models.of_artifacts(connection, TEAM, ["a.2"]) == [second.version]


@pytest.mark.parametrize("name", ["", "a/b", "a b", ".a", "-a", "a@b", "ü", "a\n", "x" * 101, "a:b"])
def test_a_bad_name_is_told(database: Database, name: str) -> None:
    with database.write() as connection, pytest.raises(InputError, match="no name for a model") as caught:
        entered(connection, TEAM, 1, name=name)
    assert "letters, digits" in caught.value.remedy


@pytest.mark.parametrize("alias", ["a b", "3", "v3", "latest", "Latest", "x/y"])
def test_a_bad_alias_is_told(database: Database, alias: str) -> None:
    with database.write() as connection, pytest.raises(InputError, match=r"no alias|so is no alias"):
        entered(connection, TEAM, 1, wish=wish(alias=alias, override="x"))


def test_what_is_no_model_is_not_registered(database: Database) -> None:
    rows, outside = replace(model(1), type="Dataset"), replace(model(1), digest="", uri="s3://bucket/model")
    with database.write() as connection:
        for artifact, said in ((rows, "no model, but Dataset"), (outside, "lies outside")):
            with pytest.raises(InputError, match=said):
                register(connection, TEAM, Entry("churn", artifact, wish(alias="")))


def test_versions_are_found_by_number_alias_and_word(database: Database) -> None:
    with database.write() as connection:
        versions = [version(connection, TEAM, number) for number in (1, 2, 3)]
        give(connection, TEAM, versions[1], wish(alias="challenger"))
    with database.read() as connection:
        for said, number in (("1", 1), ("v2", 2), ("latest", 3), ("", 3), ("challenger", 2)):
            assert find_version(connection, TEAM, "churn", said).version == number
        for name, said, remedy in (
            ("churn", "4", "versions 1 to 3"),
            ("churn", "chalenger", "did you mean 'challenger'"),
            ("chrun", "", "did you mean 'churn'"),
        ):
            with pytest.raises(NotFound) as caught:
                find_version(connection, TEAM, name, said)
            assert remedy in caught.value.remedy


# --- what champion needs ----------------------------------------------------------------------------------------------


def test_champion_is_what_a_gate_has_passed(database: Database) -> None:
    with database.write() as connection:
        first, second = version(connection, TEAM, 1), version(connection, TEAM, 2)
        with pytest.raises(NotPassed, match="passed no gate"):
            give(connection, TEAM, first, wish())
        judged(connection, TEAM, 1)
        move = give(connection, TEAM, first, wish())
        assert move is not None
        assert move.decision.startswith("d_")
        judged(connection, TEAM, 2, champion=1, verdict="FAIL")
        with pytest.raises(NotPassed, match=r"says FAIL .*: it is FAIL"):
            give(connection, TEAM, second, wish())
        assert give(connection, TEAM, first, wish()) is None
        moved = give(connection, TEAM, second, wish(override="the numbers of May are wrong"))
        assert moved is not None
        assert (moved.overrode, moved.reason, moved.before) == (True, "the numbers of May are wrong", 1)


@pytest.mark.parametrize("verdict", ["NODATA", "ERROR"])
def test_what_could_not_be_told_is_no_pass(database: Database, verdict: str) -> None:
    with database.write() as connection:
        first = version(connection, TEAM, 1)
        judged(connection, TEAM, 1)
        judged(connection, TEAM, 1, verdict=verdict)
        with pytest.raises(NotPassed, match=f"says {verdict}"):
            give(connection, TEAM, first, wish())


def test_a_passed_decision_does_not_hide_a_newer_one_that_is_not(database: Database) -> None:
    with database.write() as connection:
        first = version(connection, TEAM, 1)
        passed = judged(connection, TEAM, 1)
        refused = judged(connection, TEAM, 1, verdict="FAIL")
        with pytest.raises(NotPassed, match=f"decision {refused} says FAIL"):
            give(connection, TEAM, first, wish(), passed)
        again = judged(connection, TEAM, 1)
        assert give(connection, TEAM, first, wish(), again) is not None


def test_a_decision_about_something_else_counts_for_nothing(database: Database) -> None:
    with database.write() as connection:
        first = version(connection, TEAM, 1)
        elsewhere, another = judged(connection, TEAM, 1, name="other"), judged(connection, TEAM, 2)
        with pytest.raises(NotPassed, match="passed no gate"):
            give(connection, TEAM, first, wish())
        for decision in (elsewhere, another):
            with pytest.raises(NotPassed, match="is about another model"):
                give(connection, TEAM, first, wish(), decision)
        with pytest.raises(InputError, match="is about another model"):
            entered(connection, TEAM, 1, decision=another)
        with pytest.raises(NotFound, match="no decision 'd_0'"):
            give(connection, TEAM, first, wish(), "d_0")


def test_two_that_beat_the_same_champion_do_not_both_replace_it(database: Database) -> None:
    """The second was compared with one that is champion no more: it may well be worse than the first."""
    with database.write() as connection:
        first, second, third = (version(connection, TEAM, number) for number in (1, 2, 3))
        judged(connection, TEAM, 1)
        give(connection, TEAM, first, wish())
        judged(connection, TEAM, 2, champion=1)
        judged(connection, TEAM, 3, champion=1)
        give(connection, TEAM, second, wish(minute=5, actor="bob"))
        with pytest.raises(NotPassed, match=r"is now version 2 since 2\d{3}-.* by bob"):
            give(connection, TEAM, third, wish(minute=6))


def test_what_was_rolled_back_does_not_come_back_by_itself(database: Database) -> None:
    with database.write() as connection:
        first, second = version(connection, TEAM, 1), version(connection, TEAM, 2)
        judged(connection, TEAM, 1)
        give(connection, TEAM, first, wish())
        judged(connection, TEAM, 2, champion=1)
        give(connection, TEAM, second, wish())
        give_back(connection, TEAM, "churn", wish(MoveKind.ROLLBACK, reason="complaints", actor="bob"))
        judged(connection, TEAM, 2, champion=1)
        with pytest.raises(NotPassed, match=r"was rolled back on .* by bob: complaints"):
            entered(connection, TEAM, 2, wish=wish(MoveKind.REGISTER))
        assert give(connection, TEAM, second, wish(override="mended")) is not None


# --- back -------------------------------------------------------------------------------------------------------------


def champions(connection: Any, *numbers: int) -> None:
    for number in numbers:
        found = version(connection, TEAM, number)
        give(connection, TEAM, found, wish(minute=number, override="x"))


def test_rolling_back_twice_goes_back_two(database: Database) -> None:
    with database.write() as connection:
        champions(connection, 1, 2, 3)
        back = wish(MoveKind.ROLLBACK, reason="worse")
        assert [give_back(connection, TEAM, "churn", back).version for _ in range(2)] == [2, 1]
        with pytest.raises(StateError, match="version 1 is the first champion"):
            give_back(connection, TEAM, "churn", back)


def test_rolling_back_to_one_of_those_before(database: Database) -> None:
    with database.write() as connection:
        champions(connection, 1, 2, 3)
        version(connection, TEAM, 4)
        back = wish(MoveKind.ROLLBACK, reason="worse")
        with pytest.raises(StateError, match="none of those that were champion before: 2, 1"):
            give_back(connection, TEAM, "churn", back, 4)
        assert give_back(connection, TEAM, "churn", back, 1).version == 1
        with pytest.raises(StateError, match="is the first champion"):
            give_back(connection, TEAM, "churn", back)
        with pytest.raises(InputError, match="needs a reason"):
            give_back(connection, TEAM, "churn", wish(MoveKind.ROLLBACK))
        with pytest.raises(StateError, match="no version of churn has ever been shadow"):
            give_back(connection, TEAM, "churn", replace(back, alias="shadow"))


def test_what_was_taken_away_comes_back(database: Database) -> None:
    with database.write() as connection:
        champions(connection, 1, 2)
        gone = take_away(connection, TEAM, "churn", wish(MoveKind.REMOVE))
        assert gone is not None
        assert (gone.version, gone.before) == (0, 2)
        assert take_away(connection, TEAM, "churn", wish(MoveKind.REMOVE)) is None
        assert models.aliases(connection, TEAM) == []
        assert give_back(connection, TEAM, "churn", wish(MoveKind.ROLLBACK, reason="too early")).version == 2
        assert [(move.alias, move.version) for move in models.aliases(connection, TEAM)] == [(CHAMPION, 2)]


# --- whoever comes second ---------------------------------------------------------------------------------------------


def test_an_alias_that_was_moved_meanwhile_is_told_with_who_and_when(database: Database) -> None:
    with database.write() as connection:
        champions(connection, 1, 2)
        third = version(connection, TEAM, 3)
        with pytest.raises(AliasTaken, match=r"expected to be version 1, but it is version 2 since .* by ann"):
            give(connection, TEAM, third, wish(expected=1, override="x"))
        with pytest.raises(AliasTaken, match="expected to be no version"):
            give(connection, TEAM, third, wish(expected=0, override="x"))
        assert give(connection, TEAM, third, wish(expected=2, override="x")) is not None


def test_moves_never_go_back_in_time(database: Database) -> None:
    """Clocks of machines differ, and `--at` must still have one answer."""
    with database.write() as connection:
        first, second = version(connection, TEAM, 1), version(connection, TEAM, 2)
        give(connection, TEAM, first, wish(minute=10, override="x"))
        late = give(connection, TEAM, second, wish(minute=5, override="x"))
    assert late is not None
    assert late.moved_at == EPOCH + timedelta(minutes=10)


def test_two_processes_race_for_an_alias(database_url: str) -> None:
    database = Database.open(database_url)
    with database.write() as connection:
        champions(connection, 1)
        version(connection, TEAM, 2)
        version(connection, TEAM, 3)
    forking = multiprocessing.get_context("forkserver")
    start, told = forking.Barrier(2), forking.SimpleQueue()
    racers = [forking.Process(target=_race, args=(database_url, number, start, told)) for number in (2, 3)]
    for racer in racers:
        racer.start()
    said: list[tuple[int, str]] = []
    for racer in racers:
        racer.join(PATIENCE)
        assert racer.exitcode == 0
    for _ in racers:
        said.append(told.get())
    with database.read() as connection:
        moves = models.moves(connection, TEAM, "churn", CHAMPION)
    database.close()
    (loser,) = [words for _, words in said if words]
    (winner,) = [number for number, words in said if not words]
    assert [move.version for move in moves] == [1, winner]
    assert f"but it is version {winner} since" in loser
    assert f"by racer {winner}" in loser


def _race(url: str, number: int, start: Barrier, told: Any) -> None:
    database = Database.open(url)
    with database.read() as connection:
        found = models.get(connection, TEAM, "churn", number)
    assert found is not None
    start.wait(PATIENCE)
    try:
        with database.write() as connection:
            give(connection, TEAM, found, wish(expected=1, override="x", actor=f"racer {number}"))
        told.put((number, ""))
    except AliasTaken as lost:
        told.put((number, lost.in_one_line))
    database.close()


@pytest.mark.postgres
def test_a_move_that_is_not_committed_yet_is_waited_for(emptied_postgres: str) -> None:
    """Both have seen the same; the second stands at the key of the first until that is committed, and then has lost."""
    database, second = Database.open(emptied_postgres), Database.open(emptied_postgres)
    lost: list[str] = []
    registered: list[ModelVersion] = []

    def follow() -> None:
        try:
            with second.write() as connection:
                registered.append(version(connection, TEAM, 4))
                give(connection, TEAM, found[2], wish(expected=1, override="x"))
        except AliasTaken as error:
            lost.append(error.message)

    with database.write() as connection:
        champions(connection, 1)
        found = {number: version(connection, TEAM, number) for number in (1, 2, 3)}
    follower = threading.Thread(target=follow)
    with database.write() as connection:
        version(connection, TEAM, 5)
        give(connection, TEAM, found[3], wish(expected=1, override="x", actor="bob"))
        follower.start()
        _until(lambda: _waits(database))
    follower.join(PATIENCE)
    assert len(lost) == 1
    assert "version 3" in lost[0]
    assert "by bob" in lost[0]
    assert [one.version for one in registered] == [5]  # the other has number 4, and this one looked again
    database.close()
    second.close()


def _waits(database: Database) -> bool:
    with database.read() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())


def _until(condition: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(PATIENCE * 50):
        if condition():
            return
        waited.wait(0.02)
    raise AssertionError("it never came to be")


# --- any sequence -----------------------------------------------------------------------------------------------------


EXPECTED = st.sampled_from([None, None, None, None, 0, 1, 2, 3])


class Registry(RuleBasedStateMachine):
    """Several actors register, promote, roll back and take away; a plain model says what should have come of it."""

    database: Database

    @initialize()
    def begin(self) -> None:
        self.team = f"team {next(_teams)}"
        self.minute = 0
        self.contents: list[int] = []
        self.has: dict[str, int] = {}
        self.stacks: dict[str, list[int]] = {}
        self.log: dict[str, list[tuple[int, int]]] = {}
        self.seen: dict[str, list[AliasMove]] = {}
        self.known: list[ModelVersion] = []
        for content in (1, 2):
            self.register_one(content)

    aliases = st.sampled_from([CHAMPION, CHAMPION, CHAMPION, "challenger"])
    actors = st.sampled_from(["ann", "bob", "cy"])

    def wish(self, kind: MoveKind, alias: str, actor: str, expected: int | None) -> decide.Wish:
        self.minute += 1
        return wish(kind, alias, self.minute, actor=actor, expected=expected, reason="so", override="x")

    def right(self, alias: str, expected: int | None) -> bool:
        return expected is None or expected == self.has.get(alias, 0)

    def moved(self, alias: str, number: int) -> None:
        self.has[alias] = number
        self.log.setdefault(alias, []).append((self.minute, number))

    @rule(content=st.integers(1, 4))
    def register(self, content: int) -> None:
        self.register_one(content)

    def register_one(self, content: int) -> None:
        with self.database.write() as connection:
            found = entered(connection, self.team, content)
        assert found.is_new == (content not in self.contents)
        if found.is_new:
            self.contents.append(content)
        assert found.version.version == self.contents.index(content) + 1

    @precondition(lambda self: self.contents)
    @rule(alias=aliases, actor=actors, which=st.integers(0, 3), expected=EXPECTED)
    def promote(self, alias: str, actor: str, which: int, expected: int | None) -> None:
        number = which % len(self.contents) + 1
        said = self.wish(MoveKind.PROMOTE, alias, actor, expected)
        with self.database.write() as connection:
            target = models.get(connection, self.team, "churn", number)
            assert target is not None
            if self.has.get(alias, 0) == number:
                assert give(connection, self.team, target, said) is None
            elif not self.right(alias, expected):
                with pytest.raises(AliasTaken):
                    give(connection, self.team, target, said)
            else:
                move = give(connection, self.team, target, said)
                assert move is not None
                assert (move.before, move.actor) == (self.has.get(alias, 0), actor)
                self.stacks.setdefault(alias, [])
                if self.stacks[alias][-1:] != [number]:
                    self.stacks[alias].append(number)
                self.moved(alias, number)

    @rule(alias=aliases, actor=actors, expected=EXPECTED)
    def rollback(self, alias: str, actor: str, expected: int | None) -> None:
        said = self.wish(MoveKind.ROLLBACK, alias, actor, expected)
        stack = self.stacks.get(alias, [])
        taken_away = bool(stack) and self.has[alias] == 0
        with self.database.write() as connection:
            if not self.right(alias, expected):
                with pytest.raises(AliasTaken):
                    give_back(connection, self.team, "churn", said)
            elif len(stack) + taken_away < 2:
                with pytest.raises(StateError):
                    give_back(connection, self.team, "churn", said)
            else:
                if not taken_away:
                    stack.pop()
                assert give_back(connection, self.team, "churn", said).version == stack[-1]
                self.moved(alias, stack[-1])

    @rule(alias=aliases, actor=actors, expected=EXPECTED)
    def remove(self, alias: str, actor: str, expected: int | None) -> None:
        said = self.wish(MoveKind.REMOVE, alias, actor, expected)
        with self.database.write() as connection:
            if not self.has.get(alias, 0):
                assert take_away(connection, self.team, "churn", said) is None
            elif not self.right(alias, expected):
                with pytest.raises(AliasTaken):
                    take_away(connection, self.team, "churn", said)
            else:
                assert take_away(connection, self.team, "churn", said) is not None
                self.moved(alias, 0)

    @invariant()
    def an_alias_is_the_fold_of_its_moves(self) -> None:
        if not hasattr(self, "team"):
            return
        with self.database.read() as connection:
            now = {move.alias: move.version for move in models.aliases(connection, self.team, "churn")}
            found = {alias: models.moves(connection, self.team, "churn", alias) for alias in (CHAMPION, "challenger")}
            versions = models.versions(connection, self.team)
        assert now == {alias: number for alias, number in self.has.items() if number}
        for alias, moves in found.items():
            assert [move.seq for move in moves] == list(range(1, len(moves) + 1))
            assert [move.before for move in moves] == [0, *(move.version for move in moves)][: len(moves)]
            for minute in range(self.minute + 1):
                had = [number for at, number in self.log.get(alias, []) if at <= minute]
                move = decide.at(moves, EPOCH + timedelta(minutes=minute))
                assert (move.version if move is not None else 0) == (had[-1] if had else 0)
            # What was there before is there still, and as it was.
            earlier = self.seen.get(alias, [])
            assert moves[: len(earlier)] == earlier
            self.seen[alias] = moves
        assert versions[: len(self.known)] == self.known
        self.known = versions


@pytest.mark.parametrize("examples", [120])
def test_any_sequence_by_several_actors(database: Database, examples: int) -> None:
    machine = type("Machine", (Registry,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples if database.dialect == "sqlite" else examples // 4,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
