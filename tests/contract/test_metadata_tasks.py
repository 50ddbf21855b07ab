"""Task runs and attempts: bulk writes, ends that stand, generations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from tests.contract.metadata_records import NOW, TEAM, attempt, later, run, task
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.errors import StateError
from tidemill.core.history import TaskKind
from tidemill.core.records import Steer, Usage, Wake
from tidemill.core.states import AttemptState, TaskState
from tidemill.core.values import ArtifactRef
from tidemill.storage.metadata import attempts, leaves, runs, task_runs
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.errors import DatabaseConflict, RowDamaged

FULL = task(
    "folds/fit",
    "2.0/0.1",
    4,
    kind=TaskKind.MAP,
    state=TaskState.SUSPENDED,
    outputs={"result": [1, 1.0, ArtifactRef("a1.1", ("x", 0))]},
    inputs={"rows": None},
    cause=Cause(CauseKind.DATA, "no such column", by="load"),
    count=0,
    sizes=(3, 4),
    round=1,
    attempts=5,
    failures=2,
    losses=1,
    steer=Steer(follow=(), skip=("b",), transitive=True),
    wake=Wake(at=NOW, approval="ann", resume={"n": 1}),
    due_at=later(1),
    deadline_at=later(2),
    started_at=later(3),
    ended_at=later(4),
    reused_from="r0",
)


def test_every_field_of_a_task_run_comes_back(database: Database) -> None:
    with database.write() as connection:
        assert task_runs.save(connection, TEAM, [FULL, task()]) == 0
    with database.read() as connection:
        assert task_runs.load(connection, "r1") == [FULL, task()]
        assert task_runs.load(connection, "r2") == []


def test_saving_again_overwrites_until_the_end(database: Database) -> None:
    done = task(state=TaskState.SUCCEEDED, outputs={"result": 1}, attempts=1)
    with database.write() as connection:
        assert task_runs.save(connection, TEAM, []) == 0
        assert task_runs.save(connection, TEAM, [task()]) == 0
        assert task_runs.save(connection, TEAM, [done]) == 0
        assert task_runs.save(connection, TEAM, [done]) == 0
        assert task_runs.save(connection, TEAM, [task(state=TaskState.FAILED)]) == 1
        assert task_runs.save(connection, TEAM, [task(), task("b"), task(state=TaskState.CANCELLED)]) == 2
        assert task_runs.load(connection, "r1") == [task("b"), done]


@pytest.mark.parametrize("end", [state for state in TaskState if state.final])
def test_every_end_stands(database: Database, end: TaskState) -> None:
    with database.write() as connection:
        task_runs.save(connection, TEAM, [task(state=end)])
        for state in TaskState:
            assert task_runs.save(connection, TEAM, [task(state=state)]) == (state is not end)


def test_the_newest_generation_counts_and_the_older_ones_stay(database: Database) -> None:
    rows = [
        task("a", state=TaskState.FAILED),
        task("a", generation=1, state=TaskState.FAILED),
        task("a", generation=2),
        task("b", "0.0", state=TaskState.SUCCEEDED),
        task("b", "0.1", state=TaskState.SUCCEEDED),
        task("c", run="r2", state=TaskState.SKIPPED),
    ]
    with database.write() as connection:
        assert task_runs.save(connection, TEAM, rows) == 0
        assert task_runs.load(connection, "r1") == rows[2:5]
        assert task_runs.history(connection, "r1", "a", "") == rows[:3]
        assert task_runs.superseded(connection, "r1") == rows[:2]
        assert task_runs.superseded(connection, "r2") == []
        assert task_runs.counts(connection, "r1") == {TaskState.RUNNING: 1, TaskState.SUCCEEDED: 2}
        assert task_runs.counts(connection, "r3") == {}
        assert task_runs.state_of(connection, "r1", ["a", "b", "nowhere"]) == {
            ("a", ""): TaskState.RUNNING,
            ("b", "0.0"): TaskState.SUCCEEDED,
            ("b", "0.1"): TaskState.SUCCEEDED,
        }


def test_thousands_are_written_and_asked_for_at_once(database: Database) -> None:
    rows = [task(f"t{n:04}", attempts=n) for n in range(3000)]
    with database.write() as connection:
        assert task_runs.save(connection, TEAM, rows) == 0
        done = [task(row.path, state=TaskState.SUCCEEDED) for row in rows[:1000]]
        assert task_runs.save(connection, TEAM, done) == 0
        assert task_runs.save(connection, TEAM, rows) == 1000
    with database.read() as connection:
        assert len(task_runs.load(connection, "r1")) == 3000
        assert task_runs.counts(connection, "r1") == {TaskState.SUCCEEDED: 1000, TaskState.RUNNING: 2000}
        assert len(task_runs.state_of(connection, "r1", [row.path for row in rows])) == 3000


# --- those that are over and out of the ordinary in nothing ---

LEAF = task(
    "fit",
    "0.0",
    state=TaskState.SUCCEEDED,
    outputs={"result": [1, 1.0, ArtifactRef("a1.1", ("x", 0))], "odd": ArtifactRef('a"1\\.2')},
    cause=Cause(CauseKind.DATA, "no such column", by="load"),
    attempts=5,
    failures=2,
    losses=1,
    started_at=later(3),
    ended_at=later(4),
)
ORDINARY = [
    LEAF,
    task("fit", "1.0", state=TaskState.FAILED, outputs={"text": '"$artifact":["none"]'}),
    task("fit", "10.0", state=TaskState.UPSTREAM_FAILED),
    task("fit", "2.0", state=TaskState.SKIPPED),
    task("load", state=TaskState.CANCELLED),
]
DIFFERENT: list[dict[str, Any]] = [
    {"kind": TaskKind.MAP},
    {"inputs": {"x": 1}},
    {"count": 0},
    {"sizes": (3,)},
    {"round": 1},
    {"steer": Steer()},
    {"wake": Wake()},
    {"due_at": NOW},
    {"deadline_at": NOW},
    {"reused_from": "r0"},
    {"generation": 1},
    {"state": TaskState.RUNNING},
    {"state": TaskState.RETRYING},
    {"state": TaskState.REMOVED},
]


def test_what_is_ordinary_is_read_when_it_is_asked_for(database: Database) -> None:
    odd = [replace(LEAF, path="odd", instance=f"{at}.0", **fields) for at, fields in enumerate(DIFFERENT, 10)]
    with database.write() as connection:
        task_runs.save(connection, TEAM, [*odd, *ORDINARY, task("fit", "3.0", run="r2", state=TaskState.FAILED)])
    with database.read() as connection:
        others, ended = leaves.load(connection, "r1")
        nothing = leaves.load(connection, "r3")
    assert others == odd
    assert ended.states() == {
        "fit": {
            "0.0": TaskState.SUCCEEDED,
            "1.0": TaskState.FAILED,
            "10.0": TaskState.UPSTREAM_FAILED,
            "2.0": TaskState.SKIPPED,
        },
        "load": {"": TaskState.CANCELLED},
    }
    assert [ended.record(row.path, row.instance) for row in ORDINARY] == ORDINARY
    assert ended.references() == {"a1.1", 'a"1\\.2'}
    assert len(ended) == len(ORDINARY)
    assert nothing[0] == []
    assert not nothing[1]


def test_what_has_a_newer_generation_is_ordinary_no_more(database: Database) -> None:
    newer = task("fit", "1.0", generation=1, state=TaskState.PENDING)
    with database.write() as connection:
        task_runs.save(connection, TEAM, [*ORDINARY, newer])
        others, ended = leaves.load(connection, "r1")
    assert others == [newer]
    assert "1.0" not in ended.states()["fit"]
    with pytest.raises(KeyError):
        ended.record("fit", "1.0")


def test_where_a_row_is_damaged_is_told(database: Database) -> None:
    running = task("load")
    with database.write() as connection:
        task_runs.save(connection, TEAM, [*ORDINARY, running])
        attempts.begin(connection, TEAM, [attempt()])
        connection.execute(text("UPDATE task_runs SET outputs = 'top-secret' WHERE path = 'fit'"))
        _, ended = leaves.load(connection, "r1")
        with pytest.raises(RowDamaged, match="10 characters in column outputs of table task_runs"):
            ended.record("fit", "0.0")
        assert ended.record("load", "") == ORDINARY[-1]
        with pytest.raises(RowDamaged, match="column outputs of table task_runs"):
            task_runs.load(connection, "r1")
        connection.execute(text("UPDATE attempts SET started_at = 'yesterday'"))
        with pytest.raises(RowDamaged, match="column started_at of table attempts"):
            attempts.open_of(connection, "r1")


# --- attempts ---------------------------------------------------------------------------------------------------------

ENDED = attempt(
    "a2",
    instance="1.0",
    generation=1,
    number=2,
    state=AttemptState.LOST,
    executor="processes",
    epoch=7,
    pid=4711,
    ended_at=later(5),
    cause=Cause(CauseKind.INFRASTRUCTURE, "killed by SIGKILL", signal="SIGKILL"),
    usage=Usage(1.25, 0.1, 2**40),
    notes=("spawned, not forked", "half \ud800 a pair"),
)


def test_every_field_of_an_attempt_comes_back(database: Database) -> None:
    with database.write() as connection:
        attempts.begin(connection, TEAM, [ENDED, attempt()])
    with database.read() as connection:
        assert attempts.of_run(connection, "r1") == [attempt(), ENDED]
        assert attempts.of_task(connection, "r1", "train", "1.0") == [ENDED]
        assert attempts.of_task(connection, "r1", "train", "1.0", 0) == []
        assert attempts.open_of(connection, "r1") == [attempt()]


def test_the_last_attempt_is_the_one_with_the_largest_number(database: Database) -> None:
    with database.write() as connection:
        attempts.begin(connection, TEAM, [attempt(f"r1.{n}") for n in range(1, 13)])
        attempts.begin(connection, TEAM, [attempt("r2.400", run="r2")])
        attempts.settle(connection, [attempt("r1.12", state=AttemptState.LOST)])
        assert attempts.last_number(connection, "r1") == 12
        assert attempts.last_number(connection, "r3") == 0


def test_an_attempt_begins_once(database: Database) -> None:
    with pytest.raises(DatabaseConflict), database.write() as connection:
        attempts.begin(connection, TEAM, [attempt(), attempt()])


def test_an_attempt_ends_once(database: Database) -> None:
    begun = [attempt(f"a{n}", number=n) for n in range(5)]
    failed = [attempt(f"a{n}", number=n, state=AttemptState.FAILED, ended_at=later(n)) for n in range(5)]
    succeeded = [attempt(f"a{n}", number=n, state=AttemptState.SUCCEEDED) for n in range(5)]
    with database.write() as connection:
        attempts.begin(connection, TEAM, begun)
        assert attempts.settle(connection, []) == frozenset()
        assert attempts.settle(connection, [failed[0]]) == {"a0"}
        assert attempts.settle(connection, [succeeded[0]]) == frozenset()
        assert attempts.settle(connection, [succeeded[0], failed[1], failed[2], succeeded[2]]) == {"a1", "a2"}
        assert attempts.settle(connection, succeeded) == {"a3", "a4"}
        assert attempts.settle(connection, [attempt("nobody", state=AttemptState.FAILED)]) == frozenset()
        assert attempts.open_of(connection, "r1") == []
        assert attempts.of_task(connection, "r1", "train", "", 0) == [*failed[:3], *succeeded[3:]]


def test_starting_is_no_end(database: Database) -> None:
    with pytest.raises(StateError), database.write() as connection:
        attempts.settle(connection, [attempt()])


def test_the_process_is_noted_while_the_attempt_is_open(database: Database) -> None:
    with database.write() as connection:
        attempts.begin(connection, TEAM, [attempt()])
        assert attempts.mark_pid(connection, "a1", 4711)
        assert [found.pid for found in attempts.open_of(connection, "r1")] == [4711]
        attempts.settle(connection, [attempt(state=AttemptState.SUCCEEDED, pid=4711)])
        assert not attempts.mark_pid(connection, "a1", 5)


def test_a_commit_of_several_runs_drops_the_part_whose_lease_is_lost(database: Database) -> None:
    with database.write() as connection:
        for id_ in ("r1", "r2"):
            runs.insert(connection, run(id_))
            runs.take(connection, id_, "one")
    with database.write() as connection:
        runs.steal(connection, "r1", "one", 1, 1, "two")
    with database.write() as connection:
        for id_ in ("r1", "r2"):
            if runs.guard(connection, id_, "one", 1, 2):
                task_runs.save(connection, TEAM, [task(run=id_)])
    with database.read() as connection:
        assert task_runs.load(connection, "r1") == []
        assert task_runs.load(connection, "r2") == [task(run="r2")]
