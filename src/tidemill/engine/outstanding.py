"""The attempts that are out with the executor: whose they are, and what they hold of slots and limits meanwhile."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Out:
    run: str
    weight: float
    limits: tuple[str, ...]


class Outstanding:
    """Limits that refused somebody are `full` until one who holds them ends, or they are said to have room again."""

    def __init__(self) -> None:
        self._out: dict[str, _Out] = {}
        self._weight = 0.0
        self.full: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._out)

    def __contains__(self, attempt: str) -> bool:
        return attempt in self._out

    @property
    def weight(self) -> float:
        """The slots that are taken; a brief task that waits behind another takes a part of one."""
        return self._weight

    def begin(self, attempt: str, run: str, weight: float = 1.0, limits: tuple[str, ...] = ()) -> None:
        self._out[attempt] = _Out(run, weight, limits)
        self._weight += weight

    def end(self, attempt: str) -> None:
        """Its slot is free, and what it held of limits will be with the next commit."""
        out = self._out.pop(attempt)
        self._weight -= out.weight
        self.full.difference_update(out.limits)

    def run_of(self, attempt: str) -> str:
        """Empty if the attempt is not out."""
        out = self._out.get(attempt)
        return out.run if out is not None else ""

    def attempts(self, run: str | None = None) -> list[str]:
        """All of them, or those of one run."""
        return [attempt for attempt, out in self._out.items() if run in (None, out.run)]
