"""Finding runs that nobody carries, and making them ready for an engine that serves: free ones, and those of the dead.

In a thread of its own, so that neither a slow database nor the code of a run keeps the engine from its other runs.
Knows no executor: how much room there is, it is told.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from tidemill.core.clock import Clock
from tidemill.core.errors import DefinitionError, NotFound, StorageError
from tidemill.core.graph import Pipeline
from tidemill.core.history import RunRecord
from tidemill.engine.giving_up import fail, give_back, pass_over, said
from tidemill.engine.held import Held
from tidemill.engine.ownership import Observer, Owner, host_of
from tidemill.engine.recover import intact, load, take, take_lapsed, wiring_of
from tidemill.storage.metadata import runs
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.errors import DatabaseRefused, RowDamaged
from tidemill.storage.metadata.runs import Lease

LATER_S, AT_MOST_S = 10.0, 600.0
"""Seconds until a run that could not be carried is looked at again: the first time, and when it has often failed."""

Fingerprints: TypeAlias = Callable[[RunRecord], Mapping[str, str] | None]
Missing: TypeAlias = Callable[[Pipeline], str]


class Found(Enum):
    """What an engine may hear of its search."""

    TAKEN = "taken"  # it was free
    INHERITED = "inherited"  # its engine is gone
    PASSED_OVER = "passed over"
    FAILED = "failed"
    AWAY = "away"  # the database cannot be read


Tell: TypeAlias = Callable[[Found, str, str], None]
"""Called with what happened, the run (or "") and why; from any thread."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs an engine takes: those of its team and its executor; and what it needs to know of their code.

    `missing` names what a pipeline needs and this machine has not, or is ""; `code` gives the fingerprints of a run's
    functions as they are now.
    """

    team: str
    executor: str
    missing: Missing
    code: Fingerprints


class Claimer:
    """Looks every `every_s` seconds and when it is asked. What it has made ready is to be held by the engine."""

    def __init__(
        self,
        database: Database,
        owner: Owner,
        clock: Clock,
        wanted: Wanted,
        *,
        lease_s: float,
        every_s: float,
        tell: Tell,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._owner = owner
        self._clock = clock
        self._wanted = wanted
        self._every = min(every_s, lease_s / 4)
        self._observer = Observer(lease_s, max(lease_s / 2, 2 * self._every))
        self._tell = tell
        self._wake = wake
        self._room = 0
        self._more = False
        self._ready: queue.SimpleQueue[Held] = queue.SimpleQueue()
        self._troubles: queue.SimpleQueue[tuple[Held, Exception]] = queue.SimpleQueue()
        self._unloaded: dict[str, tuple[int, Found, str]] = {}  # taken, and not read yet
        self._later: dict[str, tuple[float, float]] = {}  # run -> when to look again, and how long that was
        self._told: set[tuple[str, str]] = set()
        self._asked = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._work, name="claimer", daemon=True)
        self.found_nothing = False
        """Whether the last look has left nothing to take and nothing to make ready."""
        self.away_since: float | None = None
        """Since when, in monotonic seconds, the database cannot be read; None if it can."""

    def start(self) -> None:
        self._thread.start()

    def ask(self) -> None:
        """Look soon: there may be something new."""
        self.found_nothing = False
        self._asked.set()

    def offer(self, room: int) -> None:
        """How many more attempts the engine could have out, with the runs that it holds now."""
        self._room = room - self._ready.qsize() - len(self._unloaded)
        if self._room > 0 and self._more:
            self._more = False
            self._asked.set()

    def take_ready(self) -> list[Held]:
        """Runs whose leases are ours, for the engine to hold; each is given once."""
        found: list[Held] = []
        while not self._ready.empty():
            found.append(self._ready.get())
        return found

    def troubled(self, held: Held, problem: Exception) -> None:
        """A run that was held cannot be carried on: it is left to others, and looked at again after a while."""
        self._troubles.put((held, problem))
        self.ask()

    def close(self) -> None:
        """Stop looking, and free what nobody has come for. May be called twice."""
        self._over = True
        self._asked.set()
        if self._thread.is_alive():
            self._thread.join()
        left = [*self.take_ready(), *(held for held, _ in self._troubled())]
        mine = [(held.run.id, held.epoch) for held in left]
        mine += [(run_id, epoch) for run_id, (epoch, _, _) in self._unloaded.items()]
        self._unloaded.clear()
        if mine and self.away_since is None:
            try:
                with self._database.write() as connection:
                    for run_id, epoch in sorted(mine):
                        runs.release(connection, run_id, self._owner.id, epoch)
            except StorageError:
                pass  # our lock is free in a moment, and elsewhere the leases lapse

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._over:
            self._asked.clear()
            try:
                nothing = self._look()
            except StorageError as problem:
                self._is_away(problem)
            else:
                self.away_since = None
                self.found_nothing = nothing and not self._asked.is_set()
                if self.found_nothing:
                    self._wake()
            self._asked.wait(self._every)

    def _is_away(self, problem: StorageError) -> None:
        if self.away_since is None:
            self.away_since = time.monotonic()
            self._tell(Found.AWAY, "", problem.in_one_line)

    def _look(self) -> bool:
        """Whether there was nothing to do."""
        for held, problem in self._troubled():
            self._leave(held.run.id, held.epoch, problem)
        for run_id in list(self._unloaded):
            self._load(run_id)
        with self._database.read() as connection:
            leases = runs.held(connection)
            free = runs.claimable(connection, team=self._wanted.team, executor=self._wanted.executor)
        self._forget({*free, *(lease.run for lease in leases)})
        taken, more = False, False
        for lease, lapsed in self._orphans([lease for lease in leases if lease.owner != self._owner.id]):
            # They are taken without regard to room: they may hold limits that others wait for.
            taken |= not self._over and self._is_due(lease.run) and self._claim(lease.run, lease, lapsed)
        for run_id in filter(self._is_due, free):
            if self._over or self._room <= 0:
                more = True
                break
            if self._claim(run_id, None, False):
                taken = True
                self._room -= 1
        self._more = more
        return not (taken or more or self._unloaded) and self._ready.empty()

    def _troubled(self) -> Iterator[tuple[Held, Exception]]:
        while not self._troubles.empty():
            yield self._troubles.get()

    def _orphans(self, leases: list[Lease]) -> list[tuple[Lease, bool]]:
        """Leases of the dead; with each, whether it was only watched, for its whole length, and no lock tells."""
        dead = {owner for owner in {lease.owner for lease in leases} if self._owner.is_dead(owner)}
        lapsed = set(self._observer.lapsed(leases, self._clock.monotonic()))
        return [(one, one.owner not in dead) for one in leases if one.owner in dead or one in lapsed]

    def _is_due(self, run_id: str) -> bool:
        return run_id not in self._unloaded and self._later.get(run_id, (0.0, 0.0))[0] <= time.monotonic()

    def _forget(self, known: set[str]) -> None:
        """What is over, or well in other hands, needs no memory."""
        self._later = {run_id: when for run_id, when in self._later.items() if run_id in known}
        self._told = {(run_id, why) for run_id, why in self._told if run_id in known}

    def _claim(self, run_id: str, lease: Lease | None, lapsed: bool) -> bool:
        """Take a run if it is for us, and make it ready; whether it was taken."""
        try:
            if not self._is_for_us(run_id, lease):
                return False
        except (DefinitionError, NotFound, RowDamaged):
            pass  # who takes it says what is wrong with it
        if lease is not None and lapsed:
            epoch = take_lapsed(self._database, lease, self._owner)
        else:
            epoch = take(self._database, run_id, self._owner)
        if epoch is None:
            return False
        found = Found.TAKEN if lease is None else Found.INHERITED
        self._unloaded[run_id] = (epoch, found, "" if lease is None else host_of(lease.owner))
        self._load(run_id)
        return True

    def _is_for_us(self, run_id: str, lease: Lease | None) -> bool:
        with self._database.read() as connection:
            run = runs.get(connection, run_id)
            if run.team != self._wanted.team or run.executor != self._wanted.executor:
                return False
            pipeline = wiring_of(connection, run).pipeline
        missing = self._wanted.missing(pipeline)
        if not missing:
            return True
        why = f"{missing} is not on this machine"
        self._put_off(run_id)
        if (run_id, why) not in self._told:
            self._told.add((run_id, why))
            if lease is None:
                pass_over(self._database, run_id, self._owner.id, why, self._clock.now())
            self._tell(Found.PASSED_OVER, run_id, why)
        return False

    def _load(self, run_id: str) -> None:
        """Make a run ready that is ours. If the database goes away it is tried again with the next look."""
        epoch, found, why = self._unloaded[run_id]
        try:
            with self._database.read() as connection:
                run = runs.get(connection, run_id)
            code = None if run.state.final else self._wanted.code(run)
            held = load(self._database, run_id, epoch, self._clock.now(), code)
        except StorageError as problem:
            if not isinstance(problem, RowDamaged | DatabaseRefused):
                raise
            self._leave(run_id, epoch, problem)
        except Exception as problem:
            self._leave(run_id, epoch, problem)
        else:
            self._ready.put(held)
            self._tell(found, run_id, why)
            self._wake()
        self._unloaded.pop(run_id, None)

    def _leave(self, run_id: str, epoch: int, problem: Exception) -> None:
        """A run that cannot be read by anybody fails; one that only we cannot carry is left to others."""
        owner, now = self._owner.id, self._clock.now()
        self._put_off(run_id)
        try:
            if _is_hopeless(self._database, run_id, problem):
                fail(self._database, run_id, owner, epoch, problem, now)
                self._tell(Found.FAILED, run_id, said(problem))
            else:
                give_back(self._database, run_id, owner, epoch, said(problem), now)
                self._tell(Found.PASSED_OVER, run_id, said(problem))
        except StorageError as other:
            # Its record cannot be read, or nothing can be written: it is freed, if even that is possible, and no more.
            self._tell(Found.PASSED_OVER, run_id, said(other))
            self._free(run_id, epoch)

    def _free(self, run_id: str, epoch: int) -> None:
        try:
            with self._database.write() as connection:
                runs.release(connection, run_id, self._owner.id, epoch)
        except StorageError as problem:
            self._is_away(problem)

    def _put_off(self, run_id: str) -> None:
        _, before = self._later.get(run_id, (0.0, 0.0))
        wait = min(max(LATER_S, 2 * before), AT_MOST_S)
        self._later[run_id] = (time.monotonic() + wait, wait)


def _is_hopeless(database: Database, run_id: str, problem: Exception) -> bool:
    """Whether nobody will ever read it: what is intact may be for a newer version, which another engine may be."""
    match problem:
        case RowDamaged() | NotFound():
            return True
        case DefinitionError():
            with database.read() as connection:
                return not intact(connection, runs.get(connection, run_id))
        case _:
            return False
