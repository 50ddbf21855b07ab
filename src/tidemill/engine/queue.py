"""The units of one run that may start: highest priority first, then in the order in which they became ready."""

from __future__ import annotations

import heapq
from collections.abc import Collection
from itertools import count
from typing import NamedTuple

from tidemill.core.instances import Key


class Place(NamedTuple):
    """Where a unit stands in the queue; smaller is sooner."""

    rank: int
    order: int
    key: Key


class ReadyQueue:
    """What waits for a full limit is set aside, so that a turn costs nothing for it until the limit has room."""

    def __init__(self) -> None:
        self._heap: list[Place] = []
        self._order = count()
        self._places: dict[Key, Place] = {}
        self._aside: dict[str, list[Place]] = {}

    def __len__(self) -> int:
        return len(self._places)

    @property
    def keys(self) -> frozenset[Key]:
        return frozenset(self._places)

    def push(self, key: Key, priority: int) -> None:
        if key not in self._places:
            place = self._places[key] = Place(-priority, next(self._order), key)
            heapq.heappush(self._heap, place)

    def discard(self, key: Key) -> None:
        self._places.pop(key, None)

    def pop(self) -> Place | None:
        """Take out the first one."""
        while self._heap:
            place = heapq.heappop(self._heap)
            if self._places.get(place.key) == place:
                del self._places[place.key]
                return place
        return None

    def put_back(self, place: Place) -> None:
        """Undo a `pop`."""
        self._places[place.key] = place
        heapq.heappush(self._heap, place)

    def set_aside(self, place: Place, limit: str) -> None:
        """Put back one that was taken out, out of the way until `limit` is free."""
        self._places[place.key] = place
        self._aside.setdefault(limit, []).append(place)

    def bring_back(self, full: Collection[str]) -> None:
        """Those that were set aside for a limit that is not full any more wait in their old places again."""
        for limit in [limit for limit in self._aside if limit not in full]:
            for place in self._aside.pop(limit):
                heapq.heappush(self._heap, place)
