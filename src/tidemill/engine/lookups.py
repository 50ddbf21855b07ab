"""Answers what decisions want to know of the cache: an entry in force whose artifacts are all there and undamaged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from tidemill.core.instances import Key, instance_from
from tidemill.core.records import Artifact
from tidemill.core.values import digest, references
from tidemill.planning.cachekey import FILE
from tidemill.planning.explain import differences
from tidemill.planning.facts import CacheHit, CacheMiss
from tidemill.storage.artifacts.digests import digest_of_stream
from tidemill.storage.metadata import artifacts, cache
from tidemill.storage.metadata.database import Database


class Verifier(Protocol):
    """Says what is wrong with an artifact's content, or "" if it is whole."""

    def __call__(self, artifact: Artifact) -> str: ...


def look_up(
    database: Database,
    team: str,
    pipeline: str,
    key: Key,
    parts: Mapping[str, Any],
    verify: Verifier,
    now: datetime,
) -> tuple[CacheHit | CacheMiss, dict[str, Artifact]]:
    """The answer, and the artifacts that a hit brings along."""
    parts = observed(parts)
    with database.read() as connection:
        entry = cache.get(connection, team, digest(parts), now)
        if entry is None:
            latest = cache.latest_for(connection, team, pipeline, key.path)
            return CacheMiss(differences(latest.parts, parts) if latest else "it has not run before", parts), {}
        ids = list({ref.id for value in entry.outputs.values() for ref in references(value)})
        found = artifacts.get_many(connection, team, ids)
    for id in ids:
        problem = verify(found[id]) if id in found else "its record is gone"
        if problem:
            return CacheMiss(f"the kept result cannot be used: {problem}", parts), {}
    source = f"run {entry.run}, {Key(entry.path, instance_from(entry.instance))}"
    return CacheHit(entry.outputs, source), found


def observed(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The parts with the content, as it is now, of the files and folders that they name."""
    inputs = {
        name: {**part, "content": _content_of(Path(part[FILE]))}
        if isinstance(part, dict) and set(part) == {FILE}
        else part
        for name, part in parts.get("inputs", {}).items()
    }
    return {**parts, "inputs": inputs}


def _content_of(path: Path) -> str:
    try:
        if path.is_dir():
            found = sorted(entry for entry in path.rglob("*") if entry.is_file())
            listed = [[entry.relative_to(path).as_posix(), _digest(entry)] for entry in found]
            return digest(listed)
        return _digest(path)
    except OSError as problem:
        return f"unreadable: {problem.strerror}"


def _digest(path: Path) -> str:
    with path.open("rb") as source:
        return digest_of_stream(source)[0]
