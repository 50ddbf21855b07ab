"""Registering, promoting and asking for the champion in runs; what the registry holds is kept, whole, and told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.registry_tasks import given, plain, scales
from tidemill.actions.artifact_names import find_artifact
from tidemill.actions.collecting.decide import Policy
from tidemill.actions.gc import collect
from tidemill.actions.lineage import trace_lineage
from tidemill.actions.models.card import card_of
from tidemill.actions.models.documents import card_document
from tidemill.actions.models.looking import history_of, list_models, list_versions, who_had
from tidemill.actions.models.moving import promote, remove_alias, rollback
from tidemill.app import content_of
from tidemill.core.causes import CauseKind
from tidemill.core.errors import InputError, NotFound, StateError
from tidemill.core.states import RunState
from tidemill.storage.metadata import artifacts, models
from tidemill.testing import InlineApp, causes, outputs


def test_a_run_registers_and_the_next_one_is_given_its_champion(home: InlineApp) -> None:
    first = home.run(scales, {"weight": 1})
    again = home.run(scales, {"weight": 1})
    second = home.run(scales, {"weight": 2})
    assert [run.state for run in (first, again, second)] == [RunState.SUCCEEDED] * 3
    assert [outputs(home, run, "weight_of")["result"] for run in (first, again, second)] == [0, 1, 1]
    (known,) = list_models(home)
    assert (known.newest.name, known.versions, known.aliases) == ("scales", 2, {"champion": 2})
    moves = history_of(home, "scales")
    assert [(move.before, move.version, move.run) for move in moves] == [(0, 1, first.id), (1, 2, second.id)]
    assert all(move.decision.startswith("d_") for move in moves)


def test_what_no_gate_passed_fails_with_what_to_do(home: InlineApp) -> None:
    home.run(scales, {"weight": 1})
    failed = home.run(scales, {"weight": 2, "verdict": "FAIL"})
    assert failed.state is RunState.FAILED
    (cause,) = [cause for path, cause in causes(home, failed).items() if path == "register"]
    assert "says FAIL of version 2 of scales: it is FAIL" in cause.message
    assert 'nothing was registered: `register(..., override="REASON")` does it' in cause.message
    assert "model promote" not in cause.message
    assert cause.traceback == ""
    assert (cause.kind, "\n" in cause.message, cause.message[:8]) == (CauseKind.REFUSED, False, "decision")
    # Nothing of an effect that is refused stays.
    assert [line.version.version for line in list_versions(home, "scales")] == [1]


def test_a_plain_value_is_not_registered(home: InlineApp) -> None:
    failed = home.run(plain)
    assert failed.state is RunState.FAILED
    assert "takes an artifact, and was given a plain value" in str(causes(home, failed))


def test_a_task_gives_other_aliases(home: InlineApp) -> None:
    home.run(scales, {"weight": 1})
    home.run(given, {"which": "champion"})
    assert list_models(home)[0].aliases == {"champion": 1, "shadow": 1}
    failed = home.run(given, {"which": "7"})
    assert "scales has no version 7" in str(causes(home, failed))


def test_the_card_is_made_of_what_was_recorded(home: InlineApp) -> None:
    run = home.run(scales, {"weight": 3})
    card = card_of(home, "scales")
    document = card_document(card)
    assert (card.label, card.content, card.verified) == ("scales@1", "", True)
    assert document["params"]["weight"] == 3
    assert document["metrics"] == {"weight": 3.0}
    assert document["description"] == "<b>scales</b>"
    assert document["gate"]["reasons"] == ["it is PASS"]
    assert [one["made_by"]["task"] for one in document["data"]] == ["load"]
    assert [one["function"].rpartition(":")[2] for one in document["code"]["tasks"]] == ["train", "load"]
    assert document["moves"][0]["run"] == run.id
    lineage = trace_lineage(home, "model:scales@champion")
    assert lineage.starts == (card.version.artifact,)
    assert find_artifact(home, "model:scales@1") == card.version.artifact


def damage(home: InlineApp, version: int) -> None:
    with home.database.read() as connection:
        found = models.get(connection, home.settings.team, "scales", version)
        assert found is not None
        (artifact,) = artifacts.get_many(connection, home.settings.team, [found.artifact]).values()
    path = home.artifacts.path_of(content_of(artifact))
    assert path is not None
    path.chmod(0o600)
    Path(path).write_bytes(b"x" * artifact.size)


def test_damaged_content_is_told_and_nothing_points_to_it(home: InlineApp) -> None:
    for weight in (1, 2):
        home.run(scales, {"weight": weight})
    damage(home, 1)
    assert card_of(home, "scales@1").content
    with pytest.raises(StateError, match=r"scales@1 cannot be used"):
        rollback(home, "scales", reason="worse")
    with pytest.raises(StateError, match=r"scales@1 cannot be used"):
        promote(home, "scales@1", "shadow")
    assert list_models(home)[0].aliases == {"champion": 2}
    failed = home.run(given, {"which": "1"})
    assert failed.state is RunState.FAILED
    assert list_models(home)[0].aliases == {"champion": 2}


def test_who_had_it_at_a_moment(home: InlineApp) -> None:
    home.run(scales, {"weight": 1})
    between = home.clock.now()
    home.leaping.advance(3600)
    home.run(scales, {"weight": 2})
    home.leaping.advance(3600)
    rolled = rollback(home, "scales", reason="worse")
    found = who_had(home, "scales", between.isoformat())
    assert found.version is not None
    assert found.move is not None
    assert found.until is not None
    assert (found.version.version, found.move.before, found.until.version) == (1, 0, 2)
    now = who_had(home, "scales", "now")
    assert (now.move, now.until) == (rolled.move, None)
    assert who_had(home, "scales", "30 minutes ago").move.version == 2  # type: ignore[union-attr]
    before = who_had(home, "scales", "20 days ago")
    assert (before.move, before.version, before.until) == (None, None, found.move)
    for said, why in (("2030-01-01T00:00Z", "is not yet"), ("today", "whole day"), ("soon", "is no moment")):
        with pytest.raises(InputError, match=why):
            who_had(home, "scales", said)
    remove_alias(home, "scales", "champion")
    assert who_had(home, "scales", "now").version is None
    with pytest.raises(NotFound, match="there is no model 'scale'"):
        who_had(home, "scale", "now")


def test_no_policy_removes_what_is_registered(home: InlineApp) -> None:
    old = home.run(scales, {"weight": 1})
    lost = home.run(scales, {"weight": 2, "alias": ""})
    home.run(scales, {"weight": 3})
    home.leaping.advance("3d")
    gone = collect(home, Policy(keep=1, grace=timedelta(0)))
    assert gone.runs == []
    assert all(line.is_there for line in list_versions(home, "scales"))
    assert card_of(home, "scales@1").content == ""
    assert {old.id, lost.id} <= {line.version.run for line in list_versions(home, "scales")}


def test_promoting_what_is_champion_changes_nothing(home: InlineApp) -> None:
    home.run(scales, {"weight": 1})
    again = promote(home, "scales@1")
    assert again.move is None
    assert again.last is not None
    assert len(history_of(home, "scales")) == 1
