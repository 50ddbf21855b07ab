"""Decisions that tasks have recorded: found, kept, and judged again."""

from __future__ import annotations

import importlib
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.contract import deciding_judge, metadata_records
from tests.contract.deciding_tasks import JUDGES, RULE, weighing
from tidemill.actions.collecting.decide import Policy
from tidemill.actions.decisions import (
    Outcome,
    Replayed,
    list_decisions,
    replay_decision,
    replay_decisions,
    show_decision,
    verify_decisions,
)
from tidemill.actions.gc import collect, verify_artifacts
from tidemill.app import content_of
from tidemill.core.decisions import Decision
from tidemill.core.errors import InputError, NotFound
from tidemill.core.states import RunState
from tidemill.lifecycle.decisions import judges
from tidemill.lifecycle.decisions.replaying import Judged
from tidemill.storage.metadata import artifacts
from tidemill.storage.metadata.tables import decisions as table
from tidemill.testing import InlineApp

TEAM = "default"


@pytest.fixture(autouse=True)
def scales(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "JUDGES", JUDGES)


def judged(done: Replayed) -> Judged:
    assert done.judged is not None
    return done.judged


def weighed(home: InlineApp, **params: Any) -> Decision:
    """The decision of a run."""
    assert home.run(weighing, params).state is RunState.SUCCEEDED
    home.leaping.advance(1)
    return list_decisions(home)[0]


def test_a_task_has_a_decision_recorded_and_judging_it_again_gives_the_same(home: InlineApp) -> None:
    passed = weighed(home)
    refused = weighed(home, weight=0.5, name="other")
    assert [one.about.verdict for one in (passed, refused)] == ["PASS", "FAIL"]
    assert [one.about.number for one in list_decisions(home)] == [2, 1]
    assert [one.about.model for one in list_decisions(home, verdict="fail")] == ["other"]
    assert list_decisions(home, run=passed.about.run[:8]) == [passed]
    shown = show_decision(home, passed.id)
    assert (shown.damage, shown.code, shown.head.number) == ("", (), 2)
    assert shown.content["rule"] == RULE
    assert shown.content["code"]["modules"].keys() == {"tests.contract.deciding_judge"}
    for one in (passed, refused):
        done = replay_decision(home, one.id)
        assert done.outcome is Outcome.EQUAL
        assert judged(done).code == ()
    assert replay_decisions(home).counts[Outcome.EQUAL] == 2
    assert verify_decisions(home, passed.digest.removeprefix("sha256:")).expected_at == 1
    with pytest.raises(InputError, match="not the digest"):
        verify_decisions(home, passed.id)
    with pytest.raises(NotFound, match="scalle"):
        list_decisions(home, "scalle")
    with pytest.raises(InputError, match="no verdict"):
        list_decisions(home, verdict="maybe")


def test_what_decisions_name_is_not_collected(home: InlineApp) -> None:
    first = weighed(home)
    for weight in (3.0, 4.0):
        home.run(weighing, {"weight": weight, "name": "later"})
        home.leaping.advance(3600)
    assert collect(home, Policy(grace=timedelta(0), keep=1)).runs == []
    assert verify_artifacts(home).damage == ()
    assert replay_decision(home, first.id).outcome is Outcome.EQUAL


def test_evidence_that_is_damaged_or_another_is_told(home: InlineApp) -> None:
    found, other = weighed(home), weighed(home, weight=3.0)
    with home.database.read() as connection:
        artifact = artifacts.get_many(connection, TEAM, [found.about.evidence.artifact])[found.about.evidence.artifact]
    kept = home.artifacts.path_of(content_of(artifact))
    assert kept is not None
    content = kept.read_bytes()
    kept.chmod(0o644)
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = replay_decision(home, found.id)
    assert (done.outcome, done.judged) == (Outcome.DAMAGED, None)
    both = replay_decisions(home)
    assert both.counts[Outcome.EQUAL] == both.counts[Outcome.DAMAGED] == 1
    assert [one.decision.id for one in both.wrong] == [found.id]
    with home.database.write() as connection:
        connection.execute(update(table).where(table.c.number == 2).values(evidence=artifact.id))
    assert replay_decision(home, "2").trouble.startswith("its column evidence says")
    assert show_decision(home, other.id).damage
    assert not verify_decisions(home).whole


def test_a_judge_that_changed_is_named_with_the_numbers_that_differ(
    home: InlineApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path(deciding_judge.__file__).read_text(encoding="utf-8")
    module = tmp_path / "scales_of_today.py"
    judge = "def weigh_again" + text.partition("def weigh_again")[2]
    head = "from __future__ import annotations\n\n\n"
    module.write_text(head + judge)
    sys.modules.pop("scales_of_today", None)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(judges, "JUDGES", {"scales": "scales_of_today:weigh_again"})

    def now(changed: str) -> None:
        module.write_text(head + changed)
        os.utime(module, (metadata_records.later(len(changed)).timestamp(),) * 2)
        sys.modules.pop("scales_of_today", None)
        importlib.invalidate_caches()

    found = weighed(home)
    assert replay_decision(home, found.id).outcome is Outcome.EQUAL
    now(judge + "  # nothing else\n")
    same = replay_decision(home, found.id)
    assert same.outcome is Outcome.EQUAL
    assert judged(same).code == ("scales_of_today has changed",)
    now(judge.replace("gain >=", "gain <"))
    other = replay_decision(home, found.id)
    assert other.outcome is Outcome.DIFFERS
    assert judged(other).verdict == "FAIL"
    assert [(one.where, one.then, one.now) for one in judged(other).differences] == [
        ("checks[0].verdict", '"PASS"', '"FAIL"'),
        ("verdict", '"PASS"', '"FAIL"'),
    ]
    assert show_decision(home, found.id).code == ("scales_of_today has changed",)
    now(judge.replace("gain =", "gain = 1 / 0 *"))
    broken = replay_decision(home, found.id)
    assert broken.outcome is Outcome.DIFFERS
    assert judged(broken).failed == "ZeroDivisionError: division by zero"
    now(judge.replace("float(", "str("))
    assert replay_decision(home, found.id).outcome is Outcome.DIFFERS
    monkeypatch.setattr(judges, "JUDGES", {})
    assert replay_decision(home, found.id).outcome is Outcome.UNJUDGED
