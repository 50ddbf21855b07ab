"""Decisions on both databases: recorded as they should be, in one unbroken chain, and found again."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, text, update

from tests.contract import metadata_records
from tidemill.core.decisions import Decision, Head
from tidemill.core.errors import InputError, NotFound
from tidemill.core.records import Artifact
from tidemill.core.values import ArtifactRef
from tidemill.engine.requests import ActionContext
from tidemill.lifecycle.decisions import chain, record
from tidemill.lifecycle.decisions.canonical import NotCanonical
from tidemill.lifecycle.decisions.chain import Wrong
from tidemill.lifecycle.decisions.effects import record_decision
from tidemill.lifecycle.registry.entering import judged_of
from tidemill.storage.metadata import artifacts, decisions, runs
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.errors import DatabaseConflict
from tidemill.storage.metadata.tables import decision_heads
from tidemill.storage.metadata.tables import decisions as table

TEAM = "default"
EACH = 25
PATIENCE = 60.0
PASSED: dict[str, Any] = {"kind": "gate", "model": "churn", "judgement": {"verdict": "PASS", "reasons": ["better"]}}


def with_run(database: Database, team: str = TEAM) -> None:
    with database.write() as connection:
        runs.insert(connection, metadata_records.run(f"run-of-{team}", team=team, actor="ada"))


def recorded(database: Database, team: str = TEAM, **arguments: Any) -> dict[str, Any]:
    with database.write() as connection:
        context = ActionContext(connection, team, f"run-of-{team}", "gate/decide", metadata_records.later(1))
        answer: dict[str, Any] = record_decision(context, {**PASSED, **arguments})
    return answer


def verified(database: Database, team: str = TEAM) -> tuple[int, bool]:
    with database.read() as connection:
        found = chain.verify(team, decisions.links(connection, team), decisions.head(connection, team))
    return found.count, found.whole


def test_a_decision_is_recorded_and_read_again(database: Database) -> None:
    with_run(database)
    with database.write() as connection:
        made = [Artifact(f"a{n}", "model", digest=f"blake2b:{n:064x}", size=1, kind="file") for n in range(3)]
        artifacts.put(connection, TEAM, "run-of-default", "train", "", 0, made, metadata_records.later(0))
    answer = recorded(
        database,
        rule={"primary": {"metric": "roc_auc"}},
        facts={"rows": 10, "share": 0.5},
        candidate=ArtifactRef("a0"),
        champion=ArtifactRef("a1"),
        evidence=ArtifactRef("a2"),
        code={"digest": "sha256:1"},
    )
    with database.read() as connection:
        found = decisions.get(connection, TEAM, answer["id"])
        assert decisions.head(connection, TEAM) == Head(1, answer["digest"])
    assert found is not None
    about, content = found.about, record.content(found.document)
    assert (about.number, about.kind, about.model, about.verdict) == (1, "gate", "churn", "PASS")
    assert (about.run, about.path, about.actor, about.prev) == ("run-of-default", "gate/decide", "ada", "")
    assert (about.candidate.artifact, about.candidate.digest) == ("a0", made[0].digest)
    assert (about.champion.artifact, about.evidence.artifact) == ("a1", "a2")
    assert (found.id, found.digest) == (answer["id"], answer["digest"])
    assert record.digest_of(found.document) == found.digest
    assert content["about"]["made_at"] == about.made_at
    assert content["facts"] == {"rows": 10, "share": 0.5}
    assert (content["rule"], content["code"]) == ({"primary": {"metric": "roc_auc"}}, {"digest": "sha256:1"})
    assert verified(database) == (1, True)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kind": ""}, "text 'kind'"),
        ({"model": 3}, "text 'model'"),
        ({"judgement": {"reasons": []}}, "no verdict"),
        ({"judgement": {"verdict": "pass", "reasons": []}}, "no verdict"),
        ({"judgement": {"verdict": "PASS", "reasons": "good"}}, "no reasons"),
        ({"facts": [1]}, "is a dict, not a list"),
        ({"candidate": "a0"}, "whole artifact"),
        ({"candidate": ArtifactRef("a0", ("x",))}, "whole artifact"),
        ({"candidate": ArtifactRef("unknown")}, "unknown, is not recorded"),
        ({"champoin": None}, "takes no 'champoin'"),
    ],
)
def test_what_is_no_decision_is_refused_and_leaves_no_trace(
    database: Database, wrong: dict[str, Any], says: str
) -> None:
    with_run(database)
    with pytest.raises(InputError, match=says):
        recorded(database, **wrong)
    assert verified(database) == (0, True)
    recorded(database)
    with pytest.raises(NotCanonical) as caught:
        recorded(database, facts={"latency": [0.5, float("nan")]})
    assert caught.value.place == "facts.latency[1]"
    assert verified(database) == (1, True)


def test_decisions_are_found_by_what_they_are_about(database: Database) -> None:
    for team in (TEAM, "other"):
        with_run(database, team)
        with database.write() as connection:
            made = [Artifact(f"{team}{n}", "model", digest=f"blake2b:{n:064x}", size=1, kind="file") for n in range(2)]
            artifacts.put(connection, team, f"run-of-{team}", "train", "", 0, made, metadata_records.later(0))
    failed = {"verdict": "FAIL", "reasons": []}
    first = recorded(database, candidate=ArtifactRef("default0"), judgement=failed)["id"]
    second = recorded(database, candidate=ArtifactRef("default0"))["id"]
    third = recorded(database, candidate=ArtifactRef("default0"), model="fraud", kind="promote")["id"]
    recorded(database, candidate=ArtifactRef("default1"))
    theirs = recorded(database, "other", candidate=ArtifactRef("other0"))
    assert theirs["number"] == 1

    def ids(found: list[Decision]) -> list[str]:
        return [one.id for one in found]

    digest = f"blake2b:{0:064x}"
    with database.read() as connection:
        about = decisions.of_subject(connection, TEAM, digest)
        assert ids(about) == [third, second, first]
        assert ids(decisions.of_subject(connection, TEAM, digest, model="churn", verdict="PASS")) == [second]
        assert ids(decisions.of_subject(connection, TEAM, digest, kind="promote")) == [third]
        assert decisions.of_subject(connection, TEAM, "") == []
        assert ids(decisions.listing(connection, TEAM, model="churn", verdict="FAIL")) == [first]
        assert len(decisions.listing(connection, TEAM, limit=2)) == 2
        assert decisions.models(connection, TEAM) == ["churn", "fraud"]
        assert decisions.numbers(connection, TEAM, "fraud") == [3]
        assert decisions.find(connection, TEAM, "2").id == second
        assert decisions.find(connection, TEAM, "latest").about.number == 4
        assert decisions.find(connection, TEAM, second[:9]).id == second
        assert decisions.find(connection, TEAM, second[2:]).id == second
        assert decisions.get(connection, "other", second) is None
        for unknown in ("17", "d_zz", "", "99999999999999999999999"):
            with pytest.raises(NotFound):
                decisions.find(connection, TEAM, unknown)
        with pytest.raises(InputError, match="several"):
            decisions.find(connection, TEAM, "d_")


def append_many(url: str, name: str, ready: Any) -> None:
    database = Database.open(url)
    ready.wait(PATIENCE)
    for number in range(EACH):
        recorded(database, facts={"by": name, "number": number})
    database.close()


def test_two_processes_append_to_one_chain_without_a_gap(database_url: str) -> None:
    database = Database.open(database_url)
    with_run(database)
    context = multiprocessing.get_context("forkserver")
    ready = context.Barrier(2)
    both = [context.Process(target=append_many, args=(database_url, name, ready)) for name in "ab"]
    for process in both:
        process.start()
    for process in both:
        process.join(PATIENCE)
    assert [process.exitcode for process in both] == [0, 0]
    assert verified(database) == (2 * EACH, True)
    with database.read() as connection:
        found = list(reversed(decisions.listing(connection, TEAM)))
    assert [one.about.number for one in found] == list(range(1, 2 * EACH + 1))
    facts = [record.content(one.document)["facts"] for one in found]
    assert [[one["number"] for one in facts if one["by"] == name] for name in "ab"] == [list(range(EACH))] * 2
    database.close()


def test_what_does_not_follow_on_the_head_is_not_appended(database: Database) -> None:
    with_run(database)
    recorded(database)
    with database.read() as connection:
        found = decisions.find(connection, TEAM, "1")
    late = replace(found, about=replace(found.about, number=2, prev="sha256:another"))
    with pytest.raises(DatabaseConflict), database.write() as connection:
        decisions.append(connection, late)
    with pytest.raises(DatabaseConflict), database.write() as connection:
        decisions.append(connection, found)
    assert verified(database) == (1, True)


class Undone(Exception):
    """Ends a write that is not to be kept, and carries what was seen in it."""


def test_whatever_is_done_to_the_rows_is_named(database: Database) -> None:
    with_run(database)
    for number in range(6):
        recorded(database, facts={"number": number})

    def tampered(statements: tuple[Any, ...]) -> None:
        with database.write() as connection:
            for statement in statements:
                connection.execute(text(statement) if isinstance(statement, str) else statement)
            head = decisions.head(connection, TEAM)
            raise Undone(chain.verify(TEAM, decisions.links(connection, TEAM), head))

    def faults(*statements: Any) -> list[tuple[int, Wrong]]:
        """What is found with the statements done; they are undone."""
        with pytest.raises(Undone) as caught:
            tampered(statements)
        return [(fault.number, fault.wrong) for fault in caught.value.args[0].faults]

    def at(number: int) -> Any:
        return table.c.number == number

    assert faults() == []
    assert faults(update(table).where(at(3)).values(verdict="FAIL")) == [(3, Wrong.MISPLACED)]
    assert faults(update(table).where(at(3)).values(actor="n\u00e9mo")) == [(3, Wrong.MISPLACED)]
    changed = "UPDATE decisions SET document = replace(document, '\"PASS\"', '\"FAIL\"') WHERE number = 4"
    assert faults(changed) == [(4, Wrong.CHANGED)]
    assert faults(update(table).where(at(1)).values(document="")) == [(1, Wrong.CHANGED)]
    assert faults(delete(table).where(at(2))) == [(2, Wrong.MISSING)]
    assert faults(delete(table).where(table.c.number > 4)) == [(5, Wrong.MISSING)]
    swap = [update(table).where(at(old)).values(number=new) for old, new in ((2, 99), (5, 2), (99, 5))]
    assert faults(*swap) == [(2, Wrong.MISPLACED), (5, Wrong.MISPLACED)]
    assert faults(update(decision_heads).values(digest="sha256:0")) == [(6, Wrong.REPLACED)]
    assert faults(delete(decision_heads)) == [(6, Wrong.REPLACED)]
    if database.dialect == "sqlite":
        # What is no text at all is told of the record, and is no error of the database.
        assert faults("UPDATE decisions SET actor = CAST(x'ff' AS TEXT) WHERE number = 3") == [(3, Wrong.MISPLACED)]
        assert faults("UPDATE decisions SET document = CAST(x'ff' AS TEXT) WHERE number = 3") == [(3, Wrong.CHANGED)]
    assert verified(database) == (6, True)


def test_a_record_that_was_changed_lets_nothing_pass(database: Database) -> None:
    """A registry asks for the newest decision about the content, and acts on no forged one."""
    with_run(database)
    with database.write() as connection:
        made = Artifact("a0", "model", digest=f"blake2b:{0:064x}", size=1, kind="file")
        artifacts.put(connection, TEAM, "run-of-default", "train", "", 0, [made], metadata_records.later(0))
    refused = {"verdict": "FAIL", "reasons": []}
    recorded(database, candidate=ArtifactRef("a0"), judgement=refused)
    with database.write() as connection:
        connection.execute(update(table).values(verdict="PASS"))
    with database.read() as connection:
        (found,) = decisions.of_subject(connection, TEAM, made.digest, verdict="PASS")
        with pytest.raises(chain.DecisionDamaged, match="its column verdict says PASS, and its text FAIL"):
            judged_of(connection, TEAM, "churn", made.digest)
    assert chain.damage_of(found)
    with pytest.raises(chain.DecisionDamaged) as caught:
        chain.demand_whole(found)
    assert "decision verify" in caught.value.remedy
