"""An artifact store in a folder of the local machine, safe for many processes at once.

objects/ab/cdef...   the bytes, read-only, named by their digest
trees/ab/cdef...     folders put together from objects on demand (see checkout)
tmp/                 what is being written; a writer that died leaves only a file here
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tidemill.core.blake import blake2b
from tidemill.core.crash import point
from tidemill.storage.artifacts.checking import checked_listing, verify_file, verify_files
from tidemill.storage.artifacts.checkout import Checkouts
from tidemill.storage.artifacts.content import Content, Stamp, check_digest
from tidemill.storage.artifacts.digests import LARGE, digest_of, digest_of_stream
from tidemill.storage.artifacts.errors import ArtifactDamaged, ArtifactMissing, NotStorable, WrongKind
from tidemill.storage.artifacts.files import remove
from tidemill.storage.artifacts.listing import Entry, encode, scan
from tidemill.storage.artifacts.locks import exclusive, shared
from tidemill.storage.artifacts.obstacles import writing_to
from tidemill.storage.artifacts.unpack import REMEDY, describe_damage, materialize
from tidemill.storage.artifacts.writers import is_of_the_dead, new_name

AFTER_WRITE = point("artifact.after-write")
AFTER_RENAME = point("artifact.after-rename")

UNTOUCHED_NS = 10**18
"""The modification time of every object: whatever writes to one gives it another, and so is noticed without hashing."""

_READ_ONLY = 0o444
_WITH_THREADS = "tidemill.storage.artifacts.large"
_REST = re.compile(r"[0-9a-f]{62}\Z")


class LocalStore:
    """Content under `root`, which is made when the first bytes arrive."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._objects = self.root / "objects"
        self._temporary = self.root / "tmp"
        self._checkouts = Checkouts(self.root / "trees", self._object, self._new_temporary)

    # --- putting ------------------------------------------------------------------------------------------------------

    def put_file(self, path: Path, *, move: bool = False) -> Content:
        with writing_to(self.root):
            content = (self._take(path) if move else None) or self._copy(path)
            self._flush_folder(content)
        if move:
            path.unlink(missing_ok=True)
        return content

    def put_bytes(self, data: bytes) -> Content:
        with writing_to(self.root):
            return self._put_bytes(data)

    def put_tree(self, path: Path) -> Content:
        with writing_to(self.root):
            return self._put_tree(path)

    def _put_bytes(self, data: bytes) -> Content:
        content = Content(digest_of(data), len(data))
        if not self._is_whole(content):
            temporary = self._new_temporary()
            try:
                with open(temporary, "xb") as sink:
                    sink.write(data)
                    _flush(sink)
                self._publish(temporary, content)
            except BaseException:
                remove(temporary)
                raise
        self._flush_folder(content)
        return content

    def _put_tree(self, path: Path) -> Content:
        entries: list[Entry] = []
        # One flush for each folder of objects at the end, instead of one for each file; the listing comes last of all.
        by_folder: dict[Path, Content] = {}
        for found in scan(path):
            if found.is_folder:
                entries.append(Entry(found.path, None))
                continue
            content = self._copy(found.source)
            by_folder.setdefault(self._object(content.digest).parent, content)
            executable = bool(found.source.stat().st_mode & stat.S_IXUSR)
            entries.append(Entry(found.path, content.digest, content.size, executable))
        for content in by_folder.values():
            self._flush_folder(content)
        listing = self._put_bytes(encode(entries))
        return Content(listing.digest, sum(entry.size for entry in entries), "tree")

    def _copy(self, path: Path) -> Content:
        temporary = self._new_temporary()
        try:
            with _open_regular(path) as source, open(temporary, "xb") as sink:
                digest, size = digest_of_stream(source, sink)
                _flush(sink)
            content = Content(digest, size)
            self._publish(temporary, content)
        except BaseException:
            remove(temporary)
            raise
        return content

    def _take(self, path: Path) -> Content | None:
        """Move the file itself into the store; None where only a copy will do."""
        info = os.lstat(path) if os.path.lexists(path) else None
        if info is None or not stat.S_ISREG(info.st_mode) or info.st_nlink > 1:
            return None
        temporary = self._new_temporary()
        try:
            # Before the move: an old file must not look like the remains of a dead writer.
            os.utime(path)
            os.rename(path, temporary)
        except OSError:
            return None
        try:
            with open(temporary, "rb") as source:
                if info.st_size >= LARGE:
                    # Not imported before: its threads would be a burden on every process of a task.
                    digest, size = importlib.import_module(_WITH_THREADS).digest_and_flush(source.fileno())
                else:
                    digest, size = digest_of_stream(source)
                    os.fsync(source.fileno())
            content = Content(digest, size)
            self._publish(temporary, content)
        except BaseException:
            if temporary.exists():
                os.rename(temporary, path)
            raise
        return content

    def _publish(self, temporary: Path, content: Content) -> None:
        """Give finished bytes their final name, unless whole bytes have it already."""
        os.chmod(temporary, _READ_ONLY)
        AFTER_WRITE()
        if self._is_whole(content):
            temporary.unlink()
            return
        target = self._object(content.digest)
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            for folder in (self._objects, self.root):
                _flush_path(folder)
        with shared(target.parent):
            os.replace(temporary, target)
            AFTER_RENAME()
            # Last: until then the age of the file tells whether its writer is dead, and after a crash it is hashed.
            os.utime(target, ns=(time.time_ns(), UNTOUCHED_NS))

    def _is_whole(self, content: Content) -> bool:
        """Whether the bytes are there and undamaged, so that putting them again also heals what went bad."""
        target = self._object(content.digest)
        try:
            info = os.stat(target)
            if info.st_size != content.size:
                return False
            with open(target, "rb") as source:
                if digest_of_stream(source)[0] != content.digest:
                    return False
            # Tells a collector that these bytes are wanted again; it fails if they have just been collected.
            with shared(target.parent):
                os.utime(target, ns=(time.time_ns(), UNTOUCHED_NS))
        except FileNotFoundError:
            return False
        except PermissionError:
            # Bytes of another user: whole, but not ours to mark.
            return True
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False  # the medium has lost them
        return True

    def _flush_folder(self, content: Content) -> None:
        _flush_path(self._object(content.digest).parent)

    def _new_temporary(self) -> Path:
        self._temporary.mkdir(parents=True, exist_ok=True)
        return self._temporary / new_name()

    # --- getting ------------------------------------------------------------------------------------------------------

    def path_of(self, content: Content) -> Path | None:
        if content.kind == "tree":
            listing = self.listing(content)
            for entry in listing:
                if entry.digest is not None:
                    self._trust(Content(entry.digest, entry.size), entry.path)
            return self._checkouts.path_of(content, listing)
        self._trust(content)
        return self._object(content.digest)

    def open(self, content: Content) -> BinaryIO:
        if content.kind == "tree":
            raise WrongKind(f"{content.digest} is a folder", remedy="materialize it, or open one of its files")
        try:
            return open(self._object(content.digest), "rb")
        except FileNotFoundError:
            raise _missing(content) from None

    def read_bytes(self, content: Content) -> bytes:
        with self.open(content) as source:
            data = source.read()
        if digest_of(data) != content.digest:
            raise ArtifactDamaged(describe_damage(content, digest_of(data), len(data)), remedy=REMEDY)
        return data

    def listing(self, content: Content) -> tuple[Entry, ...]:
        if content.kind == "file":
            return ()
        try:
            return checked_listing(content, self._object(content.digest).read_bytes())
        except FileNotFoundError:
            raise _missing(content) from None

    def materialize(self, content: Content, target: Path) -> None:
        if not self._object(content.digest).exists():
            raise _missing(content)
        materialize(content, target, self.listing(content), self.open)

    # --- judging ------------------------------------------------------------------------------------------------------

    def exists(self, content: Content) -> bool:
        try:
            return self._object(content.digest).exists() and all(
                entry.digest is None or self._object(entry.digest).exists() for entry in self.listing(content)
            )
        except (ArtifactMissing, ArtifactDamaged):
            return False

    def verify(self, content: Content) -> None:
        if content.kind == "file":
            verify_file(content, self.open)
        else:
            verify_files(content, self.listing(content), self.open)

    def stamp(self, content: Content) -> Stamp | None:
        try:
            info = os.stat(self._object(content.digest))
            if content.kind == "file":
                return Stamp(info.st_ino, info.st_size, info.st_mtime_ns)
            folded = blake2b(digest_size=8)
            newest = info.st_mtime_ns
            for digest in ("", *sorted({entry.digest for entry in self.listing(content) if entry.digest})):
                info = os.stat(self._object(digest)) if digest else info
                folded.update(f"{info.st_ino} {info.st_size} {info.st_mtime_ns};".encode())
                newest = max(newest, info.st_mtime_ns)
        except (FileNotFoundError, ArtifactDamaged, ArtifactMissing):
            return None
        # 63 bits, so that a database can hold it as a signed integer.
        return Stamp(int.from_bytes(folded.digest(), "big") >> 1, content.size, newest)

    def touched_at(self, digest: str) -> float | None:
        try:
            info = os.stat(self._object(digest))
        except FileNotFoundError:
            return None
        return max(info.st_atime, info.st_mtime)

    def _trust(self, content: Content, name: str = "") -> None:
        """Raises ArtifactMissing, ArtifactDamaged. Bytes that nobody has written to are whole; others are hashed again.

        `name` is that of a file in a folder.
        Reading past the end of a mapped file kills the process, so a path to a short one is never given out.
        """
        path = self._object(content.digest)
        try:
            info = os.stat(path)
        except FileNotFoundError:
            raise _missing(content, name) from None
        if info.st_size != content.size:
            raise ArtifactDamaged(describe_damage(content, "", info.st_size, name), remedy=REMEDY)
        if info.st_mtime_ns != UNTOUCHED_NS:
            verify_file(content, self.open, name)
            with contextlib.suppress(PermissionError):
                os.utime(path, ns=(info.st_atime_ns, UNTOUCHED_NS))

    # --- collecting ---------------------------------------------------------------------------------------------------

    def delete(self, digest: str, untouched_since: float | None = None) -> bool:
        target = self._object(digest)
        try:
            with exclusive(target.parent):
                touched = self.touched_at(digest)
                if touched is None or (untouched_since is not None and touched >= untouched_since):
                    return False
                self._checkouts.discard(digest)
                target.unlink()
        except FileNotFoundError:
            return False
        return True

    def digests(self) -> Iterator[str]:
        for folder in _children(self._objects):
            for child in _children(folder):
                if len(folder.name) == 2 and _REST.match(child.name):
                    yield f"blake2b:{folder.name}{child.name}"

    def bury_the_dead(self) -> int:
        """Remove what writers left that are known to be dead, however young it is. Returns how much."""
        left = [child for child in _children(self._temporary) if is_of_the_dead(child.name)]
        for child in left:
            remove(child)
        return len(left)

    def sweep_temporary(self, older_than_s: float) -> int:
        """Remove what dead writers left: whatever did not change for `older_than_s` seconds. Returns how many."""
        removed = 0
        limit = time.time() - older_than_s
        for child in _children(self._temporary):
            try:
                if os.lstat(child).st_mtime > limit:
                    continue
                remove(child)
            except FileNotFoundError:
                continue
            removed += 1
        return removed

    def _object(self, digest: str) -> Path:
        digits = check_digest(digest)[len("blake2b:") :]
        return self._objects / digits[:2] / digits[2:]


def _missing(content: Content, name: str = "") -> ArtifactMissing:
    what = f"{name} ({content.digest})" if name else content.digest
    return ArtifactMissing(f"{what} is not in the artifact store", remedy=REMEDY)


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _open_regular(path: Path) -> BinaryIO:
    try:
        # Opening a pipe that nobody writes to would wait for ever.
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        raise NotStorable(f"there is no file {path}", remedy="write the file before returning its path") from None
    except OSError as error:
        raise NotStorable(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotStorable(f"{path} is not a file", remedy="use put_tree for a folder")
    return os.fdopen(fd, "rb")


def _flush(sink: BinaryIO) -> None:
    sink.flush()
    os.fsync(sink.fileno())


def _flush_path(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
