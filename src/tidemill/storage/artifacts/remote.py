"""An artifact store in a bucket, behind a cache of this machine; what is fetched is hashed before anybody sees it.

PREFIX/objects/ab/cdef...   the bytes, named by their digest; folders by their listing
PREFIX/wanted/ab/cdef...    empty; its age tells when the same bytes were put again
Knows no protocol: a `Bucket` is given to it.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tidemill.core.crash import point
from tidemill.storage.artifacts.bucket import Bucket
from tidemill.storage.artifacts.cache import Cache
from tidemill.storage.artifacts.checking import verify_file, verify_files
from tidemill.storage.artifacts.content import Content, Stamp, check_digest, is_digest
from tidemill.storage.artifacts.errors import ArtifactDamaged, ArtifactMissing, StoreUnreachable, WrongKind
from tidemill.storage.artifacts.files import remove
from tidemill.storage.artifacts.listing import Entry
from tidemill.storage.artifacts.obstacles import writing_to
from tidemill.storage.artifacts.unpack import REMEDY, describe_damage

BEFORE_UPLOAD = point("artifact.before-upload")
AFTER_UPLOAD = point("artifact.after-upload")

_LOOK_FIRST = 1 << 20
"""Bytes from which it is worth a request to find out that they are there already."""

_NOTHING = "blake2b:" + "0" * 64
_FEW = 3
_LARGEST_LISTING = 256 << 20
_WITH_THREADS = "tidemill.storage.artifacts.abreast"


class RemoteStore:
    """Content in `bucket`; `cache` may be thrown away at any time."""

    def __init__(self, bucket: Bucket, cache: Cache) -> None:
        self._bucket = bucket
        self._cache = cache
        self._near = cache.store

    # --- putting ------------------------------------------------------------------------------------------------------

    def put_file(self, path: Path, *, move: bool = False) -> Content:
        content = self._near.put_file(path, move=move)
        try:
            self._upload(content)
        except BaseException:
            if move:
                with contextlib.suppress(Exception):
                    self._near.materialize(content, path)
            raise
        self._cache.trim_if_due()
        return content

    def put_bytes(self, data: bytes) -> Content:
        content = self._near.put_bytes(data)
        self._upload(content)
        return content

    def put_tree(self, path: Path) -> Content:
        content = self._near.put_tree(path)
        files = _files(self._near.listing(content))
        _for_each(self._upload, files)
        # Last of all: whoever finds the listing finds its files.
        self._upload(self._text_of(content))
        self._cache.trim_if_due()
        return content

    def _upload(self, content: Content) -> None:
        """Bring a file of the cache to the bucket, also over what is there: that heals it and makes it young."""
        key = _key(content.digest)
        if content.size >= _LOOK_FIRST and self._is_sealed(content):
            self._bucket.mark(_key(content.digest, "wanted"))
            if self._is_sealed(content):
                return
        source = self._near.path_of(content)
        assert source is not None
        seen = None
        # Once more, if a collector has just taken it for old: it is young from now on.
        for _ in range(2):
            BEFORE_UPLOAD()
            self._bucket.put(key, source)
            AFTER_UPLOAD()
            if (seen := self._bucket.look(key)) is not None:
                break
        if seen is None or seen.size != content.size:
            size = "none" if seen is None else f"{seen.size} bytes"
            raise ArtifactDamaged(
                f"of the {content.size} bytes of {content.digest} that were put, {size} arrived",
                place=self._bucket.uri,
                remedy="somebody else writes to this place, or the service loses data",
            )
        self._cache.seal(content.digest, seen.seal)

    def _is_sealed(self, content: Content) -> bool:
        """Whether the object is the one that was seen whole before."""
        seen = self._bucket.look(_key(content.digest))
        known = self._cache.seal_of(content.digest)
        return seen is not None and bool(known) and seen.size == content.size and seen.seal == known

    # --- getting ------------------------------------------------------------------------------------------------------

    def path_of(self, content: Content) -> Path | None:
        self._fetch(content)
        return self._near.path_of(content)

    def open(self, content: Content) -> BinaryIO:
        if content.kind == "tree":
            raise WrongKind(f"{content.digest} is a folder", remedy="materialize it, or open one of its files")
        try:
            return self._bucket.open(_key(content.digest))
        except FileNotFoundError:
            raise self._missing(content.digest) from None

    def read_bytes(self, content: Content) -> bytes:
        if content.kind == "tree":
            raise WrongKind(f"{content.digest} is a folder", remedy="materialize it, or open one of its files")
        self._fetch(content)
        return self._near.read_bytes(content)

    def listing(self, content: Content) -> tuple[Entry, ...]:
        if content.kind == "file":
            return ()
        return self._listing(content, self._near_or_fetched)

    def materialize(self, content: Content, target: Path) -> None:
        self._fetch(content)
        self._near.materialize(content, target)

    def _fetch(self, content: Content) -> None:
        """Have all of it in the cache, whole. Raises ArtifactMissing, ArtifactDamaged."""
        if content.kind == "file":
            self._near_or_fetched(content)
        else:
            wanted = {Content(entry.digest, entry.size): entry.path for entry in self.listing(content) if entry.digest}
            _for_each(lambda file: self._near_or_fetched(file, wanted[file]), wanted)
        self._cache.trim_if_due()

    def _near_or_fetched(self, content: Content, name: str = "") -> None:
        if content.kind == "tree":
            if self._near.touched_at(content.digest) is None:
                self._download(content, name)
        elif not self._cache.holds(content):
            self._download(content, name)

    def _download(self, content: Content, name: str) -> None:
        """Fetch one object, which for a tree is its listing, and keep it if it is what its digest says."""
        key = _key(content.digest)
        seen = self._bucket.look(key)
        if seen is None:
            raise self._missing(content.digest, name)
        too_large = seen.size > _LARGEST_LISTING if content.kind == "tree" else seen.size != content.size
        if too_large:
            raise ArtifactDamaged(describe_damage(content, "", seen.size, name), remedy=REMEDY)
        target = self._cache.new_file()
        try:
            with writing_to(self._cache.root):
                self._bucket.get(key, target)
            found = self._near.put_file(target, move=True)
        except FileNotFoundError:
            raise self._missing(content.digest, name) from None
        finally:
            remove(target)
        if found.digest != content.digest:
            self._near.delete(found.digest)
            if content.kind == "tree":
                raise ArtifactDamaged(
                    f"{content.digest} is damaged: its listing now hashes to {found.digest}", remedy=REMEDY
                )
            raise ArtifactDamaged(describe_damage(content, found.digest, found.size, name), remedy=REMEDY)
        self._cache.seal(content.digest, seen.seal)

    def _listing(self, content: Content, fetch: Callable[[Content], None]) -> tuple[Entry, ...]:
        fetch(content)
        try:
            return self._near.listing(content)
        except ArtifactDamaged:
            # Either it is no listing of that size wherever it is, or it has gone bad here, and only here.
            self._cache.forget(content.digest)
            fetch(content)
            return self._near.listing(content)

    def _text_of(self, tree: Content) -> Content:
        """The listing of a tree, as the file that it is."""
        with self._near.open(Content(tree.digest, 0)) as source:
            return Content(tree.digest, source.seek(0, 2))

    # --- judging ------------------------------------------------------------------------------------------------------

    def exists(self, content: Content) -> bool:
        if self._bucket.look(_key(content.digest)) is None:
            return False
        try:
            _for_each(self._demand, _files(self.listing(content)))
        except (ArtifactMissing, ArtifactDamaged):
            return False
        return True

    def verify(self, content: Content) -> None:
        if content.kind == "file":
            verify_file(content, self.open)
        else:
            verify_files(content, self._listing(content, lambda tree: self._download(tree, "")), self.open)

    def confirm(self, content: Content) -> None:
        """As `verify`, but bytes that the store says have not changed since they were seen whole are not read again."""
        if content.kind == "file":
            self._confirm(content)
            return
        entries = self.listing(content)
        if not self._is_sealed(self._text_of(content)):
            self._download(content, "")
        names = {Content(entry.digest, entry.size): entry.path for entry in entries if entry.digest}
        _for_each(lambda file: self._confirm(file, names[file]), names)

    def _confirm(self, content: Content, name: str = "") -> None:
        seen = self._bucket.look(_key(content.digest))
        if seen is None:
            raise self._missing(content.digest, name)
        if seen.size != content.size:
            raise ArtifactDamaged(describe_damage(content, "", seen.size, name), remedy=REMEDY)
        if not seen.seal or self._cache.seal_of(content.digest) != seen.seal:
            verify_file(content, self.open, name)
            self._cache.seal(content.digest, seen.seal)

    def stamp(self, content: Content) -> Stamp | None:
        return None

    def touched_at(self, digest: str) -> float | None:
        check_digest(digest)
        seen = self._bucket.look(_key(digest))
        if seen is None:
            return None
        again = self._bucket.look(_key(digest, "wanted"))
        return seen.modified if again is None else max(seen.modified, again.modified)

    def _demand(self, content: Content) -> None:
        if self._bucket.look(_key(content.digest)) is None:
            raise self._missing(content.digest)

    def _missing(self, digest: str, name: str = "") -> ArtifactMissing:
        what = f"{name} ({digest})" if name else digest
        return ArtifactMissing(f"{what} is not in the artifact store {self._bucket.uri}", remedy=REMEDY)

    # --- collecting ---------------------------------------------------------------------------------------------------

    def delete(self, digest: str, untouched_since: float | None = None) -> bool:
        if untouched_since is not None:
            touched = self.touched_at(digest)
            if touched is None or touched >= untouched_since:
                return False
        self._cache.forget(digest)
        there = self._bucket.look(_key(digest)) is not None
        if there:
            self._bucket.remove(_key(digest))
            self._bucket.remove(_key(digest, "wanted"))
        return there

    def digests(self) -> Iterator[str]:
        # One folder of 256 after the other: no more of their names are held at once.
        for folder in self._bucket.names("objects"):
            if len(folder) == 2:
                for name in self._bucket.names(f"objects/{folder}"):
                    if is_digest(digest := f"blake2b:{folder}{name}"):
                        yield digest

    def demand_access(self) -> None:
        """Raises StoreRefused if the bucket is not there, or not for us. That it does not answer now is no matter."""
        with contextlib.suppress(StoreUnreachable):
            self._bucket.look(_key(_NOTHING))

    def bury_the_dead(self) -> int:
        """Remove what killed processes of this machine left in the cache. Returns how much."""
        return self._near.bury_the_dead()


def _files(entries: Iterable[Entry]) -> list[Content]:
    return list({Content(entry.digest, entry.size) for entry in entries if entry.digest is not None})


def _for_each(function: Callable[[Content], None], contents: Iterable[Content]) -> None:
    many = list(contents)
    if len(many) <= _FEW:
        for content in many:
            function(content)
    else:
        # Not imported before: a process that stores one file needs no threads of its own.
        importlib.import_module(_WITH_THREADS).for_each(function, many)


def _key(digest: str, folder: str = "objects") -> str:
    digits = check_digest(digest)[len("blake2b:") :]
    return f"{folder}/{digits[:2]}/{digits[2:]}"
