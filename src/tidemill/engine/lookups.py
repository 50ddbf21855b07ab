"""Answers what decisions want to know of the cache: an entry in force whose artifacts are all there and undamaged."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Protocol

from tidemill.core.errors import NotFound
from tidemill.core.graph import Pipeline
from tidemill.core.graph_json import code_in, code_of
from tidemill.core.history import EVERYTHING
from tidemill.core.instances import Key, instance_from
from tidemill.core.records import Artifact
from tidemill.core.values import digest, references
from tidemill.engine.observing import observed
from tidemill.planning.explain import code_changes, differences, distance
from tidemill.planning.facts import CacheHit, CacheMiss
from tidemill.storage.artifacts.errors import NotObserved
from tidemill.storage.metadata import artifacts, cache, definitions, runs
from tidemill.storage.metadata.database import Connection, Database
from tidemill.storage.metadata.errors import RowDamaged

_OBSERVING = "tidemill.storage.artifacts.observing"
_COMPARED = 10
"""So many of the results that were kept last are looked at for the one that differs least."""


class Verifier(Protocol):
    """Says what is wrong with an artifact's content, or "" if it is whole."""

    def __call__(self, artifact: Artifact) -> str: ...


class Lookups:
    """Asks the cache for the tasks of one definition, again and again; it remembers what became of their code."""

    def __init__(
        self,
        database: Database,
        team: str,
        pipeline: Pipeline,
        verify: Verifier,
        observe: Callable[[str], str] | None = None,
    ) -> None:
        self._database = database
        self._team = team
        self._pipeline = pipeline
        self._verify = verify
        self._observe = observe or _version_of
        self._told: dict[tuple[str, str], tuple[str, ...]] = {}

    def ask(
        self, key: Key, parts: Mapping[str, Any], now: datetime, refresh: Collection[str] = ()
    ) -> tuple[CacheHit | CacheMiss, dict[str, Artifact]]:
        """The answer, and the artifacts that a hit brings along. `refresh` as in `RunRecord`."""
        try:
            parts = observed(parts, self._observe)
        except NotObserved as unseen:
            return CacheMiss(unseen.message), {}
        if is_among(key.path, refresh):
            return CacheMiss("it was asked to be computed anew", parts, alone=True), {}
        with self._database.read() as connection:
            entry = cache.get(connection, self._team, digest(parts), now)
            if entry is None:
                return CacheMiss(self._why(connection, key, parts), parts), {}
            ids = list({ref.id for value in entry.outputs.values() for ref in references(value)})
            found = artifacts.get_many(connection, self._team, ids)
        for id in ids:
            problem = self._verify(found[id]) if id in found else "its record is gone"
            if problem:
                return CacheMiss(f"the kept result cannot be used: {problem}", parts, unusable=entry.stamp), {}
        source = f"run {entry.run}, {Key(entry.path, instance_from(entry.instance))}"
        return CacheHit(entry.outputs, source), found

    def _why(self, connection: Connection, key: Key, parts: Mapping[str, Any]) -> str:
        kept = cache.latest_for(connection, self._team, self._pipeline.name, key.path, _COMPARED)
        if not kept:
            return "it has not run before"
        latest = min(kept, key=lambda entry: distance(entry.parts, parts))
        code: tuple[str, ...] = ()
        if latest.parts.get("code") != parts.get("code") and latest.parts.get("function") == parts.get("function"):
            code = self._code_changes(connection, latest.run, str(parts.get("function")))
        return differences(latest.parts, parts, code)

    def _code_changes(self, connection: Connection, run: str, function: str) -> tuple[str, ...]:
        if (run, function) not in self._told:
            self._told[run, function] = self._compare(connection, run, function)
        return self._told[run, function]

    def _compare(self, connection: Connection, run: str, function: str) -> tuple[str, ...]:
        try:
            before = code_in(definitions.get(connection, self._team, runs.get(connection, run).definition))
        except (NotFound, RowDamaged, ValueError):
            return ()
        source = self._pipeline.source
        root = source.file.rpartition("/")[0] if source is not None else ""
        return code_changes(before, code_of(self._pipeline), function, root)


def is_among(path: str, refresh: Collection[str]) -> bool:
    """Whether a task, or a scope around it, is one of those of which nothing is reused."""
    return bool(refresh) and any(name in (EVERYTHING, path) or path.startswith(f"{name}/") for name in refresh)


def _version_of(uri: str) -> str:
    # Loaded by its name: it brings clients of the network with it, which few pipelines need.
    version: str = importlib.import_module(_OBSERVING).observed_version(uri)
    return version
