"""What a mirror shows, as plain data: runs, models, versions and their files, named as the other side wants them.

Knows neither database nor network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidemill.core.records import Artifact


@dataclass(frozen=True, slots=True)
class OurFile:
    """A file (or, of an artifact that is a tree, a folder) at `path` below a run: an artifact's content, or `data`."""

    path: str
    artifact: Artifact | None = None
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class OurRun:
    """A run. `status` is MLflow's word, moments are milliseconds since the epoch; `ended` is None while it goes on.

    `mark` changes whenever anything has happened in the run.
    """

    id: str
    experiment: str
    status: str
    started: int
    mark: str
    ended: int | None = None
    user: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: tuple[OurFile, ...] = ()


@dataclass(frozen=True, slots=True)
class OurVersion:
    """A version of a model; `run` is the id of the run that registered it."""

    version: int
    digest: str
    artifact: Artifact
    run: str
    created: int
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OurModel:
    """A registered model under the name it has on the other side; an alias at version 0 was taken away."""

    name: str
    title: str
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    versions: tuple[OurVersion, ...] = ()
    aliases: Mapping[str, int] = field(default_factory=dict)
