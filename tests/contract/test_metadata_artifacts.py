"""Artifacts, lineage, pushes, cache entries: what tasks leave for others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.metadata_records import NOW, TEAM, attempt, later, run, task
from tidemill.core.errors import InputError, NotFound
from tidemill.core.records import Artifact
from tidemill.core.states import AttemptState
from tidemill.core.values import ArtifactRef
from tidemill.storage.metadata import artifacts, attempts, cache, lineage, pushes, runs, task_runs
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.errors import DatabaseConflict

MODEL = Artifact("a1.1", "Model", {"rows": 5, "auc": 0.5}, "sklearn", "blake2b:aa", 2**33, "file", safe=False)
REMOTE = Artifact("a1.2", "Dataset", uri="s3://bucket/x", version="v1")


def test_artifacts_come_back_to_their_team_only(database: Database) -> None:
    with database.write() as connection:
        artifacts.put(connection, TEAM, "r1", "train", "0.0", 1, [MODEL, REMOTE], NOW)
        assert artifacts.get_many(connection, TEAM, ["a1.1", "a1.2", "no"]) == {"a1.1": MODEL, "a1.2": REMOTE}
        assert artifacts.get_many(connection, "other", ["a1.1"]) == {}
        assert artifacts.get_many(connection, TEAM, []) == {}
        key = ("r1", "train", "0.0", 1)
        assert artifacts.of_run(connection, "r1") == [(key, MODEL), (key, REMOTE)]
        assert artifacts.of_run(connection, "r1", "load") == []
        assert artifacts.producers(connection, TEAM, ["a1.1", "no"]) == {"a1.1": key}
        assert artifacts.producers(connection, "other", ["a1.1"]) == {}


def test_an_artifact_is_never_changed(database: Database) -> None:
    with database.write() as connection:
        artifacts.put(connection, TEAM, "r1", "train", "", 0, [MODEL], NOW)
        artifacts.put(connection, TEAM, "r1", "train", "", 0, [MODEL, REMOTE], later(1))
        with pytest.raises(DatabaseConflict, match="another artifact"):
            artifacts.put(connection, TEAM, "r1", "train", "", 0, [replace(MODEL, digest="blake2b:bb")], NOW)
        with pytest.raises(DatabaseConflict):
            artifacts.put(connection, TEAM, "r1", "evil", "", 0, [MODEL], NOW)
        artifacts.put(connection, "other", "r2", "train", "", 0, [replace(MODEL, digest="blake2b:bb")], NOW)
        assert artifacts.get_many(connection, TEAM, ["a1.1"]) == {"a1.1": MODEL}


def test_lineage_goes_both_ways(database: Database) -> None:
    with database.write() as connection:
        artifacts.use(connection, TEAM, "r1", "train", "", 0, ["a1.1", "a1.2"])
        artifacts.use(connection, TEAM, "r1", "train", "", 0, ["a1.1"])
        artifacts.use(connection, TEAM, "r2", "score", "1.0", 2, ["a1.1"])
        artifacts.use(connection, TEAM, "r2", "score", "1.0", 2, [])
        assert artifacts.used_by(connection, "r1", "train", "", 0) == ["a1.1", "a1.2"]
        assert artifacts.consumers(connection, TEAM, "a1.1") == [("r1", "train", "", 0), ("r2", "score", "1.0", 2)]
        assert artifacts.consumers(connection, "other", "a1.1") == []


def test_bytes_are_in_use_while_any_team_names_them(database: Database) -> None:
    with database.write() as connection:
        artifacts.put(connection, TEAM, "r1", "train", "", 0, [MODEL, REMOTE], NOW)
        artifacts.put(connection, "other", "r2", "train", "", 0, [replace(MODEL, digest="blake2b:bb")], NOW)
        assert artifacts.digests_in_use(connection) == {"blake2b:aa", "blake2b:bb"}
        asked = [f"blake2b:{n}" for n in range(1200)] + ["blake2b:bb"]
        assert artifacts.digests_in_use(connection, asked) == {"blake2b:bb"}


def test_a_preview_lies_beside_the_record_and_is_read_only_when_asked_for(database: Database) -> None:
    shown = replace(MODEL, output="model", preview={"is": "NoPreview", "reason": "\x00\u00e9"})
    with database.write() as connection:
        artifacts.put(connection, TEAM, "r1", "train", "", 0, [shown, REMOTE], NOW)
        # It is no part of what must be the same.
        artifacts.put(connection, TEAM, "r1", "train", "", 0, [replace(shown, preview={})], later(1))
        assert artifacts.get_many(connection, TEAM, ["a1.1"])["a1.1"].preview == {}
        (_, found), _ = artifacts.of_run(connection, "r1")
        assert (found.output, found.preview) == ("model", {})
        key = artifacts.TaskKey("r1", "train", "", 0)
        first, second = artifacts.stored_of_run(connection, "r1")
        assert (first.by, first.created_at, first.artifact.preview) == (key, NOW, shown.preview)
        assert second.artifact.preview == {}
        assert artifacts.stored(connection, TEAM, ["a1.1", "no"]) == {"a1.1": first}
        assert artifacts.stored(connection, "other", ["a1.1"]) == {}


@pytest.mark.parametrize("preview", [{"text": "x" * artifacts.PREVIEW_CHARACTERS}, {"bad": object()}])
def test_a_preview_that_cannot_be_kept_is_left_out(database: Database, preview: dict[str, object]) -> None:
    with database.write() as connection:
        artifacts.put(connection, TEAM, "r1", "train", "", 0, [replace(MODEL, preview=preview)], NOW)
        assert artifacts.stored_of_run(connection, "r1")[0].artifact.preview == {}


def test_the_beginning_of_an_id_is_enough(database: Database) -> None:
    made = [replace(MODEL, id=id) for id in ("b1.1", "b1.10", "b2.1")]
    with database.write() as connection:
        artifacts.put(connection, TEAM, "r1", "train", "", 0, made, NOW)
        assert artifacts.find(connection, TEAM, "b2") == "b2.1"
        assert artifacts.find(connection, TEAM, "b1.1") == "b1.1"
        with pytest.raises(InputError, match="several") as several:
            artifacts.find(connection, TEAM, "b1")
        assert "b1.1, b1.10" in several.value.remedy
        for unknown in ("", "c", "b3"):
            with pytest.raises(NotFound):
                artifacts.find(connection, TEAM, unknown)
        with pytest.raises(NotFound):
            artifacts.find(connection, "other", "b2.1")


def test_uses_and_reuses_of_many_runs_at_once(database: Database) -> None:
    train, score = artifacts.TaskKey("r1", "train", "", 0), artifacts.TaskKey("r2", "score", "1.0", 2)
    outputs = {"result": [ArtifactRef("a1.1"), ArtifactRef("a1.1", (0,))], "n": 1}
    taken = task("load", run="r2", outputs=outputs, reused_from="run r1, load")
    with database.write() as connection:
        runs.insert(connection, run("r1"))
        runs.insert(connection, replace(run("r2"), created_at=later(5)))
        artifacts.use(connection, TEAM, *train, ["a1.1"])
        artifacts.use(connection, TEAM, *score, ["a1.1", "a1.2"])
        task_runs.save(connection, TEAM, [taken, task("plain", run="r2")])
        assert lineage.uses_in(connection, TEAM, ["r1"]) == [(train, "a1.1")]
        assert set(lineage.uses_of(connection, TEAM, ["a1.1"])) == {(train, "a1.1"), (score, "a1.1")}
        assert lineage.uses_of(connection, "other", ["a1.1"]) == lineage.uses_in(connection, "other", ["r1"]) == []
        (reuse,) = lineage.reuses_in(connection, TEAM, ["r1", "r2"])
        assert (reuse.by, reuse.source, reuse.artifacts) == (("r2", "load", "", 0), "run r1, load", ("a1.1",))
        assert lineage.reuses_of(connection, TEAM, ["run r1, load", "run r1, x"]) == [reuse]
        assert lineage.reuses_of(connection, "other", ["run r1, load"]) == []
        assert lineage.newest_first(connection, ["r1", "r2", "gone"]) == {"r2": 0, "r1": 1, "gone": 2}


# --- pushes -----------------------------------------------------------------------------------------------------------


def test_the_last_push_of_a_key_counts(database: Database) -> None:
    with database.write() as connection:
        pushes.put(connection, TEAM, "a1", "loss", 1)
        pushes.put(connection, TEAM, "a1", "loss", 0.5)
        pushes.put(connection, TEAM, "a1", "model", [ArtifactRef("a1.1"), None])
        pushes.put(connection, TEAM, "a2", "loss", 2.0)
        attempts.begin(connection, TEAM, [attempt("a1"), attempt("a2", run="r2"), attempt("a3")])
        assert pushes.of_open(connection, "r1") == {"a1": {"loss": 0.5, "model": [ArtifactRef("a1.1"), None]}}
        assert pushes.of_open(connection, "r2") == {"a2": {"loss": 2.0}}
        attempts.settle(connection, [attempt("a1", state=AttemptState.FAILED)])
        assert pushes.of_open(connection, "r1") == {}
        with pytest.raises(InputError, match="key"):
            pushes.put(connection, TEAM, "a1", "\ud800", 1)


# --- cache ------------------------------------------------------------------------------------------------------------


def test_a_cache_entry_is_found_until_it_expires(database: Database) -> None:
    with database.write() as connection:
        runs.insert(connection, run(pipeline="churn"))
        cache.put(connection, TEAM, "k1", {"code": "c1"}, "r1", "train", "0.0", {"result": 1}, NOW, later(10))
        found = cache.get(connection, TEAM, "k1", later(9))
        assert found == cache.CacheEntry(
            "k1", {"code": "c1"}, "churn", "r1", "train", "0.0", {"result": 1}, NOW, later(10)
        )
        assert cache.get(connection, TEAM, "k1", later(10)) is None
        assert cache.get(connection, "other", "k1", NOW) is None
        assert cache.get(connection, TEAM, "k2", NOW) is None
        cache.put(connection, TEAM, "k1", {"code": "c1"}, "r1", "train", "0.0", {"result": 2}, later(11))
        again = cache.get(connection, TEAM, "k1", later(10**9))
        assert again is not None
        assert again.outputs == {"result": 2}


def test_a_miss_is_explained_by_the_newest_entry_of_the_node(database: Database) -> None:
    with database.write() as connection:
        runs.insert(connection, run("r1", pipeline="churn"))
        runs.insert(connection, run("r2", pipeline="eval"))
        cache.put(connection, TEAM, "k1", {"code": "old"}, "r1", "train", "", {}, NOW, later(1))
        cache.put(connection, TEAM, "k2", {"code": "new", "n": 1}, "r1", "train", "", {}, later(5), later(6))
        cache.put(connection, TEAM, "k3", {"code": "not this"}, "r2", "train", "", {}, later(9))
        cache.put(connection, TEAM, "k4", {"code": "nor this"}, "r1", "load", "", {}, later(9))
        (found,) = cache.latest_for(connection, TEAM, "churn", "train")
        assert found.parts == {"code": "new", "n": 1}
        assert [entry.key for entry in cache.latest_for(connection, TEAM, "churn", "train", 5)] == ["k2", "k1"]
        assert cache.latest_for(connection, TEAM, "churn", "score") == []
        assert cache.forget(connection, TEAM, ["k2", "k9"]) == 1
        assert cache.forget(connection, "other", ["k1"]) == 0
        (remaining,) = cache.latest_for(connection, TEAM, "churn", "train")
        assert remaining.key == "k1"


def test_what_a_task_run_left_is_forgotten_whatever_its_keys(database: Database) -> None:
    maker = artifacts.TaskKey("r1", "train", "0.0", 0)
    with database.write() as connection:
        runs.insert(connection, run())
        for number, place in enumerate([("r1", "train", "0.0"), ("r1", "train", "0.0"), ("r1", "train", "1.0")]):
            cache.put(connection, TEAM, f"k{number}", {}, *place, {"result": number}, NOW)
        cache.put(connection, "other", "k0", {}, "r1", "train", "0.0", {}, NOW)
        assert cache.forget_made_by(connection, TEAM, []) == 0
        assert cache.forget_made_by(connection, TEAM, [maker, maker._replace(generation=1), maker]) == 2
        assert [cache.get(connection, TEAM, f"k{number}", NOW) is None for number in range(3)] == [True, True, False]
        assert cache.get(connection, "other", "k0", NOW) is not None
