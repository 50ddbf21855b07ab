"""A copy of an artifact's content at a place of the user's own: verified on the way, all or nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from tidemill.actions.artifact_names import find_artifact, output_name
from tidemill.app import App, content_of
from tidemill.core.bindings import RESULT
from tidemill.core.errors import InputError, StateError
from tidemill.core.previews import ImagePreview, TextPreview, preview_of
from tidemill.core.records import Artifact
from tidemill.storage.artifacts.errors import ArtifactError, ArtifactMissing, StoreUnwritable, TargetExists
from tidemill.storage.artifacts.files import random_name, remove
from tidemill.storage.metadata import artifacts
from tidemill.storage.metadata.artifacts import TaskKey

_SUFFIXES = {
    "json": ".json",
    "text": ".txt",
    "bytes": ".bin",
    "arrow": ".arrow",
    "numpy": ".npy",
    "sklearn": ".skops",
    "joblib": ".joblib",
    "pickle": ".pkl",
}
_FITTING = {
    "json": {".json", ".txt"},
    "arrow": {".arrow", ".feather", ".ipc"},
    "numpy": {".npy"},
    "sklearn": {".skops"},
    "joblib": {".joblib"},
    "pickle": {".pkl", ".pickle"},
}
"""Endings under which others read these formats; with one of another format they would read garbage, or nothing."""

_ENDINGS = frozenset({ending for some in _FITTING.values() for ending in some}) | frozenset(
    {".csv", ".tsv", ".parquet", ".xlsx", ".xls", ".npz", ".h5", ".hdf5", ".jsonl", ".yaml", ".yml", ".html", ".onnx"}
)
_READING = {
    "arrow": "; `pandas.read_feather` reads that, and `.to_csv` or `.to_parquet` writes what you want",
    "numpy": "; `numpy.load` reads that",
}
_IMAGES = {"jpeg": ".jpg"}
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f/\\:]+")
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Fetched:
    artifact: Artifact
    path: Path


def get_artifact(app: App, text: str, to: str = "", force: bool = False) -> Fetched:
    """Write the content to `to`, into that folder if it is one, or here under a name of its own.

    Raises TargetExists unless `force`d, InputError for an ending of another format, StateError for what has no content
    here, ArtifactMissing, ArtifactDamaged.
    """
    id = find_artifact(app, text)
    with app.database.read() as connection:
        found = artifacts.stored(connection, app.settings.team, [id])[id]
    artifact = found.artifact
    if not artifact.digest:
        raise _no_content(artifact)
    target = _target(artifact, found.by, to)
    if os.path.lexists(target) and not force:
        raise TargetExists(f"{target} exists already", remedy="name another place with --to, or add --force")
    try:
        _write(app, artifact, target)
    except OSError as error:
        raise InputError(
            f"{target} cannot be written: {error.strerror or error}", remedy="name another place with --to"
        ) from None
    except (TargetExists, StoreUnwritable):
        raise
    except ArtifactError as error:
        what = "is gone" if isinstance(error, ArtifactMissing) else "cannot be had as it was"
        again = f"`tidemill rerun {found.by.run} --from {found.by.path}` makes it again"
        raise type(error)(f"the content of artifact {artifact.id} {what}: {error.message}", remedy=again) from None
    return Fetched(artifact, target)


def _write(app: App, artifact: Artifact, target: Path) -> None:
    content = content_of(artifact)
    if not os.path.lexists(target):
        app.artifacts.materialize(content, target)
        return
    # What is there stays until the new one is whole.
    fresh = target.parent / f".{target.name[:_LONGEST]}.{random_name()}.new"
    app.artifacts.materialize(content, fresh)
    try:
        _put_in_place(fresh, target, artifact.kind == "tree")
    except OSError:
        remove(fresh)
        raise


def _put_in_place(fresh: Path, target: Path, is_tree: bool) -> None:
    if not target.is_symlink() and target.is_dir():
        former = target.parent / f".{target.name[:_LONGEST]}.{random_name()}.old"
        os.rename(target, former)
        os.rename(fresh, target)
        remove(former)
    elif is_tree:
        os.unlink(target)
        os.rename(fresh, target)
    else:
        os.replace(fresh, target)


def _target(artifact: Artifact, by: TaskKey, to: str) -> Path:
    place = Path(to) if to else Path()
    if not to or place.is_dir():
        return place / own_name(artifact, by)
    if not place.parent.is_dir():
        raise InputError(f"there is no folder {place.parent}", remedy="make it first, or name another place with --to")
    _judge_ending(artifact, place)
    return place


def _judge_ending(artifact: Artifact, place: Path) -> None:
    """Raise InputError for a name that says another format than the content has; nothing is converted here."""
    ending, fitting = place.suffix.lower(), _FITTING.get(artifact.codec)
    if fitting is None or ending in fitting or ending not in _ENDINGS:
        return
    right = place.with_suffix(_SUFFIXES[artifact.codec])
    raise InputError(
        f"the content is {artifact.codec}, and {place.name} would say that it is {ending[1:]}",
        remedy=f"name it {right}{_READING.get(artifact.codec, '')}",
    )


def own_name(artifact: Artifact, by: TaskKey) -> str:
    """What its file or folder is called if nobody says otherwise: as the task called it, or after task and output."""
    given = artifact.metadata.get("name")
    if artifact.codec in ("file", "folder") and isinstance(given, str):
        return _plain(given)
    indexes = "".join(f"-{step.partition('.')[0]}" for step in by.instance.split("/") if step)
    output = output_name(artifact)
    name = by.path.rpartition("/")[2] + indexes + ("" if output == RESULT else f".{output}")
    return _plain(name + _suffix(artifact))


def _suffix(artifact: Artifact) -> str:
    match preview_of(artifact):
        case ImagePreview(format=kind) if artifact.codec in ("bytes", "text"):
            return _IMAGES.get(kind, f".{kind}")
        case TextPreview(format="html"):
            return ".html"
        case _:
            return _SUFFIXES.get(artifact.codec, "")


def _plain(name: str) -> str:
    plain = _NOT_IN_A_NAME.sub("_", name)[-_LONGEST:].lstrip(".")
    return plain or "content"


def _no_content(artifact: Artifact) -> StateError:
    if artifact.uri:
        return StateError(
            f"artifact {artifact.id} lies outside, and Tidemill holds no copy of it",
            place=artifact.uri,
            remedy="fetch it from there",
        )
    return StateError(
        f"artifact {artifact.id} has no content: all of it is in its record",
        remedy=f"`tidemill artifact show {artifact.id}`",
    )
