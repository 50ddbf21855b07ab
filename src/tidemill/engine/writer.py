"""Commits turns, and does not give up while the database is away: nothing goes on before it is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tidemill.core.clock import Clock
from tidemill.core.errors import StorageError
from tidemill.core.history import RunRecord
from tidemill.engine.commit import Turn, Written, write_turn
from tidemill.storage.metadata import runs
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.errors import DatabaseConflict, RowDamaged


class Writer:
    """`pause` is called with what is wrong before each further try; it waits a while."""

    def __init__(
        self, database: Database, owner: str, clock: Clock, pause: Callable[[Sequence[Turn], StorageError], None]
    ) -> None:
        self._database = database
        self._owner = owner
        self._clock = clock
        self._pause = pause

    def write(self, turns: Sequence[Turn]) -> list[Written]:
        """One transaction for all. Raises the errors of the database that will not pass by themselves."""
        while True:
            before = [(turn.held.run, turn.held.next_seq) for turn in turns]
            written: list[Written] = []
            try:
                with self._database.write() as connection:
                    written = [write_turn(connection, turn, self._owner, self._clock.now()) for turn in turns]
                return written
            except (DatabaseConflict, RowDamaged):
                raise
            except StorageError as problem:
                self._pause(turns, problem)
            # Written to its end, and then no answer: it may have been kept.
            if written and self._is_kept(turns, before):
                return written
            for turn, (run, next_seq) in zip(turns, before, strict=True):
                turn.held.run, turn.held.next_seq = run, next_seq

    def _is_kept(self, turns: Sequence[Turn], before: Sequence[tuple[RunRecord, int]]) -> bool:
        """Whether the number of a next event is what the turns made it; what has no events may be written twice."""
        while True:
            try:
                with self._database.read() as connection:
                    return any(
                        turn.held.next_seq > next_seq
                        and runs.get(connection, turn.held.run.id).next_seq == turn.held.next_seq
                        for turn, (_, next_seq) in zip(turns, before, strict=True)
                    )
            except StorageError as problem:
                self._pause(turns, problem)
