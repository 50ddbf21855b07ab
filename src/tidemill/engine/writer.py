"""Commits turns, and does not give up while the database is away: nothing goes on before it is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tidemill.core.clock import Clock
from tidemill.core.errors import NotFound, StorageError, Unfinished
from tidemill.core.history import RunRecord
from tidemill.engine.commit import Turn, Written, write_turn
from tidemill.storage.metadata import runs
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.errors import DatabaseConflict, DatabaseRefused, RowDamaged

_STAYS = (DatabaseConflict, DatabaseRefused, RowDamaged)
"""Errors of the database that do not pass by themselves: one run does not agree with its rows."""


class Writer:
    """`pause` is called with what is wrong before each further try; it waits a while, or raises to give up."""

    def __init__(
        self, database: Database, owner: str, clock: Clock, pause: Callable[[Sequence[Turn], StorageError], None]
    ) -> None:
        self._database = database
        self._owner = owner
        self._clock = clock
        self._pause = pause

    def write(self, turns: Sequence[Turn]) -> list[Written | Exception]:
        """One transaction for all. A run that can never be written like this gets its error, and the others are kept.

        Raises Unfinished if `pause` does.
        """
        try:
            return list(self._write(turns))
        except Unfinished:
            raise
        except Exception as problem:
            if len(turns) == 1:
                return [problem]
        # Nothing was kept. Only one by one they show which it was.
        return [self.write([turn])[0] for turn in turns]

    def _write(self, turns: Sequence[Turn]) -> list[Written]:
        before = [(turn.held.run, turn.held.next_seq) for turn in turns]
        while True:
            written: list[Written] = []
            try:
                freed: set[str] = set()
                with self._database.write() as connection:
                    written = [write_turn(connection, turn, self._owner, self._clock.now(), freed) for turn in turns]
                return written
            except StorageError as problem:
                if isinstance(problem, _STAYS):
                    _as_before(turns, before)
                    raise
                self._pause(turns, problem)
            except Exception:
                _as_before(turns, before)
                raise
            # Written to its end, and then no answer: it may have been kept.
            if written and self._is_kept(turns, before):
                return written
            _as_before(turns, before)

    def _is_kept(self, turns: Sequence[Turn], before: Sequence[tuple[RunRecord, int]]) -> bool:
        """Whether the number of a next event is what the turns made it; what has no events may be written twice.

        Once a run has changed hands its numbers are those of others, and it is no use to write.
        """
        while True:
            try:
                with self._database.read() as connection:
                    return any(
                        turn.held.next_seq > next_seq
                        and runs.standing(connection, turn.held.run.id) == (turn.held.epoch, turn.held.next_seq)
                        for turn, (_, next_seq) in zip(turns, before, strict=True)
                    )
            except NotFound:
                return False
            except StorageError as problem:
                self._pause(turns, problem)


def _as_before(turns: Sequence[Turn], before: Sequence[tuple[RunRecord, int]]) -> None:
    for turn, (run, next_seq) in zip(turns, before, strict=True):
        turn.held.run, turn.held.next_seq = run, next_seq
