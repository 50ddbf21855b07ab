"""The contract of an artifact store: bytes, addressed by their content.

A store knows digests and sizes; it does not know values, codecs, runs, teams or who may read what.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from tidemill.storage.artifacts.content import Content, Kind, Stamp
from tidemill.storage.artifacts.listing import Entry

__all__ = ["ArtifactStore", "Content", "Entry", "Kind", "Stamp"]


class ArtifactStore(Protocol):
    """Writes are atomic, durable when the call returns, and idempotent: the same bytes put twice are kept once.

    Every method that takes a `Content` raises ArtifactMissing when it is not there, unless it says otherwise.
    """

    def put_file(self, path: Path, *, move: bool = False) -> Content:
        """Keep a regular file. With `move` the file is taken away, without a copy where that is possible."""
        ...

    def put_bytes(self, data: bytes) -> Content: ...

    def put_tree(self, path: Path) -> Content:
        """Keep a folder. Links inside it are kept as what they point to; NotStorable for links that leave it."""
        ...

    def path_of(self, content: Content) -> Path | None:
        """A local, read-only path that may be memory-mapped, if need be fetched; None if the store is in memory."""
        ...

    def open(self, content: Content) -> BinaryIO:
        """A file's bytes, as they are on the medium (not verified). WrongKind for a tree."""
        ...

    def read_bytes(self, content: Content) -> bytes:
        """All bytes of a file, verified: ArtifactDamaged if they are not what was put. WrongKind for a tree."""
        ...

    def listing(self, content: Content) -> tuple[Entry, ...]:
        """What a tree consists of; empty for a file. A collector must keep every file that a kept tree lists."""
        ...

    def materialize(self, content: Content, target: Path) -> None:
        """A writable copy at `target`, all or nothing, verified on the way. TargetExists if something is there."""
        ...

    def exists(self, content: Content) -> bool:
        """Whether all its bytes seem present (a tree with each of its files); says nothing about damage."""
        ...

    def verify(self, content: Content) -> None:
        """Hash everything again. Raises ArtifactDamaged or ArtifactMissing, naming what differs."""
        ...

    def stamp(self, content: Content) -> Stamp | None:
        """What to compare before trusting local bytes without hashing them; None if absent or not local."""
        ...

    def touched_at(self, digest: str) -> float | None:
        """Seconds since the epoch when these bytes were last put: a collector spares what was put a moment ago."""
        ...

    def delete(self, digest: str, untouched_since: float | None = None) -> bool:
        """Remove the bytes (of a tree: its listing). False if they were not there.

        With `untouched_since` (seconds since the epoch) also if they were put at that moment or later; a store of this
        machine decides and removes at once, so that whoever puts them meanwhile has them.
        """
        ...

    def digests(self) -> Iterator[str]:
        """Every digest that is stored, in no particular order."""
        ...
