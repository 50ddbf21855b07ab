"""How long a database that is away is waited for, and what of it nobody need be told again."""

from __future__ import annotations

from collections.abc import Callable

from tidemill.core.errors import StorageError, Unfinished


class Patience:
    """`limit_s` bounds one outage; 0 means for ever. `monotonic` answers in seconds."""

    def __init__(self, limit_s: float, monotonic: Callable[[], float]) -> None:
        self._limit_s = limit_s
        self._monotonic = monotonic
        self._since: float | None = None
        self.why = ""
        """Why nothing can be recorded just now, or ""."""

    def over(self) -> None:
        """The database answers again."""
        self.why, self._since = "", None

    def met(self, problem: StorageError) -> bool:
        """Whether this is another problem than the one before. Raises Unfinished once the patience has run out."""
        another, self.why = problem.in_one_line != self.why, problem.in_one_line
        now = self._monotonic()
        if self._since is None:
            self._since = now
        elif 0 < self._limit_s <= now - self._since:
            raise Unfinished(
                f"given up after {now - self._since:.0f} s without the database: {problem.message}",
                place=problem.place,
                remedy="what was recorded is safe; `tidemill resume RUN` goes on once the database is back",
            )
        return another
