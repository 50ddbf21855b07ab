"""An artifact store in memory, for tests and for values that need not outlive the process."""

from __future__ import annotations

import _thread
import io
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tidemill.storage.artifacts.checking import checked_listing, verify_file, verify_files
from tidemill.storage.artifacts.content import Content, Stamp, check_digest
from tidemill.storage.artifacts.digests import digest_of
from tidemill.storage.artifacts.errors import ArtifactDamaged, ArtifactMissing, NotStorable, WrongKind
from tidemill.storage.artifacts.listing import Entry, encode, scan
from tidemill.storage.artifacts.unpack import REMEDY, describe_damage, materialize


class MemoryStore:
    """Keeps every content as one `bytes` object."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}
        self._touched: dict[str, float] = {}
        self._lock = _thread.allocate_lock()

    def put_file(self, path: Path, *, move: bool = False) -> Content:
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise NotStorable(f"{path} is not a file", remedy="use put_tree for a folder")
            content = self.put_bytes(path.read_bytes())
        except FileNotFoundError:
            raise NotStorable(f"there is no file {path}", remedy="write the file before returning its path") from None
        if move:
            path.unlink()
        return content

    def put_bytes(self, data: bytes) -> Content:
        digest = digest_of(data)
        with self._lock:
            self._kept[digest] = bytes(data)
            self._touched[digest] = time.time()
        return Content(digest, len(data))

    def put_tree(self, path: Path) -> Content:
        entries: list[Entry] = []
        for found in scan(path):
            if found.is_folder:
                entries.append(Entry(found.path, None))
                continue
            content = self.put_file(found.source)
            executable = bool(found.source.stat().st_mode & stat.S_IXUSR)
            entries.append(Entry(found.path, content.digest, content.size, executable))
        listing = self.put_bytes(encode(entries))
        return Content(listing.digest, sum(entry.size for entry in entries), "tree")

    def path_of(self, content: Content) -> Path | None:
        self._data(content)
        self.listing(content)
        return None

    def open(self, content: Content) -> BinaryIO:
        if content.kind == "tree":
            raise WrongKind(f"{content.digest} is a folder", remedy="materialize it, or open one of its files")
        return io.BytesIO(self._data(content))

    def read_bytes(self, content: Content) -> bytes:
        with self.open(content) as source:
            data = source.read()
        if digest_of(data) != content.digest:
            raise ArtifactDamaged(describe_damage(content, digest_of(data), len(data)), remedy=REMEDY)
        return data

    def listing(self, content: Content) -> tuple[Entry, ...]:
        return checked_listing(content, self._data(content)) if content.kind == "tree" else ()

    def materialize(self, content: Content, target: Path) -> None:
        self._data(content)
        materialize(content, target, self.listing(content), self.open)

    def exists(self, content: Content) -> bool:
        try:
            return content.digest in self._kept and all(
                entry.digest is None or entry.digest in self._kept for entry in self.listing(content)
            )
        except (ArtifactMissing, ArtifactDamaged):
            return False

    def verify(self, content: Content) -> None:
        if content.kind == "file":
            verify_file(content, self.open)
        else:
            verify_files(content, self.listing(content), self.open)

    def stamp(self, content: Content) -> Stamp | None:
        return None

    def touched_at(self, digest: str) -> float | None:
        return self._touched.get(check_digest(digest))

    def delete(self, digest: str, untouched_since: float | None = None) -> bool:
        with self._lock:
            if untouched_since is not None and self._touched.get(digest, 0.0) >= untouched_since:
                return False
            self._touched.pop(check_digest(digest), None)
            return self._kept.pop(digest, None) is not None

    def digests(self) -> Iterator[str]:
        with self._lock:
            return iter(tuple(self._kept))

    def _data(self, content: Content) -> bytes:
        try:
            return self._kept[content.digest]
        except KeyError:
            raise ArtifactMissing(f"{content.digest} is not in the artifact store", remedy=REMEDY) from None
