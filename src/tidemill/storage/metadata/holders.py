"""Who needs artifacts beside runs and kept results. A registry, say, adds its table here, and nowhere else.

A collection removes neither an artifact that is named here, nor the run that made it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, func, literal

from tidemill.storage.metadata.tables import snapshots


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
)
