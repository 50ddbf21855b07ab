"""What was fetched from a remote store, or is on its way there, in a bounded local store that processes share.

Every file of it can be fetched again, so whatever is damaged here is thrown away. Knows nothing of where it came from.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from tidemill.storage.artifacts.content import Content, check_digest
from tidemill.storage.artifacts.errors import ArtifactDamaged, ArtifactMissing
from tidemill.storage.artifacts.local import LocalStore
from tidemill.storage.artifacts.writers import new_name

SPARED_SECONDS = 3600.0
"""What was used a moment ago stays, however full it is: somebody may be about to open it."""

_MARKED_EVERY_SECONDS = 60.0
_TRIMMED_EVERY_SECONDS = 600.0


class Cache:
    """A local store below `root` of at most `most` bytes (0 = any number), and a seal for each content.

    A seal is what the remote store said of the bytes when they were known to be whole.
    """

    def __init__(self, root: Path, most: int = 0) -> None:
        self.root = root
        self.most = most
        self.store = LocalStore(root)

    def holds(self, content: Content) -> bool:
        """Whether the bytes of a file are here, and whole; if so they are marked as used."""
        try:
            path = self.store.path_of(content)
        except ArtifactMissing:
            return False
        except ArtifactDamaged:
            self.forget(content.digest)
            return False
        assert path is not None
        self._mark(path)
        return True

    def new_file(self) -> Path:
        """An unused name for a file that this process fetches; if it dies, the file is known as its own."""
        folder = self.root / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / new_name()

    def seal_of(self, digest: str) -> str:
        """Of bytes that nobody has seen whole in the remote store: nothing."""
        try:
            return self._seal(digest).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return ""

    def seal(self, digest: str, seal: str) -> None:
        """Half of one, after a crash, is none: the bytes are then looked at again."""
        path = self._seal(digest)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(seal, encoding="utf-8")

    def forget(self, digest: str) -> None:
        """The bytes and what is known of them."""
        self.store.delete(digest)
        self._seal(digest).unlink(missing_ok=True)

    def trim_if_due(self) -> None:
        """Make room, if that was not done lately by any process."""
        marker = self.root / "trimmed"
        with contextlib.suppress(OSError):
            if self.most and (not marker.exists() or time.time() - marker.stat().st_mtime > _TRIMMED_EVERY_SECONDS):
                marker.touch()
                self.trim()

    def trim(self, spared_s: float = SPARED_SECONDS) -> int:
        """Remove what was not used for longest until there is no more than may be. Returns how many were removed."""
        if not self.most:
            return 0
        kept: list[tuple[float, str, int]] = []
        for digest in self.store.digests():
            used = self.store.touched_at(digest)
            if used is not None:
                kept.append((used, digest, self._size(digest)))
        held, removed, latest = sum(size for _, _, size in kept), 0, time.time() - spared_s
        for used, digest, size in sorted(kept):
            if held <= self.most or used > latest:
                break
            self.store.delete(digest)
            held, removed = held - size, removed + 1
        return removed

    def _mark(self, path: Path) -> None:
        """As used now. Its other time stays: it tells that nobody has written to it."""
        with contextlib.suppress(OSError):
            info = path.stat()
            if time.time() - info.st_atime > _MARKED_EVERY_SECONDS:
                os.utime(path, ns=(time.time_ns(), info.st_mtime_ns))

    def _size(self, digest: str) -> int:
        with contextlib.suppress(OSError, ArtifactMissing), self.store.open(Content(digest, 0)) as file:
            return os.fstat(file.fileno()).st_size
        return 0

    def _seal(self, digest: str) -> Path:
        digits = check_digest(digest)[len("blake2b:") :]
        return self.root / "seals" / digits[:2] / digits[2:]
