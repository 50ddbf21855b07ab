"""The kinds of artifacts as annotations: what a task takes and returns. Knows nothing of how they are stored."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from tidemill.core.annotations import Kind

Dataset: TypeAlias = Annotated[Any, Kind("Dataset")]
"""Rows: a data frame, an Arrow table, a file or a folder."""

Model: TypeAlias = Annotated[Any, Kind("Model")]
"""Something trained."""

Metrics: TypeAlias = Annotated[Any, Kind("Metrics")]
"""A dict of numbers; conditions may read it: `when(scores.accuracy >= 0.9)`."""

Report: TypeAlias = Annotated[Any, Kind("Report")]
"""Something for people to read: text, HTML, an image."""


def artifact(kind: str) -> Kind:
    """Marks any annotation as an artifact of a kind: `Annotated[DataFrame, artifact("Dataset")]`."""
    return Kind(kind)
