"""The units of one run that may start: highest priority first, then in the order in which they became ready."""

from __future__ import annotations

import heapq
from itertools import count

from tidemill.core.instances import Key


class ReadyQueue:
    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Key]] = []
        self._order = count()
        self._here: set[Key] = set()

    def __len__(self) -> int:
        return len(self._here)

    def push(self, key: Key, priority: int) -> None:
        if key not in self._here:
            self._here.add(key)
            heapq.heappush(self._heap, (-priority, next(self._order), key))

    def discard(self, key: Key) -> None:
        self._here.discard(key)

    def pop(self) -> Key | None:
        while self._heap:
            key = heapq.heappop(self._heap)[2]
            if key in self._here:
                self._here.remove(key)
                return key
        return None
