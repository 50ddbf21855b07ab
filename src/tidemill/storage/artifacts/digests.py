"""The digest of bytes: BLAKE2b, and above one leaf its tree mode.

So the leaves of a large file can be hashed on several processors while the file is on its way to the disk.
Tree mode: https://www.blake2.net/blake2.pdf, section 2.10; two levels, any number of leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from tidemill.core.blake import blake2b

LEAF = 8 << 20
"""Bytes of one leaf; content that fits into one is hashed as it is."""

LARGE = 4 * LEAF
"""Bytes from which several processors are worth their threads."""

PREFIX = "blake2b:"
_SIZE = 32


def digest_of(data: bytes | memoryview) -> str:
    """The digest text of some bytes."""
    if len(data) <= LEAF:
        return PREFIX + blake2b(data, digest_size=_SIZE).hexdigest()
    view = memoryview(data).cast("B")
    count = -(-len(view) // LEAF)
    leaves = (leaf(n, count, view[n * LEAF : (n + 1) * LEAF]) for n in range(count))
    return root(leaves)


def leaf(number: int, count: int, data: bytes | memoryview) -> bytes:
    """The digest of one leaf of `count`; other threads go on meanwhile."""
    return blake2b(
        data,
        digest_size=_SIZE,
        fanout=0,
        depth=2,
        leaf_size=LEAF,
        node_offset=number,
        node_depth=0,
        inner_size=_SIZE,
        last_node=number == count - 1,
    ).digest()


def root(leaves: Iterable[bytes]) -> str:
    """The digest text of content, from the digests of its leaves."""
    top = blake2b(
        digest_size=_SIZE,
        fanout=0,
        depth=2,
        leaf_size=LEAF,
        node_offset=0,
        node_depth=1,
        inner_size=_SIZE,
        last_node=True,
    )
    for digest in leaves:
        top.update(digest)
    return PREFIX + top.hexdigest()


def digest_of_stream(source: BinaryIO, sink: BinaryIO | None = None) -> tuple[str, int]:
    """Digest text and size of what is left in `source`, copied to `sink` on the way if there is one."""
    digests: list[bytes] = []
    size, text = 0, ""
    for number, (data, is_last) in enumerate(_leaves(source)):
        size += len(data)
        if sink is not None:
            sink.write(data)
        if is_last and number == 0:
            text = digest_of(data)
        else:
            digests.append(leaf(number, number + is_last, data))
    return text or root(digests), size


def _leaves(source: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """What is left in the source, cut into leaves; with each, whether it is the last. At least one."""
    data = _read(source)
    while True:
        more = _read(source) if len(data) == LEAF else b""
        yield data, not more
        if not more:
            return
        data = more


def _read(source: BinaryIO) -> bytes:
    parts, left = [], LEAF
    while left and (part := source.read(left)):
        parts.append(part)
        left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
