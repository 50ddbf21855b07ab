"""Verification of whole content, the same for every store. Knows how to open content, not where it is kept."""

from __future__ import annotations

import errno

from tidemill.storage.artifacts.content import Content
from tidemill.storage.artifacts.digests import digest_of, digest_of_stream
from tidemill.storage.artifacts.errors import ArtifactDamaged, ArtifactMissing
from tidemill.storage.artifacts.listing import Entry, parse
from tidemill.storage.artifacts.unpack import REMEDY, Open, describe_damage

_NAMED = 10


def verify_file(content: Content, open_file: Open, name: str = "") -> None:
    """Hash one file again. Raises ArtifactDamaged, or what `open_file` raises. `name` is that of a file in a folder."""
    try:
        with open_file(content) as source:
            digest, size = digest_of_stream(source)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        what = f"{name} ({content.digest})" if name else content.digest
        raise ArtifactDamaged(f"{what} is damaged: the medium cannot read it back", remedy=REMEDY) from None
    if digest != content.digest or size != content.size:
        raise ArtifactDamaged(describe_damage(content, digest, size, name), remedy=REMEDY)


def checked_listing(content: Content, data: bytes) -> tuple[Entry, ...]:
    """The entries of a tree from the bytes of its listing, which must hash to its digest and add up to its size."""
    digest = digest_of(data)
    if digest != content.digest:
        raise ArtifactDamaged(f"{content.digest} is damaged: its listing now hashes to {digest}", remedy=REMEDY)
    entries = parse(data)
    size = sum(entry.size for entry in entries)
    if size != content.size:
        raise ArtifactDamaged(f"{content.digest} is damaged: its files are {size} bytes instead of {content.size}")
    return entries


def verify_files(content: Content, entries: tuple[Entry, ...], open_file: Open) -> None:
    """Hash every file of a tree again; the error names the first few that differ."""
    damaged: list[str] = []
    missing: list[str] = []
    for entry in entries:
        if entry.digest is None:
            continue
        try:
            verify_file(Content(entry.digest, entry.size), open_file)
        except ArtifactDamaged:
            damaged.append(entry.path)
        except ArtifactMissing:
            missing.append(entry.path)
    if damaged:
        also = f"; missing: {_some(missing)}" if missing else ""
        raise ArtifactDamaged(f"in {content.digest} these files are damaged: {_some(damaged)}{also}", remedy=REMEDY)
    if missing:
        raise ArtifactMissing(f"in {content.digest} these files are missing: {_some(missing)}", remedy=REMEDY)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
