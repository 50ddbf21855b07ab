"""Length-prefixed frames: four bytes, big endian, then so many bytes. Knows nothing of what is in them."""

from __future__ import annotations

import struct

from tidemill.core.errors import ExecutionError

HEADER = struct.Struct(">I")

MAX_FRAME = 64 << 20
"""Bytes of one frame; more than that belongs into the artifact store."""


class BadFrame(ExecutionError):
    """What came is not a frame of ours, or is larger than allowed."""

    code = "bad-frame"


def pack(body: bytes) -> bytes:
    """The frame that carries `body`. Raises BadFrame if it is too large."""
    if len(body) > MAX_FRAME:
        raise BadFrame(
            f"a message of {len(body)} bytes is larger than the {MAX_FRAME} bytes that are allowed",
            remedy="return large values as a frame, an array or a file: they are stored by content, not sent",
        )
    return HEADER.pack(len(body)) + body


class Frames:
    """Cuts a stream of bytes into frames, whatever the chunks it comes in."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._limit = limit
        self._chunks = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that `data` completes. Raises BadFrame for a length above the limit, before anything is kept."""
        self._chunks += data
        bodies = []
        start = 0
        while len(self._chunks) - start >= HEADER.size:
            (length,) = HEADER.unpack_from(self._chunks, start)
            if length > self._limit:
                raise BadFrame(f"a frame of {length} bytes was announced; at most {self._limit} are allowed")
            end = start + HEADER.size + length
            if len(self._chunks) < end:
                break
            bodies.append(bytes(self._chunks[start + HEADER.size : end]))
            start = end
        if start:
            del self._chunks[:start]
        return bodies

    @property
    def unfinished(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._chunks)
