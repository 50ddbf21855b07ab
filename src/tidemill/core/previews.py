"""What a preview of an artifact can be: bounded facts for people, made where the value was, so that nobody loads it.

Its plain form is written by `worker.previews`, which avoids these classes for their cost, and read here: from a task,
so hostile until checked. All texts in it are as the task gave them: whoever shows them makes them harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tidemill.core.plain import Malformed, from_plain
from tidemill.core.records import Artifact
from tidemill.core.values import NotAValue, encode


@dataclass(frozen=True, slots=True)
class ColumnPreview:
    """One column. What could not be worked out is None; `least`, `most` and `mean` are of numbers and dates only.

    `nulls` and `distinct` count within the rows that were looked at. `index`: it labels the rows (pandas).
    """

    name: str
    type: str
    nulls: int | None = None
    distinct: int | None = None
    least: Any = None
    most: Any = None
    mean: Any = None
    index: bool = False


@dataclass(frozen=True, slots=True)
class FramePreview:
    """A table of `rows` x `columns_total`. `columns` are the first ones, `head` the first rows as texts.

    `sampled`: how many rows, evenly spaced, the statistics are of; None for all of them.
    """

    rows: int
    columns_total: int
    columns: tuple[ColumnPreview, ...] = ()
    head: tuple[tuple[str, ...], ...] = ()
    sampled: int | None = None


@dataclass(frozen=True, slots=True)
class ArrayPreview:
    """An array. `least`, `most`, `mean` leave out NaN, which `nans` counts; `first` are its first items as texts."""

    shape: tuple[int, ...]
    type: str
    least: Any = None
    most: Any = None
    mean: Any = None
    nans: int | None = None
    first: tuple[str, ...] = ()
    sampled: int | None = None


@dataclass(frozen=True, slots=True)
class ImagePreview:
    """An image; its content is that of the artifact. Width and height in pixels, None if the head did not tell."""

    format: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class TextPreview:
    """The beginning of a text. `format` is "text", "html", "json", "markdown" ...; `cut`: there is more."""

    format: str
    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class EntryPreview:
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class FolderPreview:
    """A folder: its first files by path. `uncounted`: there are more than `files`."""

    files: int
    size: int
    entries: tuple[EntryPreview, ...] = ()
    uncounted: bool = False


@dataclass(frozen=True, slots=True)
class ValuePreview:
    """A plain value: its first items to a small depth. `cut`: `sample` leaves something out."""

    type: str
    sample: Any
    length: int | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ObjectPreview:
    """An object such as a model: its class and its settings as texts."""

    type: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricsPreview:
    numbers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NoPreview:
    """Why there is none, as the rest of a sentence: `no preview: ...`."""

    reason: str


Preview: TypeAlias = (
    FramePreview
    | ArrayPreview
    | ImagePreview
    | TextPreview
    | FolderPreview
    | ValuePreview
    | ObjectPreview
    | MetricsPreview
    | NoPreview
)


@dataclass(frozen=True, slots=True)
class _Shown:
    preview: Preview


def preview_of(artifact: Artifact) -> Preview:
    """The preview in a record; of metrics, which have no content, their numbers."""
    if artifact.preview:
        try:
            return from_plain(_Shown, {"preview": encode(dict(artifact.preview))}).preview
        except (Malformed, NotAValue):
            return NoPreview("what the task sent as one is none")
    if artifact.type == "Metrics" and not artifact.digest:
        return MetricsPreview(dict(artifact.metadata))
    if artifact.uri:
        return NoPreview("the content lies outside")
    return NoPreview("none was made")
