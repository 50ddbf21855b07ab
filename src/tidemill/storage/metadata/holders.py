"""Who needs artifacts beside runs and kept results. A registry, say, adds its table here, and nowhere else.

A collection removes neither an artifact that is named here, nor the run that made it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Text, cast, func, literal

from tidemill.storage.metadata.tables import decisions, model_versions, snapshots


@dataclass(frozen=True, slots=True)
class Holder:
    """Rows that need artifacts: each names one (`artifact`) of its team. `name` is what people call the row."""

    kind: str
    team: Column[str]
    artifact: Column[str]
    name: ColumnElement[str]


HOLDERS = (
    Holder(
        "snapshot",
        snapshots.c.team,
        snapshots.c.artifact,
        snapshots.c.name + literal("@") + func.substr(snapshots.c.version, 9, 8),
    ),
    *(
        Holder("decision", decisions.c.team, decisions.c[artifact], decisions.c.id)
        for artifact in ("evidence", "candidate", "champion")
    ),
    Holder(
        "model version",
        model_versions.c.team,
        model_versions.c.artifact,
        model_versions.c.name + literal("@") + cast(model_versions.c.version, Text),
    ),
)
