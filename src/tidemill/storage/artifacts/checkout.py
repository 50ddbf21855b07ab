"""Stored trees as real folders: hard links to objects, made once and shared by everybody who reads them.

A checkout is derived from its listing and can always be made again; of its own it holds copies of executables only.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from tidemill.storage.artifacts.content import Content, check_digest
from tidemill.storage.artifacts.errors import ArtifactMissing
from tidemill.storage.artifacts.files import copy_file, remove
from tidemill.storage.artifacts.listing import Entry
from tidemill.storage.artifacts.unpack import REMEDY


def may_link() -> bool:
    """Whether a second name for an object is safe to give out: nothing is read-only for root."""
    return os.geteuid() != 0


class Checkouts:
    """Folders under `root`; `object_of` gives the path of a stored file, `new_temporary` an unused name beside them."""

    def __init__(self, root: Path, object_of: Callable[[str], Path], new_temporary: Callable[[], Path]) -> None:
        self._root = root
        self._object_of = object_of
        self._new_temporary = new_temporary

    def path_of(self, content: Content, entries: tuple[Entry, ...]) -> Path:
        """The folder of a tree, made if need be and made anew if somebody changed it. Raises ArtifactMissing."""
        target = self._place(content.digest)
        try:
            if target.is_dir():
                if self._is_whole(target, entries):
                    return target
                self.discard(content.digest)
            self._make(target, entries)
        except FileNotFoundError as error:
            raise ArtifactMissing(f"a file of {content.digest} is not in the store: {error}", remedy=REMEDY) from None
        return target

    def discard(self, digest: str) -> None:
        """Remove a checkout, if there is one; who has its files open keeps reading them."""
        target = self._place(digest)
        if target.is_dir():
            aside = self._new_temporary()
            os.chmod(target, 0o755)
            os.rename(target, aside)
            remove(aside)

    def _place(self, digest: str) -> Path:
        digits = check_digest(digest)[len("blake2b:") :]
        return self._root / digits[:2] / digits[2:]

    def _make(self, target: Path, entries: tuple[Entry, ...]) -> None:
        building = self._new_temporary()
        building.mkdir()
        try:
            for entry in entries:
                self._place_entry(building, entry)
            for place, _, _ in os.walk(building, topdown=False):
                if Path(place) != building:
                    os.chmod(place, 0o555)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(building, target)
        except OSError as error:
            remove(building)
            # Somebody else made the same folder first: it is as good as ours.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES) or not target.is_dir():
                raise
            return
        os.chmod(target, 0o555)

    def _place_entry(self, root: Path, entry: Entry) -> None:
        place = root.joinpath(*entry.path.split("/"))
        if entry.digest is None:
            place.mkdir(parents=True)
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        source = self._object_of(entry.digest)
        if not entry.executable and may_link():
            try:
                os.link(source, place)
                return
            except FileNotFoundError:
                raise
            except OSError:
                # No hard links here, or too many to one object (every empty file of a large tree is the same one).
                pass
        copy_file(source, place)
        os.chmod(place, 0o555 if entry.executable else 0o444)
        os.utime(place, ns=(os.stat(source).st_atime_ns, os.stat(source).st_mtime_ns))

    def _is_whole(self, target: Path, entries: tuple[Entry, ...]) -> bool:
        files = {entry.path: entry for entry in entries if entry.digest is not None}
        found = 0
        for place, _, names in os.walk(target):
            for name in names:
                path = Path(place, name)
                entry = files.get(path.relative_to(target).as_posix())
                if entry is None or entry.digest is None or not _same(path, self._object_of(entry.digest)):
                    return False
                found += 1
        folders = (entry.path for entry in entries if entry.digest is None)
        return found == len(files) and all((target / folder).is_dir() for folder in folders)


def _same(placed: Path, kept: Path) -> bool:
    left, right = os.lstat(placed), os.lstat(kept)
    if (left.st_dev, left.st_ino) == (right.st_dev, right.st_ino):
        return True
    return (left.st_size, left.st_mtime_ns) == (right.st_size, right.st_mtime_ns)
