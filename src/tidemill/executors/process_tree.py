"""A process with all that it has started, as the kernel shows them: who they are, and how much memory is theirs.

Whoever is watched adopts the orphans of its descendants, so nobody leaves the tree while its root lives. Only Linux
shows this; elsewhere a tree is its root, and its memory is not known.
"""

from __future__ import annotations

import os
import re

_KEPT = re.compile(rb"^(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB", re.MULTILINE)
_SHARE = re.compile(rb"^(?:Pss_Anon|Pss_Shmem|SwapPss):\s+(\d+) kB", re.MULTILINE)


class ProcessTree:
    """Amounts are bytes. What has ended meanwhile counts nothing."""

    def members(self, root: int, most: int) -> list[int]:
        """The root and its descendants; no more than `most` + 1 are looked for."""
        found = [root]
        for pid in found:
            if len(found) > most:
                break
            found += _children(pid)
        return found[: most + 1]

    def kept(self, pid: int) -> int:
        """Memory that a process keeps from others, in swap too; what it still shares with its parent counts whole.

        Files that are only mapped do not count: the kernel takes their pages back when it needs some.
        """
        return _sum(_KEPT, _read(f"/proc/{pid}/status"))

    def share(self, pid: int) -> int:
        """The same, where a page of several processes counts in parts; costs some milliseconds for each GB."""
        text = _read(f"/proc/{pid}/smaps_rollup")
        # Of a process that has changed its user nothing more is told.
        return _sum(_SHARE, text) if text else self.kept(pid)


def _children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [int(child) for thread in threads for child in _read(f"/proc/{pid}/task/{thread}/children").split()]


def _sum(pattern: re.Pattern[bytes], text: bytes) -> int:
    return sum(map(int, pattern.findall(text))) << 10


def _read(place: str) -> bytes:
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
