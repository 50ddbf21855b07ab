"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "definitions",
        sa.Column("team", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("team", "digest"),
    )

    op.create_table(
        "runs",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("pipeline", TEXT, nullable=False),
        sa.Column("definition", TEXT, nullable=False),
        sa.Column("params", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("request_key", TEXT, nullable=False),
        sa.Column("scheduled_for", TEXT, nullable=True),
        sa.Column("interval_start", TEXT, nullable=True),
        sa.Column("interval_end", TEXT, nullable=True),
        sa.Column("started_at", TEXT, nullable=True),
        sa.Column("ended_at", TEXT, nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("cause", TEXT, nullable=True),
        sa.Column("executor", TEXT, nullable=False),
        sa.Column("entry", TEXT, nullable=False),
        sa.Column("previous", TEXT, nullable=False),
        sa.Column("tags", TEXT, nullable=False),
        sa.Column("refresh", TEXT, nullable=False),
        sa.Column("next_seq", sa.BigInteger(), nullable=False),
        sa.Column("placed_at", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("renewals", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("runs_in_order", "runs", ["team", "pipeline", "placed_at"])
    op.create_index("runs_newest", "runs", ["team", "created_at", "id"])
    op.create_index("runs_of_pipeline", "runs", ["team", "pipeline", "created_at", "id"])
    op.create_index(
        "runs_request",
        "runs",
        ["team", "request_key"],
        unique=True,
        sqlite_where=sa.text("request_key <> ''"),
        postgresql_where=sa.text("request_key <> ''"),
    )
    op.create_index(
        "runs_unfinished",
        "runs",
        ["owner", "priority", "id"],
        sqlite_where=sa.text("state IN ('queued', 'running', 'cancelling')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'cancelling')"),
    )

    op.create_table(
        "task_runs",
        sa.Column("run", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("instance", TEXT, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("outputs", TEXT, nullable=False),
        sa.Column("inputs", TEXT, nullable=False),
        sa.Column("cause", TEXT, nullable=True),
        sa.Column("count", sa.BigInteger(), nullable=True),
        sa.Column("sizes", TEXT, nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("losses", sa.BigInteger(), nullable=False),
        sa.Column("steer", TEXT, nullable=True),
        sa.Column("wake", TEXT, nullable=True),
        sa.Column("due_at", TEXT, nullable=True),
        sa.Column("deadline_at", TEXT, nullable=True),
        sa.Column("started_at", TEXT, nullable=True),
        sa.Column("ended_at", TEXT, nullable=True),
        sa.Column("reused_from", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("run", "path", "instance", "generation"),
        sqlite_with_rowid=False,
    )
    op.create_index("task_runs_by_state", "task_runs", ["run", "state"])
    op.create_index(
        "task_runs_reused",
        "task_runs",
        ["team", "reused_from"],
        sqlite_where=sa.text("reused_from <> ''"),
        postgresql_where=sa.text("reused_from <> ''"),
    )

    op.create_table(
        "attempts",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("run", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("instance", TEXT, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("started_at", TEXT, nullable=False),
        sa.Column("executor", TEXT, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", TEXT, nullable=True),
        sa.Column("cause", TEXT, nullable=True),
        sa.Column("wall_s", sa.Double(), nullable=False),
        sa.Column("cpu_s", sa.Double(), nullable=False),
        sa.Column("peak_bytes", sa.BigInteger(), nullable=False),
        sa.Column("notes", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("attempts_of_task", "attempts", ["run", "path", "instance", "generation", "number"])
    op.create_index(
        "attempts_open",
        "attempts",
        ["run"],
        sqlite_where=sa.text("state = 'started'"),
        postgresql_where=sa.text("state = 'started'"),
    )

    op.create_table(
        "artifacts",
        sa.Column("team", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("metadata", TEXT, nullable=False),
        sa.Column("codec", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("uri", TEXT, nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("safe", sa.Boolean(), nullable=False),
        sa.Column("output", TEXT, nullable=False),
        sa.Column("run", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("instance", TEXT, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("preview", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("team", "id"),
    )
    op.create_index(
        "artifacts_by_digest",
        "artifacts",
        ["digest"],
        sqlite_where=sa.text("digest <> ''"),
        postgresql_where=sa.text("digest <> ''"),
    )
    op.create_index("artifacts_of_run", "artifacts", ["run", "path", "instance"])

    op.create_table(
        "artifact_uses",
        sa.Column("run", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("instance", TEXT, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("artifact", TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("run", "path", "instance", "generation", "artifact"),
        sqlite_with_rowid=False,
    )
    op.create_index("artifact_uses_by_artifact", "artifact_uses", ["team", "artifact"])

    op.create_table(
        "pushes",
        sa.Column("attempt", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("attempt", "key"),
    )

    op.create_table(
        "cache_entries",
        sa.Column("team", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("parts", TEXT, nullable=False),
        sa.Column("pipeline", TEXT, nullable=False),
        sa.Column("run", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("instance", TEXT, nullable=False),
        sa.Column("outputs", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("expires_at", TEXT, nullable=True),
        sa.Column("former", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("team", "key"),
    )
    op.create_index("cache_entries_of_task", "cache_entries", ["team", "pipeline", "path", "created_at"])

    op.create_table(
        "events",
        sa.Column("run", TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("instance", TEXT, nullable=False),
        sa.Column("payload", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("run", "seq"),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "event_readers",
        sa.Column("reader", TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("reader", "team", "kind"),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "event_deliveries",
        sa.Column("reader", TEXT, nullable=False),
        sa.Column("run", TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("reader", "run", "seq"),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "commands",
        sa.Column("id", SERIAL, nullable=False, autoincrement=True),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("run", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("payload", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("consumed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "commands_pending",
        "commands",
        ["run", "id"],
        sqlite_where=sa.text("NOT consumed"),
        postgresql_where=sa.text("NOT consumed"),
    )

    op.create_table(
        "limits",
        sa.Column("team", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("slots", sa.BigInteger(), nullable=True),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("team", "key"),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "limit_claims",
        sa.Column("attempt", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("run", TEXT, nullable=False),
        sa.Column("slots", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("attempt", "key"),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "effects",
        sa.Column("run", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("instance", TEXT, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("answer", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("run", "path", "instance", "generation", "ordinal"),
    )

    op.create_table(
        "run_metrics",
        sa.Column("team", TEXT, nullable=False),
        sa.Column("run", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("place", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("run", "path", "place", "name"),
        sqlite_with_rowid=False,
    )
    op.create_index("run_metrics_by_name", "run_metrics", ["team", "name", "run"])

    op.create_table(
        "snapshots",
        sa.Column("team", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("artifact", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("taken_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("team", "name", "version"),
        sqlite_with_rowid=False,
    )
    op.create_index("snapshots_by_artifact", "snapshots", ["team", "artifact"])

    op.create_table(
        "model_versions",
        sa.Column("team", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("artifact", TEXT, nullable=False),
        sa.Column("run", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("decision", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("card", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("team", "name", "version"),
        sqlite_with_rowid=False,
    )
    op.create_index("model_versions_by_digest", "model_versions", ["team", "name", "digest"], unique=True)
    op.create_index("model_versions_by_artifact", "model_versions", ["team", "artifact"])

    op.create_table(
        "alias_moves",
        sa.Column("team", TEXT, nullable=False),
        sa.Column("model", TEXT, nullable=False),
        sa.Column("alias", TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("moved_at", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("run", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("decision", TEXT, nullable=False),
        sa.Column("overrode", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("team", "model", "alias", "seq"),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "decisions",
        sa.Column("team", TEXT, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("model", TEXT, nullable=False),
        sa.Column("verdict", TEXT, nullable=False),
        sa.Column("candidate", TEXT, nullable=False),
        sa.Column("candidate_digest", TEXT, nullable=False),
        sa.Column("champion", TEXT, nullable=False),
        sa.Column("champion_digest", TEXT, nullable=False),
        sa.Column("evidence", TEXT, nullable=False),
        sa.Column("evidence_digest", TEXT, nullable=False),
        sa.Column("run", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("made_at", TEXT, nullable=False),
        sa.Column("prev", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("document", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("team", "number"),
    )
    op.create_index("decisions_by_id", "decisions", ["team", "id"], unique=True)
    op.create_index("decisions_of_model", "decisions", ["team", "model", "number"])
    op.create_index("decisions_of_candidate", "decisions", ["team", "candidate_digest", "number"])

    op.create_table(
        "decision_heads",
        sa.Column("team", TEXT, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("team"),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "removed_runs",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("pipeline", TEXT, nullable=False),
        sa.Column("removed_at", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("emptied", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "removed_runs_left",
        "removed_runs",
        ["id"],
        sqlite_where=sa.text("NOT emptied"),
        postgresql_where=sa.text("NOT emptied"),
    )

    op.create_table(
        "variables",
        sa.Column("team", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("changed_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("team", "key"),
    )
