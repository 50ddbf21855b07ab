"""Masking secrets in a stream of bytes, however it is cut into chunks. Pure; does not know where they come from."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = b"***"

SHORTEST = 4
"""Secrets of fewer characters (or bytes) are not masked: they would blot out half of every log."""


class Masker:
    """Replaces every occurrence of every secret; occurrences that overlap or touch become one mask.

    `feed` holds back the end of its input while that may still become a secret, so the output of any chunking, put
    together, is the output for the whole.
    """

    def __init__(self, secrets: Iterable[str | bytes], mask: bytes = MASK) -> None:
        wanted = (secret for secret in secrets if len(secret) >= SHORTEST)
        texts = {s.encode("utf-8", "surrogateescape") if isinstance(s, str) else s for s in wanted}
        self._secrets = sorted(texts, key=lambda text: (-len(text), text))
        self._mask = mask
        self._longest = len(self._secrets[0]) if self._secrets else 0
        self._first = frozenset(secret[0] for secret in self._secrets)
        # Looking ahead, so that occurrences may overlap; the longest first, so that each start gives its longest one.
        self._pattern = re.compile(b"(?=(" + b"|".join(map(re.escape, self._secrets)) + b"))")
        self._held = b""
        # Up to where the held bytes are under a mask that was sent already; -1: the last byte sent was no mask.
        self._masked_to = -1

    def feed(self, data: bytes) -> bytes:
        """What may be shown of the stream so far and was not given before."""
        if not self._secrets:
            return data
        buffer = self._held + data
        return self._send(buffer, self._undecided(buffer))

    def flush(self) -> bytes:
        """The rest, at the end of the stream; afterwards a new stream may begin."""
        rest = self._send(self._held, len(self._held))
        self._masked_to = -1
        return rest

    def _undecided(self, buffer: bytes) -> int:
        """The first place from which the buffer, up to its end, is the beginning of a longer secret."""
        for start in range(max(0, len(buffer) - self._longest + 1), len(buffer)):
            if buffer[start] in self._first:
                tail = buffer[start:]
                if any(len(secret) > len(tail) and secret.startswith(tail) for secret in self._secrets):
                    return start
        return len(buffer)

    def _send(self, buffer: bytes, end: int) -> bytes:
        shown: list[bytes] = []
        masked_to = self._masked_to
        for start, stop in self._occurrences(buffer):
            if start >= end:
                break
            if start > masked_to:
                shown += (buffer[max(masked_to, 0) : start], self._mask)
            masked_to = max(masked_to, stop)
        if masked_to < end:
            shown.append(buffer[max(masked_to, 0) : end])
        self._held = buffer[end:]
        self._masked_to = masked_to - end if masked_to >= end else -1
        return b"".join(shown)

    def _occurrences(self, buffer: bytes) -> Iterable[tuple[int, int]]:
        if not any(secret in buffer for secret in self._secrets):
            return ()
        return ((found.start(), found.end(1)) for found in self._pattern.finditer(buffer))
