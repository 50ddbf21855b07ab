"""What a path holds now: its files with their digests. A file whose stamp is as it was is not hashed again."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidemill.actions.collecting.facts import Told
from tidemill.actions.data.ignoring import ignored_in
from tidemill.app import App
from tidemill.core.blake import blake2b
from tidemill.core.errors import InputError
from tidemill.storage.artifacts.content import Content, is_digest
from tidemill.storage.artifacts.digests import digest_of, digest_of_stream
from tidemill.storage.artifacts.files import random_name
from tidemill.storage.artifacts.listing import Entry, encode, scan
from tidemill.storage.artifacts.store import ArtifactStore

_SETTLED_NS = 2 * 10**9
"""A file that changed more lately than this may change again without another time: it is hashed the next time."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a path holds. `entries` are sorted by path; that of a file has the path "". `hashed`: how many had to be."""

    content: Content
    entries: tuple[Entry, ...]
    hashed: int


class Stamps:
    """What was hashed before, by path: size, time, inode and digest; kept in the home, and only ever a short cut."""

    def __init__(self, app: App, path: Path) -> None:
        name = blake2b(os.fsencode(path), digest_size=16).hexdigest()
        self._file = app.settings.home / "data" / f"{name}.json"
        self._old = _read(self._file)
        self._new: dict[str, list[Any]] = {}

    def known(self, path: str, info: os.stat_result) -> str:
        """The digest of a file that is as it was, or ""."""
        match self._old.get(path):
            case [size, changed, inode, str(digest)] if is_digest(digest):
                same = (size, changed, inode) == (info.st_size, info.st_mtime_ns, info.st_ino)
                if same:
                    self._new[path] = [size, changed, inode, digest]
                return digest if same else ""
        return ""

    def note(self, path: str, before: os.stat_result, after: os.stat_result, digest: str) -> None:
        """Keep what a file hashed to, unless it was being written to."""
        stood = (before.st_size, before.st_mtime_ns, before.st_ino)
        if stood == (after.st_size, after.st_mtime_ns, after.st_ino) and time.time_ns() - stood[1] > _SETTLED_NS:
            self._new[path] = [*stood, digest]

    def save(self) -> None:
        """Write the stamps of all that was looked at; that it cannot be written costs time only."""
        if self._new == self._old:
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._file.with_name(f"{self._file.name}.{random_name()}")
            fresh.write_text(json.dumps(self._new), encoding="utf-8")
            os.replace(fresh, self._file)


def _read(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def look(app: App, path: Path, told: Told) -> Held:
    """What is at the path, without keeping it. Raises InputError, NotStorable."""
    return _hold(app, path, told, _hash)


def keep(app: App, path: Path, told: Told, anew: bool = False) -> Held:
    """What is at the path, kept by its content; with `anew` no stamp is trusted. Raises InputError, NotStorable."""
    store = app.artifacts
    held = _hold(app, path, told, lambda file: store.put_file(file), store, anew)
    if held.content.kind == "tree":
        store.put_bytes(encode(held.entries))
    return held


def _hash(file: Path) -> Content:
    with open(file, "rb") as source:
        return Content(*digest_of_stream(source))


def _hold(
    app: App,
    path: Path,
    told: Told,
    take: Callable[[Path], Content],
    store: ArtifactStore | None = None,
    anew: bool = False,
) -> Held:
    stamps, hashed = Stamps(app, path), 0

    def content_of(name: str, file: Path) -> tuple[Content, os.stat_result]:
        nonlocal hashed
        before = os.stat(file)
        known = "" if anew else stamps.known(name, before)
        if known:
            content = Content(known, before.st_size)
            if store is None or store.exists(content):
                return content, before
        content = take(file)
        hashed += 1
        stamps.note(name, before, os.stat(file), content.digest)
        return content, before

    try:
        mode = os.stat(path).st_mode
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}", remedy="name a file or a folder") from None
    try:
        if stat.S_ISREG(mode):
            content, info = content_of("", path)
            entries = [Entry("", content.digest, content.size, bool(info.st_mode & stat.S_IXUSR))]
        elif stat.S_ISDIR(mode):
            entries = []
            for number, found in enumerate(scan(path, ignored_in(path))):
                told("files looked at", number, 0)
                if found.is_folder:
                    entries.append(Entry(found.path, None))
                else:
                    one, info = content_of(found.path, found.source)
                    entries.append(Entry(found.path, one.digest, one.size, bool(info.st_mode & stat.S_IXUSR)))
            entries.sort(key=lambda entry: entry.path)
            content = Content(digest_of(encode(entries)), sum(entry.size for entry in entries), "tree")
        else:
            raise InputError(f"{path} is neither a file nor a folder")
    except OSError as problem:
        raise InputError(f"{problem.filename or path} cannot be read: {problem.strerror}") from None
    stamps.save()
    return Held(content, tuple(entries), hashed)
