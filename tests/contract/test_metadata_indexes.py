"""The queries that run all the time find their rows by an index: none of them may slow down as history grows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from tests.contract.metadata_records import NOW, TEAM, attempt, run, task
from tidemill.core.filter_text import parse_filter
from tidemill.core.records import Artifact
from tidemill.core.states import AttemptState
from tidemill.storage.metadata import (
    artifacts,
    attempts,
    cache,
    commands,
    events,
    leaves,
    limits,
    lineage,
    metrics,
    pushes,
    runs,
    selecting,
    task_runs,
)
from tidemill.storage.metadata.database import Database


def _page(connection: Connection, text: str) -> object:
    condition = parse_filter(text)
    clause = selecting.clause_of(condition, TEAM, NOW)
    return selecting.page(connection, TEAM, clause, selecting.asked(condition), NOW)


QUERIES: dict[str, Callable[[Connection], object]] = {
    "claimable": runs.claimable,
    "held": runs.held,
    "renew": lambda c: runs.renew(c, "one"),
    "guard": lambda c: runs.guard(c, "r1", "one", 1, 1),
    "find": lambda c: runs.find(c, TEAM, "r1"),
    "same request": lambda c: runs.insert(c, run(request_key="k")),
    "listing": lambda c: runs.listing(c, TEAM, before="r1"),
    "listing of a pipeline": lambda c: runs.listing(c, TEAM, pipeline="churn"),
    "previous": lambda c: runs.previous(c, TEAM, "churn", run()),
    "save": lambda c: task_runs.save(c, TEAM, [task()]),
    "load": lambda c: task_runs.load(c, "r1"),
    "leaves": lambda c: leaves.load(c, "r1"),
    "counts": lambda c: task_runs.counts(c, "r1"),
    "state_of": lambda c: task_runs.state_of(c, "r1", ["a", "b"]),
    "history": lambda c: task_runs.history(c, "r1", "a", ""),
    "settle": lambda c: attempts.settle(c, [attempt(f"x{n}", state=AttemptState.FAILED) for n in range(2)]),
    "open": lambda c: attempts.open_of(c, "r1"),
    "last attempt": lambda c: attempts.last_number(c, "r1"),
    "pushes of what is out": lambda c: pushes.of_open(c, "r1"),
    "attempts of a task": lambda c: attempts.of_task(c, "r1", "a", ""),
    "pending": lambda c: commands.pending(c, ["r1", "r2"]),
    "runs with commands": commands.runs_with_pending,
    "consume": lambda c: commands.consume(c, [1, 2]),
    "events": lambda c: events.read(c, "r1", after=5),
    "unread": lambda c: events.unread(c, "mail"),
    "release": lambda c: limits.release(c, ["a", "b"]),
    "claim": lambda c: limits.claim(c, TEAM, "a", "r1", "k"),
    "artifacts": lambda c: artifacts.get_many(c, TEAM, ["a", "b"]),
    "artifacts of a run": lambda c: artifacts.of_run(c, "r1", "a"),
    "consumers": lambda c: artifacts.consumers(c, TEAM, "a"),
    "artifacts with previews": lambda c: artifacts.stored(c, TEAM, ["a", "b"]),
    "previews of a run": lambda c: artifacts.stored_of_run(c, "r1"),
    "beginning of an artifact": lambda c: artifacts.find(c, TEAM, "x"),
    "uses in runs": lambda c: lineage.uses_in(c, TEAM, ["r1", "r2"]),
    "uses of artifacts": lambda c: lineage.uses_of(c, TEAM, ["a", "b"]),
    "reuses in runs": lambda c: lineage.reuses_in(c, TEAM, ["r1", "r2"]),
    "reuses of": lambda c: lineage.reuses_of(c, TEAM, ["run r1, a", "run r1, b"]),
    "newest first": lambda c: lineage.newest_first(c, ["r1", "r2"]),
    "digests among": lambda c: artifacts.digests_in_use(c, ["a"]),
    "metrics of runs": lambda c: metrics.of_runs(c, TEAM, ["r1", "r2"], ["accuracy", "fit.accuracy"]),
    "names of metrics": lambda c: metrics.known_names(c, TEAM),
    "runs by request": lambda c: runs.requested(c, TEAM, ["k", "l"]),
    "runs by a metric": lambda c: _page(c, "metrics.accuracy > 0.9 and metrics.loss is missing"),
    "runs of a pipeline by a moment": lambda c: _page(c, "pipeline = churn and created >= 2026-01-31"),
    "cache": lambda c: cache.get(c, TEAM, "k", NOW),
    "latest cache entry": lambda c: cache.latest_for(c, TEAM, "churn", "a"),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("indexes") / "x.db"
    database = Database.open(f"sqlite:///{path}")
    with database.write() as connection:
        runs.insert(connection, run(request_key="k"))
        events.subscribe(connection, "mail")
        artifacts.put(connection, TEAM, "r1", "a", "", 0, [Artifact("x1", "Model")], NOW)
    database.close()
    return path


@pytest.mark.parametrize("name", QUERIES)
def test_no_table_is_scanned(prepared: Path, name: str) -> None:
    database = Database.open(f"sqlite:///{prepared}")
    statements: list[tuple[str, Any]] = []
    with database.write() as connection:
        event.listen(connection, "before_cursor_execute", lambda *call: statements.append((call[2], call[3])))
        QUERIES[name](connection)
        assert statements
        for statement, parameters in list(statements):
            # Not through the listener again.
            plan = connection.connection.dbapi_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[union-attr]
            steps = [row[3] for row in plan]
            whole = [step for step in steps if step.startswith("SCAN") and " USING " not in step]
            assert [step for step in whole if "CONSTANT ROW" not in step and "event_readers" not in step] == [], steps
            assert not any("TEMP B-TREE FOR ORDER BY" in step for step in steps if name.startswith("listing")), steps
    database.close()
