"""Writing stored content to a new place: all or nothing, hashed on the way, never outside the target.

Knows how to open content, not where it is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tidemill.storage.artifacts.content import Content
from tidemill.storage.artifacts.digests import digest_of_stream
from tidemill.storage.artifacts.errors import ArtifactDamaged, TargetExists
from tidemill.storage.artifacts.files import random_name, remove
from tidemill.storage.artifacts.listing import Entry

Open = Callable[[Content], BinaryIO]


def materialize(content: Content, target: Path, entries: tuple[Entry, ...], open_file: Open) -> None:
    """Write `content` (with the `entries` of its listing, if a tree) to `target`, which must not exist."""
    if os.path.lexists(target):
        raise TargetExists(f"{target} exists already", remedy="choose another place, or remove it first")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Built beside the target under a name nobody else knows: it starts empty, so no link can lead a path astray.
    building = target.parent / f".{target.name[:100]}.{random_name()}.part"
    try:
        if content.kind == "file":
            _write(content, building, False, open_file)
        else:
            building.mkdir()
            for entry in entries:
                _write_entry(entry, building, open_file)
        os.rename(building, target)
    except BaseException:
        remove(building)
        raise


def _write_entry(entry: Entry, root: Path, open_file: Open) -> None:
    place = root.joinpath(*entry.path.split("/"))
    if entry.digest is None:
        place.mkdir(parents=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    _write(Content(entry.digest, entry.size), place, entry.executable, open_file, entry.path)


def _write(content: Content, place: Path, executable: bool, open_file: Open, name: str = "") -> None:
    mode = 0o777 if executable else 0o666
    fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), mode)
    with os.fdopen(fd, "wb") as sink, open_file(content) as source:
        digest, size = digest_of_stream(source, sink)
    if digest != content.digest or size != content.size:
        raise ArtifactDamaged(describe_damage(content, digest, size, name), remedy=REMEDY)


REMEDY = "run the task that made it again; its bytes are then written anew"


def describe_damage(content: Content, digest: str, size: int, name: str = "") -> str:
    """One sentence on how the bytes differ from what the address says."""
    what = f"{name} ({content.digest})" if name else content.digest
    if size != content.size:
        return f"{what} is damaged: it has {size} bytes instead of {content.size}"
    return f"{what} is damaged: its {size} bytes now hash to {digest}"
