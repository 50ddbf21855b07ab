"""What `gc` removes and what it never does, on both databases; cut anywhere, the next one finishes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.contract.collecting_tasks import collected, other
from tidemill.actions.collecting.decide import Policy
from tidemill.actions.collecting.facts import tell_nobody
from tidemill.actions.collecting.removing import Collected, carry_out
from tidemill.actions.data.versions import find_snapshot, remove_snapshot, take_snapshot
from tidemill.actions.gc import Limits, collect, foresee_collection, keep_run, policy_of, verify_artifacts
from tidemill.actions.runs import find_run, retry_run
from tidemill.app import content_of
from tidemill.core import crash
from tidemill.core.errors import InputError, NotFound, StateError
from tidemill.core.history import AttemptRecord, RunRecord
from tidemill.core.records import Artifact
from tidemill.core.states import AttemptState, RunState
from tidemill.core.values import references
from tidemill.storage.artifacts.content import Content
from tidemill.storage.artifacts.digests import digest_of
from tidemill.storage.metadata import artifacts, attempts, cache, runs, tables, task_runs
from tidemill.testing import InlineApp, arm, disarm, states

NOW = Policy(grace=timedelta(0))
ONE = replace(NOW, keep=1)
POINTS = [
    "gc.run-taken",
    "gc.run-removed",
    "gc.part-removed",
    "gc.records-removed",
    "gc.before-bytes",
    "gc.bytes-removed",
]


@pytest.fixture(autouse=True)
def unarmed() -> Iterator[None]:
    yield
    disarm()


def run(home: InlineApp, definition: Any, params: dict[str, int] | None = None, **more: Any) -> RunRecord:
    """A run, and the next one is a newer one."""
    done = home.run(definition, params or {}, **more)
    home.leaping.advance(1)
    return done


def gone(home: InlineApp, policy: Policy = ONE) -> Collected:
    home.leaping.advance(1)
    return collect(home, policy)


def rows_of(home: InlineApp, run: str) -> dict[str, int]:
    """How many rows of each table belong to a run; tables without any are left out."""
    found = {}
    with home.database.read() as connection:
        for name, table in tables.metadata.tables.items():
            if "run" in table.c and name not in ("artifacts", "cache_entries"):
                query = select(func.count()).select_from(table).where(table.c.run == run)
                if number := connection.execute(query).scalar_one():
                    found[name] = number
    return found


def names_of(home: InlineApp) -> set[str]:
    with home.database.read() as connection:
        return set(connection.execute(select(tables.artifacts.c.id)).scalars())


def is_whole(home: InlineApp, run: RunRecord) -> bool:
    with home.database.read() as connection:
        made = artifacts.of_run(connection, run.id)
        uses = select(tables.artifact_uses.c.artifact).where(tables.artifact_uses.c.run == run.id)
        rows = task_runs.load(connection, run.id)
        used = {ref.id for row in rows for value in row.outputs.values() for ref in references(value)}
        used.update(connection.execute(uses).scalars())
        found = artifacts.get_many(connection, run.team, sorted(used))
    assert set(found) == used
    return all(home.verify(one) == "" for one in [*found.values(), *(one for _, one in made)])


def tried(home: InlineApp, done: RunRecord) -> list[str]:
    """The tasks that were computed and not reused."""
    with home.database.read() as connection:
        return sorted(one.path for one in attempts.of_run(connection, done.id))


@contextmanager
def as_if_cut(point: str) -> Iterator[None]:
    class Cut(BaseException):
        pass

    def cut() -> None:
        raise Cut

    arm(point, cut)
    with pytest.raises(Cut):
        yield
    disarm()


def test_what_is_beyond_the_number_goes_with_all_that_hangs_on_it(home: InlineApp) -> None:
    old, new = run(home, collected, {"seed": 1}), run(home, collected, {"seed": 2})
    logs = home.settings.logs
    assert rows_of(home, old.id)
    before = names_of(home)
    home.leaping.advance(1)
    foreseen = foresee_collection(home, ONE)
    assert [(one.name, one.why) for one in foreseen.plan.runs] == [(old.id, "1 newer ones of collected are kept")]
    assert names_of(home) == before, "foreseeing removes nothing"
    done = collect(home, ONE)
    assert done.runs == [old.id]
    assert rows_of(home, old.id) == {}
    assert not list(logs.glob(f"{old.id}*"))
    assert list(logs.glob(f"{new.id}*"))
    assert done.artifacts == len(before) - len(names_of(home)) == 3, "the kept result stays"
    assert done.objects == 3, "fresh rows, a file and a listing; what others have too stays"
    assert is_whole(home, new)
    with pytest.raises(NotFound, match=r"was removed on 2026-01-01 by .* because 1 newer ones"):
        find_run(home, old.id)
    again = gone(home)
    assert (again.runs, again.artifacts, again.objects) == ([], 0, 0)


def test_a_kept_result_outlives_its_run_and_is_reused(home: InlineApp) -> None:
    old = run(home, collected, {"seed": 1})
    run(home, collected, {"seed": 2})
    gone(home)
    third = run(home, other, {"seed": 1})
    assert tried(home, third) == ["same"]
    assert is_whole(home, third)
    with pytest.raises(NotFound):
        find_run(home, old.id)


def test_what_a_run_that_stays_reused_is_kept_though_it_is_in_force_no_more(home: InlineApp) -> None:
    run(home, collected, {"seed": 1})
    reuser = run(home, other, {"seed": 1})
    run(home, collected, {"seed": 2})
    home.leaping.advance(10)
    ended = gone(home, replace(ONE, cache_older_than=timedelta(seconds=5)))
    assert ended.ended == 2
    later = gone(home)
    assert later.expired == 2
    assert is_whole(home, reuser)
    assert states(home, reuser)["kept"] == "succeeded"
    again = run(home, other, {"seed": 1})
    assert tried(home, again) == ["kept", "same"]


def test_what_a_replaced_result_consisted_of_is_spared_for_the_grace(home: InlineApp) -> None:
    first = run(home, other, {"seed": 1})
    with home.database.read() as connection:
        (old,) = [one.id for by, one in artifacts.of_run(connection, first.id) if by.path == "kept"]
    home.leaping.advance(7200)
    run(home, other, {"seed": 1}, refresh=("*",))
    home.leaping.advance(60)
    policy = Policy(keep=1, grace=timedelta(hours=1))
    assert gone(home, policy).runs == [first.id]
    assert old in names_of(home)
    home.leaping.advance(7200)
    gone(home, policy)
    assert old not in names_of(home)


def test_kept_unfinished_and_held_runs_stay(home: InlineApp) -> None:
    tagged, held, plain, newest = (run(home, other, {"seed": n}) for n in range(4))
    keep_run(home, tagged.id, "published")
    owner = home.owner()
    with home.database.write() as connection:
        assert runs.take(connection, held.id, owner.id) is not None
        waiting = replace(plain, id="waiting00000", state=RunState.QUEUED, previous="", ended_at=None)
        runs.insert(connection, waiting)
    home.leaping.advance(1)
    policy = Policy(older_than=timedelta(0), keep=1, max_bytes=0, grace=timedelta(seconds=1))
    foreseen = foresee_collection(home, policy)
    why = {one.name: one.why for one in foreseen.plan.stays}
    assert why[tagged.id] == "it is kept: published"
    assert why[held.id] == "an engine holds it"
    assert why["waiting00000"] == "it has not finished"
    assert why[newest.id] == "it is the newest finished run of its pipeline"
    home.leaping.advance(60)
    assert collect(home, replace(policy, grace=timedelta(minutes=1))).runs == [plain.id]
    # A dead owner holds nothing.
    owner.close()
    keep_run(home, tagged.id, "")
    assert sorted(collect(home, replace(policy, grace=timedelta(minutes=1))).runs) == sorted([tagged.id, held.id])


def test_a_run_is_left_that_is_taken_up_between_plan_and_removal(home: InlineApp) -> None:
    first, _ = run(home, other, {"seed": 1}), run(home, other, {"seed": 2})
    owner, theirs = home.owner(), home.owner()
    home.leaping.advance(1)
    taken: list[int | None] = []

    def meanwhile(what: str, number: int, of: int) -> None:
        if what == "runs removed" and not taken:
            with home.database.write() as connection:
                taken.append(runs.take(connection, first.id, theirs.id))

    done = carry_out(home, owner, ONE, meanwhile)
    assert taken != [None]
    assert (done.runs, list(done.left)) == ([], [first.id])
    assert is_whole(home, find_run(home, first.id))
    for one in (owner, theirs):
        one.close()


def test_a_run_stays_that_an_unfinished_one_follows_on_and_is_no_previous_one_when_it_has_gone(
    home: InlineApp,
) -> None:
    first, second, third = (run(home, other, {"seed": n}) for n in range(3))
    assert (second.previous, third.previous) == (first.id, second.id)
    with home.database.write() as connection:
        waiting = replace(first, id="waiting00000", state=RunState.QUEUED, previous=second.id, ended_at=None)
        runs.insert(connection, waiting)
    assert gone(home).runs == [first.id]
    assert find_run(home, second.id).previous == ""
    assert find_run(home, third.id).previous == second.id


@pytest.mark.parametrize("point", POINTS)
def test_cut_anywhere_the_next_one_finishes(home: InlineApp, point: str) -> None:
    assert set(POINTS) == {name for name in crash.registered() if name.startswith("gc.")}
    old, new = run(home, collected, {"seed": 1}), run(home, collected, {"seed": 2})
    home.leaping.advance(1)
    with as_if_cut(point):
        collect(home, ONE)
    assert is_whole(home, new)
    if point == "gc.run-taken":
        assert is_whole(home, find_run(home, old.id))
    gone(home)
    assert rows_of(home, old.id) == {}
    assert is_whole(home, new)
    named = {digest for _, digest in contents(home)}
    assert set(home.artifacts.digests()) == named
    assert is_whole(home, run(home, other, {"seed": 1}))


def contents(home: InlineApp) -> Iterator[tuple[str, str]]:
    """Artifact and digest of everything that a record consists of."""
    with home.database.read() as connection:
        found = artifacts.get_many(connection, "default", sorted(names_of(home)))
    for one in found.values():
        yield one.id, one.digest
        for entry in home.artifacts.listing(content_of(one)):
            if entry.digest is not None:
                yield one.id, entry.digest


def test_a_removed_run_cannot_be_retried(home: InlineApp) -> None:
    old, _ = run(home, other, {"seed": 1}), run(home, other, {"seed": 2})
    gone(home)
    with pytest.raises(NotFound):
        retry_run(home, old.id, ("same",))


# --- bytes ------------------------------------------------------------------------------------------------------------


def test_bytes_that_nobody_names_go(home: InlineApp) -> None:
    one = run(home, other)
    home.artifacts.put_bytes(b"left by a crash")
    foreseen = foresee_collection(home, NOW)
    assert (foreseen.objects, foreseen.bytes) == (1, 15)
    done = gone(home, NOW)
    assert (done.objects, done.bytes) == (1, 15)
    assert is_whole(home, one)


def test_bytes_that_were_put_lately_are_spared(home: InlineApp) -> None:
    home.artifacts.put_bytes(b"just now")
    done = gone(home, Policy())
    assert (done.objects, done.spared) == (0, 1)


def test_bytes_that_are_put_again_at_the_last_moment_are_spared(home: InlineApp) -> None:
    """Somebody puts the same, and somebody else commits a record of another, after the collection has looked."""
    twice, named = home.artifacts.put_bytes(b"twice"), home.artifacts.put_bytes(b"named")
    record = Artifact("late", "Dataset", codec="file", digest=named.digest, size=named.size, kind="file")

    def meanwhile(what: str, number: int, of: int) -> None:
        if what == "stored content looked at":
            with home.database.write() as connection:
                artifacts.put(connection, "default", "run", "task", "", 0, [record], home.clock.now())

    def put_again() -> None:
        home.artifacts.put_bytes(b"twice")

    arm("gc.before-bytes", put_again)
    owner = home.owner()
    done = carry_out(home, owner, NOW, meanwhile)
    owner.close()
    assert (done.objects, done.spared) == (0, 2)
    assert home.artifacts.exists(twice)
    assert home.artifacts.exists(named)


def test_what_was_stored_since_the_oldest_open_attempt_is_spared(home: InlineApp) -> None:
    home.artifacts.put_bytes(b"not recorded yet")
    begun = AttemptRecord("one", "run", "task", "", 0, 1, AttemptState.STARTED, home.clock.now())
    with home.database.write() as connection:
        attempts.begin(connection, "default", [begun])
    with pytest.raises(StateError, match="run run is under way"):
        collect(home, NOW)
    owner = home.owner()
    done = carry_out(home, owner, NOW, tell_nobody)
    owner.close()
    assert (done.objects, done.spared) == (0, 1)
    assert any("an attempt of run run is not over" in note for note in done.notes)


def test_content_of_another_team_stays(home: InlineApp) -> None:
    kept = home.artifacts.put_bytes(b"theirs")
    record = Artifact("x", "Dataset", codec="file", digest=kept.digest, size=kept.size, kind="file")
    with home.database.write() as connection:
        artifacts.put(connection, "others", "", "", "", 0, [record], home.clock.now())
    gone(home, NOW)
    assert home.artifacts.exists(kept)
    assert names_of(home) == {"x"}


def test_a_folder_that_cannot_tell_its_files_stops_the_removal_of_bytes(home: InlineApp, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "file").write_text("inside")
    tree = home.artifacts.put_tree(tmp_path / "made")
    record = Artifact("t", "Dataset", codec="folder", digest=tree.digest, size=tree.size, kind="tree")
    with home.database.write() as connection:
        artifacts.put(connection, "others", "", "", "", 0, [record], home.clock.now())
    home.artifacts.delete(tree.digest)
    done = gone(home, NOW)
    assert done.objects == 0
    assert "cannot tell" in " ".join(done.notes)
    assert home.artifacts.exists(Content(digest_of(b"inside"), 6))


def test_a_store_that_others_may_use_is_not_touched_unless_it_is_said(home: InlineApp, tmp_path: Path) -> None:
    shared = f"file://{tmp_path / 'shared'}"
    settings = replace(home.settings, artifacts_url=shared, database_url=f"sqlite:///{tmp_path / 'own.db'}")
    with InlineApp(settings, home.leaping) as app:
        app.artifacts.put_bytes(b"of another home")
        done = collect(app, NOW)
        assert done.objects == 0
        assert "--alone" in " ".join(done.notes)
        assert collect(app, NOW, alone=True).objects == 1


# --- snapshots --------------------------------------------------------------------------------------------------------


def test_a_snapshot_keeps_its_content_until_it_is_released(home: InlineApp, tmp_path: Path) -> None:
    path = tmp_path / "raw"
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "a.csv").write_text("a")
    taken = take_snapshot(home, path)
    content = content_of(taken.artifact)
    gone(home, NOW)
    assert home.artifacts.exists(content)
    home.artifacts.verify(content)
    with pytest.raises(StateError, match=r"raw\.tide names raw@"):
        remove_snapshot(home, f"raw@{taken.snapshot.version}")
    remove_snapshot(home, f"raw@{taken.snapshot.version}", force=True)
    done = gone(home, NOW)
    assert (done.artifacts, done.objects) == (1, 2)
    assert not home.artifacts.exists(content)
    with pytest.raises(NotFound):
        find_snapshot(home, "raw")


def test_content_collected_while_a_snapshot_was_taken_is_put_again(home: InlineApp, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("slow to put")
    digest = digest_of(b"slow to put")

    def collected_before_the_record() -> None:
        disarm()
        assert home.artifacts.delete(digest)

    arm("metadata.before-commit", collected_before_the_record)
    taken = take_snapshot(home, path)
    assert home.artifacts.exists(content_of(taken.artifact))


# --- damage, and what may be asked for --------------------------------------------------------------------------------


def test_damage_is_found_and_named_with_what_heals_it(home: InlineApp) -> None:
    one = run(home, collected)
    assert verify_artifacts(home).damage == ()
    with home.database.read() as connection:
        made = {by.path: it for by, it in artifacts.of_run(connection, one.id)}
    home.artifacts.delete(made["fresh"].digest)
    listed = home.artifacts.listing(content_of(made["folder"]))
    inside = next(entry.digest for entry in listed if entry.path == "two.txt")
    assert inside is not None
    home.artifacts.delete(inside)
    found = {it.artifact: it for it in verify_artifacts(home).damage}
    assert set(found) == {made["fresh"].id, made["folder"].id}
    assert found[made["fresh"].id].made_by == f"fresh of run {one.id} (collected)"
    assert found[made["fresh"].id].heal == f"`tidemill retry {one.id} --also fresh`"
    assert found[made["folder"].id].problem.startswith("two.txt: ")
    home.retry(one, "fresh", "folder")
    assert verify_artifacts(home).damage == ()


def test_what_cannot_be_a_policy_is_refused(home: InlineApp) -> None:
    for limits in (Limits(older_than="soon"), Limits(keep=0), Limits(max_size="many"), Limits(grace="-1h")):
        with pytest.raises(InputError):
            policy_of(limits, home.settings)
    settings = replace(home.settings, gc_older_than="30d", gc_keep=5, gc_max_size="2GB")
    assert policy_of(Limits(keep=2), settings) == Policy(timedelta(days=30), 2, 2_000_000_000)


def test_two_collections_of_a_home_do_not_work_at_once(home: InlineApp) -> None:
    def second(what: str, number: int, of: int) -> None:
        with pytest.raises(StateError, match="another collection"):
            collect(home, NOW)

    collect(home, NOW, second)


def test_a_replaced_result_remembers_what_it_replaced(home: InlineApp) -> None:
    with home.database.write() as connection:
        for outputs in ({"return": 1}, {"return": 2}):
            cache.put(connection, "default", "k", {}, "r", "p", "", outputs, home.clock.now())
        former = connection.execute(select(tables.cache_entries.c.former)).scalar_one()
    assert former == '{"return":1}'
