"""The address of stored bytes, and how it is computed. Knows nothing of where bytes are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tidemill.storage.artifacts.errors import ArtifactError

Kind = Literal["file", "tree"]

_DIGEST = re.compile(r"blake2b:[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Content:
    """The address of stored bytes: a file, or a tree (a folder, by its canonical listing). `size` is in bytes."""

    digest: str
    size: int
    kind: Kind = "file"

    def __post_init__(self) -> None:
        check_digest(self.digest)
        if self.size < 0 or self.kind not in ("file", "tree"):
            raise ArtifactError(f"not an address of content: size {self.size}, kind {self.kind!r}")


class Stamp(NamedTuple):
    """What tells cheaply that local bytes may have changed since they were hashed. Of a tree: folded over its files."""

    inode: int
    size: int
    mtime_ns: int


def is_digest(text: str) -> bool:
    """Whether `text` has the form blake2b:<64 hex digits>."""
    return _DIGEST.match(text) is not None


def check_digest(digest: str) -> str:
    """`digest` if it has the right form; it becomes part of a path, so nothing else passes."""
    if not is_digest(digest):
        raise ArtifactError(f"not a digest: {digest!r:.100}", remedy="a digest is 'blake2b:' and 64 hexadecimal digits")
    return digest
