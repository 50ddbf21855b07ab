"""What a task gave, against what was recorded of it: values by value, artifacts by content, and where these differ.

Loads two artifacts only if their contents are not the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidemill.actions.differing import Difference, first_byte, first_difference, shown
from tidemill.app import content_of
from tidemill.core.errors import TidemillError
from tidemill.core.records import Artifact
from tidemill.core.values import MISSING, ArtifactRef
from tidemill.storage.artifacts.store import ArtifactStore
from tidemill.storage.artifacts.values import load


@dataclass(frozen=True, slots=True)
class Side:
    """What was given, with the records and the bytes behind it."""

    outputs: Mapping[str, Any]
    artifacts: Mapping[str, Artifact]
    stores: Sequence[ArtifactStore]
    """Where content may lie, to be looked at in this order."""


@dataclass(frozen=True, slots=True)
class Compared:
    """For each output the first difference, or None if it is the same to the last bit."""

    outputs: Mapping[str, Difference | None] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        return not any(self.outputs.values())

    @property
    def first(self) -> tuple[str, Difference] | None:
        """The first output that differs."""
        return next(((name, found) for name, found in self.outputs.items() if found is not None), None)


def compare_outputs(recorded: Side, now: Side, scratch: Path) -> Compared:
    """Output by output, in the order in which they were recorded. `scratch` is a folder that may be filled."""
    names = dict.fromkeys([*recorded.outputs, *now.outputs])
    comparing = _Comparing(recorded, now, scratch)
    return Compared({name: comparing.output(name) for name in names})


@dataclass(frozen=True, slots=True)
class _Comparing:
    recorded: Side
    now: Side
    scratch: Path

    def output(self, name: str) -> Difference | None:
        old, new = self.recorded.outputs.get(name, MISSING), self.now.outputs.get(name, MISSING)
        if old is MISSING or new is MISSING:
            return Difference("", *("nothing" if value is MISSING else self._shown(value) for value in (old, new)))
        return self._value(old, new, "")

    def _value(self, old: Any, new: Any, where: str) -> Difference | None:
        match old, new:
            case ArtifactRef(), ArtifactRef():
                if old.at != new.at:
                    return Difference(where, f"the item {list(old.at)}", f"the item {list(new.at)}")
                return self._artifact(old, new, where)
            case dict(), dict() if old.keys() == new.keys():
                found = (self._value(old[key], new[key], f"{where}.{key}".lstrip(".")) for key in old)
            case list(), list() if len(old) == len(new):
                found = (self._value(*pair, f"{where}[{n}]") for n, pair in enumerate(zip(old, new, strict=True)))
            case _:
                return first_difference(old, new, where)
        return next((one for one in found if one is not None), None)

    def _artifact(self, old: ArtifactRef, new: ArtifactRef, where: str) -> Difference | None:
        one, other = self.recorded.artifacts.get(old.id), self.now.artifacts.get(new.id)
        if one is None or other is None:
            return None if old.id == new.id else Difference(where, f"artifact {old.id}", f"artifact {new.id}")
        if (one.digest, one.kind, one.codec) == (other.digest, other.kind, other.codec):
            outside = (one.uri, one.version) == (other.uri, other.version)
            return None if one.digest or outside else Difference(where, one.uri, other.uri)
        if one.codec != other.codec or one.kind != other.kind:
            return Difference(where, f"{one.type} kept by {one.codec}", f"{other.type} kept by {other.codec}")
        try:
            return self._contents(one, other, where)
        except TidemillError as error:
            return Difference(where, one.digest, f"{other.digest} ({error.in_one_line})")

    def _contents(self, one: Artifact, other: Artifact, where: str) -> Difference:
        lead = f"{where} " if where else ""
        if one.kind == "tree":
            return self._trees(one, other, lead)
        if one.codec not in ("file", "bytes"):
            found = first_difference(self._loaded(one, self.recorded), self._loaded(other, self.now), where)
            if found is not None:
                return found
        at = first_byte(self._path(one, self.recorded), self._path(other, self.now))
        sizes = [f"{artifact.size} bytes, {artifact.digest[-12:]}" for artifact in (one, other)]
        return Difference(f"{lead}byte {at}", *sizes)

    def _trees(self, one: Artifact, other: Artifact, lead: str) -> Difference:
        listings = [
            {entry.path: entry for entry in self._store(artifact, side).listing(content_of(artifact))}
            for artifact, side in ((one, self.recorded), (other, self.now))
        ]
        old, new = listings
        for path in sorted(old.keys() | new.keys()):
            if path not in old or path not in new:
                return Difference(f"{lead}file {path}", *("a file" if path in side else "nothing" for side in listings))
            if old[path] != new[path]:
                sizes = [f"{side[path].size} bytes" for side in listings]
                paths = [self._whole(one, self.recorded) / path, self._whole(other, self.now) / path]
                at = first_byte(*paths) if all(found.is_file() for found in paths) else None
                return Difference(f"{lead}file {path}" + (f", byte {at}" if at is not None else ""), *sizes)
        return Difference(lead.strip(), one.digest, other.digest)

    def _loaded(self, artifact: Artifact, side: Side) -> Any:
        folder = self._folder()
        store, content = self._store(artifact, side), content_of(artifact)
        return load(store, content, artifact.codec, folder, facts=artifact.metadata, unsafe=True).value

    def _path(self, artifact: Artifact, side: Side) -> Path:
        store = self._store(artifact, side)
        return store.path_of(content_of(artifact)) or self._whole(artifact, side)

    def _whole(self, artifact: Artifact, side: Side) -> Path:
        target = self._folder() / "content"
        self._store(artifact, side).materialize(content_of(artifact), target)
        return target

    def _folder(self) -> Path:
        folder = self.scratch / f"compared-{sum(1 for _ in self.scratch.iterdir())}"
        folder.mkdir()
        return folder

    @staticmethod
    def _store(artifact: Artifact, side: Side) -> ArtifactStore:
        content = content_of(artifact)
        return next((store for store in side.stores if store.exists(content)), side.stores[-1])

    @staticmethod
    def _shown(value: Any) -> str:
        return f"artifact {value.id}" if isinstance(value, ArtifactRef) else shown(value)
