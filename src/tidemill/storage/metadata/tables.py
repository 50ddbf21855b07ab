"""Every table, and the predicates that its partial indexes and the queries share. A change here needs a migration.

Each table has `team`. There are no foreign keys: a run's rows have one writer, which its lease guards, and history is
deleted in small batches in any order. Text sorts by code point on every database, so that ids and moments sort alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.types import TypeEngine

from tidemill.core.states import FINAL_TASK_STATES, AttemptState, RunState, TaskState

SCHEMA = "0001"
"""The newest migration, which `metadata` is the sum of."""


def one_of(column: str, states: Iterable[Enum]) -> str:
    """The predicate that a column holds one of these states."""
    return f"{column} IN ({', '.join(repr(state.value) for state in states)})"


UNFINISHED = one_of("state", [state for state in RunState if not state.final])
FINAL_TASK = one_of("task_runs.state", [state for state in TaskState if state in FINAL_TASK_STATES])
OPEN = f"state = {AttemptState.STARTED.value!r}"
PENDING = "NOT consumed"
KEYED = "request_key <> ''"
REUSED = "reused_from <> ''"
OWNED = "digest <> ''"
LEFT = "NOT emptied"

metadata = MetaData()

_TEXT: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")
_SERIAL: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")


def _key(*names: str) -> list[Column[str]]:
    return [Column(name, _TEXT, primary_key=True) for name in names]


def _text(*names: str) -> list[Column[str]]:
    return [Column(name, _TEXT, nullable=False) for name in names]


def _maybe(*names: str) -> list[Column[str]]:
    return [Column(name, _TEXT) for name in names]


def _number(*names: str) -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False) for name in names]


def _key_number(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


definitions = Table("definitions", metadata, *_key("team", "digest"), *_text("name", "text", "created_at"))

runs = Table(
    "runs",
    metadata,
    *_key("id"),
    *_text("team", "pipeline", "definition", "params", "state", "created_at", "request_key"),
    *_maybe("scheduled_for", "interval_start", "interval_end", "started_at", "ended_at"),
    *_number("seed", "generation", "priority"),
    *_text("actor"),
    *_maybe("cause"),
    *_text("executor", "entry", "previous", "tags", "refresh"),
    *_number("next_seq"),
    # Where the run stands among its pipeline's: when it was due, or when it was made.
    *_text("placed_at"),
    # The lease; an empty owner means that it is free.
    *_text("owner"),
    *_number("epoch", "renewals"),
)
Index(
    "runs_request", runs.c.team, runs.c.request_key, unique=True, sqlite_where=text(KEYED), postgresql_where=text(KEYED)
)
Index(
    "runs_unfinished",
    runs.c.owner,
    runs.c.priority,
    runs.c.id,
    sqlite_where=text(UNFINISHED),
    postgresql_where=text(UNFINISHED),
)
Index("runs_newest", runs.c.team, runs.c.created_at, runs.c.id)
Index("runs_of_pipeline", runs.c.team, runs.c.pipeline, runs.c.created_at, runs.c.id)
Index("runs_in_order", runs.c.team, runs.c.pipeline, runs.c.placed_at)

task_runs = Table(
    "task_runs",
    metadata,
    *_key("run", "path", "instance"),
    _key_number("generation"),
    *_text("team", "kind", "state", "outputs", "inputs"),
    *_maybe("cause"),
    Column("count", BigInteger),
    *_text("sizes"),
    *_number("round", "attempts", "failures", "losses"),
    *_maybe("steer", "wake", "due_at", "deadline_at", "started_at", "ended_at"),
    *_text("reused_from"),
    sqlite_with_rowid=False,
)
Index("task_runs_by_state", task_runs.c.run, task_runs.c.state)
Index(
    "task_runs_reused",
    task_runs.c.team,
    task_runs.c.reused_from,
    sqlite_where=text(REUSED),
    postgresql_where=text(REUSED),
)

attempts = Table(
    "attempts",
    metadata,
    *_key("id"),
    *_text("team", "run", "path", "instance"),
    *_number("generation", "number"),
    *_text("state", "started_at", "executor"),
    *_number("epoch", "pid"),
    *_maybe("ended_at", "cause"),
    Column("wall_s", Double, nullable=False),
    Column("cpu_s", Double, nullable=False),
    *_number("peak_bytes"),
    *_text("notes"),
    sqlite_with_rowid=False,
)
Index(
    "attempts_of_task", attempts.c.run, attempts.c.path, attempts.c.instance, attempts.c.generation, attempts.c.number
)
Index("attempts_open", attempts.c.run, sqlite_where=text(OPEN), postgresql_where=text(OPEN))

artifacts = Table(
    "artifacts",
    metadata,
    *_key("team", "id"),
    *_text("type", "metadata", "codec", "digest"),
    *_number("size"),
    *_text("kind", "uri", "version"),
    Column("safe", Boolean, nullable=False),
    # The name under which its producer gave it.
    *_text("output"),
    *_text("run", "path", "instance"),
    *_number("generation"),
    *_text("created_at", "preview"),
)
Index("artifacts_of_run", artifacts.c.run, artifacts.c.path, artifacts.c.instance)
Index("artifacts_by_digest", artifacts.c.digest, sqlite_where=text(OWNED), postgresql_where=text(OWNED))

artifact_uses = Table(
    "artifact_uses",
    metadata,
    *_key("run", "path", "instance"),
    _key_number("generation"),
    *_key("artifact"),
    *_text("team"),
    sqlite_with_rowid=False,
)
Index("artifact_uses_by_artifact", artifact_uses.c.team, artifact_uses.c.artifact)

pushes = Table("pushes", metadata, *_key("attempt", "key"), *_text("team", "value"))

cache_entries = Table(
    "cache_entries",
    metadata,
    *_key("team", "key"),
    *_text("parts", "pipeline", "run", "path", "instance", "outputs", "created_at"),
    *_maybe("expires_at"),
    # The outputs of the entry that this one was put over: whoever has just been given them may still use them.
    *_text("former"),
)
Index(
    "cache_entries_of_task",
    cache_entries.c.team,
    cache_entries.c.pipeline,
    cache_entries.c.path,
    cache_entries.c.created_at,
)

events = Table(
    "events",
    metadata,
    *_key("run"),
    _key_number("seq"),
    *_text("team", "at", "kind", "path", "instance", "payload"),
    sqlite_with_rowid=False,
)

# An empty team or kind stands for every one.
event_readers = Table("event_readers", metadata, *_key("reader", "team", "kind"), sqlite_with_rowid=False)

# One row for each event that a reader has not acknowledged yet, born in the transaction of the event itself.
event_deliveries = Table(
    "event_deliveries",
    metadata,
    *_key("reader", "run"),
    _key_number("seq"),
    *_text("team"),
    sqlite_with_rowid=False,
)

commands = Table(
    "commands",
    metadata,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    *_text("team", "run", "kind", "actor", "payload", "created_at"),
    Column("consumed", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
Index("commands_pending", commands.c.run, commands.c.id, sqlite_where=text(PENDING), postgresql_where=text(PENDING))

limits = Table(
    "limits",
    metadata,
    *_key("team", "key"),
    # NULL: no limit, but what is used is counted.
    Column("slots", BigInteger),
    *_number("used"),
    sqlite_with_rowid=False,
)

limit_claims = Table(
    "limit_claims",
    metadata,
    *_key("attempt", "key"),
    *_text("team", "run"),
    *_number("slots"),
    sqlite_with_rowid=False,
)

effects = Table(
    "effects",
    metadata,
    *_key("run", "path", "instance"),
    _key_number("generation"),
    _key_number("ordinal"),
    *_text("team", "action", "answer", "created_at"),
)

# Of each task run as it last ended. `place` are its indexes without generations; NULL stands for nan.
run_metrics = Table(
    "run_metrics",
    metadata,
    *_text("team"),
    *_key("run", "path", "place", "name"),
    Column("value", Double),
    sqlite_with_rowid=False,
)
Index("run_metrics_by_name", run_metrics.c.team, run_metrics.c.name, run_metrics.c.run)

# A version of what a path held. Its number is its digest; `taken_at` is when it was last found there.
snapshots = Table(
    "snapshots",
    metadata,
    *_key("team", "name", "version"),
    *_text("artifact", "source", "message", "actor", "created_at", "taken_at"),
    sqlite_with_rowid=False,
)
Index("snapshots_by_artifact", snapshots.c.team, snapshots.c.artifact)

# Never changed and never removed. A version's `card` is what was known when it was registered.
model_versions = Table(
    "model_versions",
    metadata,
    *_key("team", "name"),
    _key_number("version"),
    *_text("digest", "artifact", "run", "path", "created_at", "actor", "decision", "description", "card"),
    sqlite_with_rowid=False,
)
Index("model_versions_by_digest", model_versions.c.team, model_versions.c.name, model_versions.c.digest, unique=True)
Index("model_versions_by_artifact", model_versions.c.team, model_versions.c.artifact)

# Appended to only: the alias is where its last move took it. That `seq` is a key is what makes compare-and-set.
alias_moves = Table(
    "alias_moves",
    metadata,
    *_key("team", "model", "alias"),
    _key_number("seq"),
    *_number("version", "before"),
    *_text("kind", "moved_at", "actor", "run", "reason", "decision"),
    Column("overrode", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# Chained records of what was decided (core.decisions). `document` is the record, the other columns repeat from it.
decisions = Table(
    "decisions",
    metadata,
    *_key("team"),
    _key_number("number"),
    *_text("id", "kind", "model", "verdict"),
    *_text("candidate", "candidate_digest", "champion", "champion_digest", "evidence", "evidence_digest"),
    *_text("run", "path", "actor", "made_at", "prev", "digest", "document"),
)
Index("decisions_by_id", decisions.c.team, decisions.c.id, unique=True)
Index("decisions_of_model", decisions.c.team, decisions.c.model, decisions.c.number)
Index("decisions_of_candidate", decisions.c.team, decisions.c.candidate_digest, decisions.c.number)

# The end of each team's chain: whoever appends to it holds this row.
decision_heads = Table(
    "decision_heads", metadata, *_key("team"), *_number("number"), *_text("digest"), sqlite_with_rowid=False
)

# A run that is gone, and why. `emptied`: nothing of it is left in other tables or in files.
removed_runs = Table(
    "removed_runs",
    metadata,
    *_key("id"),
    *_text("team", "pipeline", "removed_at", "reason", "actor"),
    Column("emptied", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
Index("removed_runs_left", removed_runs.c.id, sqlite_where=text(LEFT), postgresql_where=text(LEFT))

variables = Table("variables", metadata, *_key("team", "key"), *_text("value", "changed_at"))
