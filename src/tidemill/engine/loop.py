"""The loop that makes plans happen: observe, decide, commit, act. It is the only writer of the runs it holds.

Effects outside (starting and stopping attempts) begin only after the commit that records them.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.clock import Clock
from tidemill.core.crash import point
from tidemill.core.errors import StorageError
from tidemill.core.graph import ONCE
from tidemill.core.history import CommandRecord, RunRecord
from tidemill.core.instances import Key
from tidemill.core.ports import Adoption, Executor, Wakeup
from tidemill.core.records import Began, Gone, Message, Note, Pushed, Reply, Report, Request
from tidemill.core.states import AttemptState
from tidemill.engine.commit import Turn, Written
from tidemill.engine.decide import decide
from tidemill.engine.held import Held
from tidemill.engine.lookups import Lookups, Verifier
from tidemill.engine.moves import (
    AttemptStarted,
    Begin,
    CacheAnswered,
    Cancel,
    Dispatch,
    Event,
    LookUp,
    Marked,
    Move,
    Noted,
    PreviousChanged,
    PushedOutput,
    Reported,
    SetTimer,
    StopAttempt,
    WentAway,
)
from tidemill.engine.outstanding import Outstanding
from tidemill.engine.ownership import Owner
from tidemill.engine.patience import Patience
from tidemill.engine.previous import states_before
from tidemill.engine.renewing import Renewal
from tidemill.engine.requests import Action, answer
from tidemill.engine.tickets import ticket_for
from tidemill.engine.timers import Timers
from tidemill.engine.wishes import event_of, priority_of, superseded
from tidemill.engine.writer import Writer
from tidemill.planning.facts import CacheHit, CacheMiss
from tidemill.storage.metadata import commands, runs
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.runs import Lease

Watcher: TypeAlias = Callable[[RunRecord, Sequence[Move]], None]
Troubled: TypeAlias = Callable[[Held, Exception], None]

_WELL = frozenset({AttemptState.SUCCEEDED, AttemptState.SKIPPED, AttemptState.SUSPENDED})

_committed = point("engine.committed")
_started = point("engine.started")


@dataclass(frozen=True, slots=True)
class Tempo:
    """Seconds. `sweep` bounds how late a lost hint is noticed, `grace` how long a stopped task may clean up.

    `patience` bounds how long a database that is away is waited for; 0 means for ever.
    """

    sweep: float = 3.0
    grace: float = 5.0
    retry_storage: float = 0.5
    patience: float = 0.0


class Engine:
    """Runs the held runs on one executor. Call from one thread; messages and rings may come from any.

    `leap`, if given, is called with the next due time whenever nothing is out: a virtual clock moves there at once.
    `troubled`, if given, gets a run that cannot be carried on, with its lease, and the others go on; else it is raised.
    """

    def __init__(
        self,
        database: Database,
        executor: Executor,
        clock: Clock,
        owner: Owner,
        store: str,
        verify: Verifier,
        actions: Mapping[str, Action] | None = None,
        wakeup: Wakeup | None = None,
        watch: Watcher | None = None,
        tempo: Tempo = Tempo(),
        leap: Callable[[datetime], None] | None = None,
        renewal: Renewal | None = None,
        troubled: Troubled | None = None,
    ) -> None:
        self._database = database
        self._executor = executor
        self._clock = clock
        self._owner = owner
        self._store = store
        self._verify = verify
        self._actions = actions or {}
        self._wakeup = wakeup
        self._watch = watch
        self._tempo = tempo
        self._leap = leap
        self._renewal = renewal
        self._troubled = troubled
        self._troubles: dict[str, Exception] = {}
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._held: dict[str, Held] = {}
        self._turns: dict[str, Turn] = {}
        self._out = Outstanding()
        self._timers = Timers()
        self._outage = Patience(tempo.patience, time.monotonic)
        self._early: deque[Message | None] = deque()  # what arrived while nothing could be recorded
        self._pids: dict[str, list[tuple[str, int]]] = {}
        self._lookups: dict[str, Lookups] = {}
        self._again = False
        self._writer = Writer(database, owner.id, clock, self._pause)
        self._swept = float("-inf")
        executor.open(self._inbox.put)
        if wakeup is not None:
            wakeup.listen(lambda: self._inbox.put(None))
        if renewal is not None:
            renewal.start()

    # --- what the caller does ---

    def hold(self, held: Held) -> None:
        """Start or go on with a run whose lease is ours. Attempts that are still out are adopted or given up.

        A run that has ended meanwhile is let go of at once.
        """
        if held.run.state.final:
            with self._database.write() as connection:
                runs.release(connection, held.run.id, self._owner.id, held.epoch)
            return
        self._held[held.run.id] = held
        self._send(held, Begin())
        self._fire_timers()  # a deadline that passed meanwhile comes before the loss of what it would have stopped
        for attempt in list(held.progress.attempts):
            match self._executor.adopt(attempt):
                case Adoption.RUNNING:
                    self._out.begin(attempt, held.run.id)
                case Adoption.GONE:
                    cause = Cause(CauseKind.INFRASTRUCTURE, "the engine that ran it went away, and its process with it")
                    self._send(held, WentAway(Gone(attempt, cause, lost=True)))
                case Adoption.NOT_BEGUN:
                    cause = Cause(CauseKind.INFRASTRUCTURE, "the engine went away before it had begun")
                    self._send(held, WentAway(Gone(attempt, cause, lost=True, begun=False)))

    def cancel(self, run_id: str, actor: str) -> None:
        """Cancel a run that this engine holds; from the engine's own thread."""
        held = self._held.get(run_id)
        if held is not None:
            self._send(held, Cancel(actor))

    def wake(self) -> None:
        """Make `turn` return soon; from any thread or signal handler."""
        self._inbox.put(None)

    def holds(self, run_id: str) -> bool:
        return run_id in self._held

    @property
    def holding(self) -> int:
        """How many runs it holds."""
        return len(self._held)

    @property
    def room(self) -> int:
        """How many more attempts could be out if somebody had them."""
        waiting = sum(len(held.progress.ready) for held in self._held.values())
        return max(self._executor.slots - int(self._out.weight) - waiting, 0)

    @property
    def paused(self) -> str:
        """Why nothing can be recorded just now, or ""; from any thread or signal handler."""
        return self._outage.why

    def run(self, until: Callable[[], bool]) -> None:
        """Turn until `until` says so or nothing is held any more."""
        while self._held and not until():
            self.turn()

    def turn(self) -> None:
        """Wait for something to happen, decide, commit, and act."""
        for message in self._wait():
            self._take(message)
        self._fire_timers()
        if self._clock.monotonic() - self._swept >= self._tempo.sweep:
            self._sweep()
        self._dispatch()
        self._commit()

    def leave(self) -> None:
        """Stop what is out, with its grace, so that others may soon take the runs. What ends well meanwhile is kept."""
        cause = Cause(CauseKind.INFRASTRUCTURE, "its engine was told to end")
        for attempt in self._out.attempts():
            self._executor.stop(attempt, cause, self._tempo.grace)
        while self._out:
            for message in self._wait():
                if not isinstance(message, Gone | Report) or (isinstance(message, Report) and message.state in _WELL):
                    self._take(message)
                elif message.attempt in self._out:
                    self._out.end(message.attempt)  # it stays open, and whoever goes on with the run tries again
            self._commit()

    def close(self) -> None:
        """Let go of the runs, unfinished ones too: another engine may take them."""
        self._executor.close()
        if self._renewal is not None:
            self._renewal.close()
        if self._held and not self._outage.why:
            # If it fails: our lock is free in a moment, and elsewhere the leases lapse.
            with contextlib.suppress(StorageError), self._database.write() as connection:
                for held in sorted(self._held.values(), key=lambda held: held.run.id):
                    runs.release(connection, held.run.id, self._owner.id, held.epoch)
            if self._wakeup is not None:
                self._wakeup.ring()
        if self._wakeup is not None:
            self._wakeup.close()
        self._held.clear()

    def answer(self, request: Request) -> Reply:
        """The reply to a worker's request."""
        held = self._held.get(self._out.run_of(request.attempt))
        unit = held.progress.attempts.get(request.attempt) if held is not None else None
        if held is None or unit is None:
            return Reply(request.number, error="this attempt is over")
        unit.asked = True
        while True:
            held.now = self._clock.now()
            try:
                reply = answer(self._database, held, self._owner.id, unit, request, self._actions)
            except StorageError as problem:
                self._pause([Turn(held)], problem)
            else:
                self._outage.over()
                return reply

    # --- observe ---

    def _wait(self) -> list[Message]:
        """What has arrived; waits for the first until the next timer or sweep, unless there is something to do now."""
        arrived, self._early = self._early, deque()
        # The calendar does not leap over what has arrived already.
        at_once = self._turns or arrived or self._again or not self._inbox.empty()
        patience, self._again = 0.0 if at_once else self._patience(), False
        with contextlib.suppress(queue.Empty):
            arrived.append(self._inbox.get(timeout=patience) if patience > 0 else self._inbox.get_nowait())
            while True:
                arrived.append(self._inbox.get_nowait())
        if None in arrived:
            self._swept = float("-inf")
        return [message for message in arrived if message is not None]

    def _patience(self) -> float:
        until_sweep = self._swept + self._tempo.sweep - self._clock.monotonic()
        due = self._timers.next
        if due is None:
            return until_sweep
        if self._leap is not None and not self._out:
            self._leap(due)
            return 0.0
        return min(until_sweep, (due - self._clock.now()).total_seconds())

    def _take(self, message: Message) -> None:
        held = self._held.get(self._out.run_of(message.attempt))
        if held is None:
            return
        match message:
            case Began(attempt=attempt, pid=pid):
                if pid:
                    # Worth a place in the next commit, but not a commit.
                    self._pids.setdefault(held.run.id, []).append((attempt, pid))
            case Pushed():
                self._send(held, PushedOutput(message))
            case Report():
                self._out.end(message.attempt)
                self._send(held, Reported(message))
            case Gone():
                self._out.end(message.attempt)
                self._send(held, WentAway(message))
            case Request():
                self._commit()  # what the task pushed before must be there when its effect is
                self._executor.reply(message.attempt, self.answer(message))
            case Note(attempt=attempt, text=text):
                unit = held.progress.attempts.get(attempt)
                key = unit.key if unit is not None else None
                self._turn_of(held).moves.append(Noted("executor.note", self._clock.now(), key, {"text": text}))

    def _fire_timers(self) -> None:
        # The time is asked anew for each: one that is not due any more, because the calendar jumped back, comes again.
        while (due := self._timers.take(self._clock.now())) is not None:
            run_id, fired = due
            held = self._held.get(run_id)
            if held is not None:
                self._send(held, fired)

    def _sweep(self) -> None:
        """Renew leases, take in commands and look at previous runs: what a lost hint would have told."""
        self._swept = self._clock.monotonic()
        self._out.full.clear()
        if not self._held:
            return
        try:
            with self._database.write() as connection:
                renewed = runs.renew(connection, self._owner.id)
            if self._renewal is not None:
                self._renewal.done()
            with self._database.read() as connection:
                if renewed != len(self._held):
                    self._let_go_of_lost(runs.held(connection))
                wishes = commands.pending(connection, list(self._held))
                before = states_before(connection, list(self._held.values()))
        except StorageError:
            return  # the next sweep tries again; a commit that fails says why
        old = superseded(wishes)
        for wish in wishes:
            self._obey(wish, wish.id not in old)
        for run_id, states in before.items():
            self._send(self._held[run_id], PreviousChanged(states))
        for run_id in list(self._pids):
            self._turn_of(self._held[run_id])

    def _let_go_of_lost(self, leases: Sequence[Lease]) -> None:
        ours = {(lease.run, lease.epoch) for lease in leases if lease.owner == self._owner.id}
        for held in list(self._held.values()):
            if (held.run.id, held.epoch) not in ours:
                self._turns.pop(held.run.id, None)
                self._let_go(held)

    def _obey(self, wish: CommandRecord, counts: bool) -> None:
        held = self._held[wish.run]
        if wish.run in self._turns and wish.id in self._turns[wish.run].commands:
            return
        event = event_of(wish) if counts else None
        once_more = isinstance(event, Cancel) and held.progress.cancelled is not None
        if event is not None:
            self._send(held, event)
        if isinstance(event, Marked) and held.progress.is_being_marked(event.key):
            return  # it stays until all inside has ended: nothing else would tell another engine
        if once_more and not held.progress.state.final:
            return  # so does that the teardowns are to be stopped, too
        turn = self._turn_of(held)
        turn.commands.append(wish.id)
        wanted = priority_of(wish)
        turn.priority = turn.priority if wanted is None else wanted

    # --- decide ---

    def _turn_of(self, held: Held) -> Turn:
        turn = self._turns.get(held.run.id)
        if turn is None:
            turn = self._turns[held.run.id] = Turn(held, pids=self._pids.pop(held.run.id, []))
        return turn

    def _send(self, held: Held, event: Event) -> None:
        if held.run.id in self._troubles:
            return
        try:
            self._decide(held, event)
        except Exception as problem:
            if self._troubled is None:
                raise
            self._troubles[held.run.id] = problem
            self._turn_of(held)

    def _decide(self, held: Held, event: Event) -> None:
        # A queue, not a recursion: each answer of the cache may lead to the next question.
        todo = deque([event])
        while todo:
            held.now = self._clock.now()
            moves = decide(held.progress, todo.popleft(), held.now)
            if moves:
                self._turn_of(held).moves += moves
            for move in moves:
                match move:
                    case SetTimer():
                        self._timers.add(held.run.id, move)
                    case LookUp(key=key, parts=parts):
                        todo.append(CacheAnswered(key, self._look_up(held, key, parts)))
                    case _:
                        pass

    def _look_up(self, held: Held, key: Key, parts: Mapping[str, Any]) -> CacheHit | CacheMiss:
        try:
            found, brought = self._lookups_of(held).ask(key, parts, held.now, held.run.refresh)
        except StorageError as problem:
            return CacheMiss(f"the cache cannot be read: {problem.message}")
        held.progress.artifacts.update(brought)
        return found

    def _lookups_of(self, held: Held) -> Lookups:
        lookups = self._lookups.get(held.run.id)
        if lookups is None:
            lookups = Lookups(self._database, held.team, held.progress.wiring.pipeline, self._verify)
            self._lookups[held.run.id] = lookups
        return lookups

    def _dispatch(self) -> None:
        room = self._executor.slots - self._out.weight
        for held in sorted(self._held.values(), key=lambda held: (-held.run.priority, held.run.id)):
            if room <= 0:
                return
            if not held.progress.ready:
                continue
            asked = True
            while asked and room > 0:
                turn = self._turns.get(held.run.id)
                seen = len(turn.moves) if turn is not None else 0
                self._send(held, Dispatch(room, frozenset(self._out.full), self._executor.ahead))
                turn = self._turns.get(held.run.id)
                moves = turn.moves[seen:] if turn is not None else []
                room -= sum(move.weight for move in moves if isinstance(move, AttemptStarted))
                # What asked the cache may be ready again, or have ended and made others ready.
                asked = any(isinstance(move, LookUp) for move in moves)

    # --- commit, then act ---

    def _commit(self) -> None:
        if not self._turns:
            return
        turns = [self._turns[run_id] for run_id in sorted(self._turns) if run_id not in self._troubles]
        written = self._writer.write(turns) if turns else []
        self._outage.over()
        self._turns.clear()
        _committed()
        for turn, result in zip(turns, written, strict=True):
            try:
                if not isinstance(result, Written):
                    raise result
                self._act(turn, result)
            except Exception as problem:
                if self._troubled is None:
                    raise
                self._troubles[turn.held.run.id] = problem
        if self._wakeup is not None and any(isinstance(result, Written) and result.freed for result in written):
            self._wakeup.ring()
        # A result that others wait for is there with the commit that frees it, when the turn's starts are past.
        self._again = any(isinstance(result, Written) and (result.kept or result.freed) for result in written)
        while self._troubles:
            self._give_up(*self._troubles.popitem())

    def _give_up(self, run_id: str, problem: Exception) -> None:
        """This run cannot be carried on as it is; the others can."""
        held = self._held.get(run_id)
        if held is not None and self._troubled is not None:
            self._let_go(held, f"it cannot be carried on: {problem}")
            self._troubled(held, problem)

    def _pause(self, turns: Sequence[Turn], problem: StorageError) -> None:
        """Nothing can be recorded, so nothing is started; what arrives meanwhile is kept, in order."""
        if self._outage.met(problem):
            why = self._outage.why
            for turn in turns:
                self._tell(turn.held, [Noted("run.paused", self._clock.now(), None, {"message": why})])
                # To be told by the record too, as soon as there is one again.
                self._turn_of(turn.held).moves.append(Noted("run.waited", self._clock.now(), None, {"message": why}))
        deadline = time.monotonic() + self._tempo.retry_storage
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self._early.append(self._inbox.get(timeout=left))

    def _act(self, turn: Turn, result: Written) -> None:
        held = turn.held
        if result.lost:
            self._let_go(held)
            return
        self._out.full = (self._out.full - result.freed) | result.refused
        for start in result.started:
            # A result is there for others once its commit is over, and not as soon as its attempt is.
            limits = tuple(key for key, _ in start.execute.limits if not key.startswith(ONCE))
            self._out.begin(start.record.id, held.run.id, start.weight, limits)
        self._tell(held, turn.moves)
        for move in turn.moves:
            if isinstance(move, StopAttempt):
                self._executor.stop(move.attempt, move.cause, self._tempo.grace)
        if result.started:
            self._executor.start(*[ticket_for(held, start, self._store) for start in result.started])
            _started()
        if held.run.state.final:
            self._forget(held)

    def _let_go(self, held: Held, why: str = "another engine took the run over") -> None:
        """Nothing of ours may go on, most often because somebody else has the lease now."""
        self._forget(held)
        self._tell(held, [Noted("run.let-go", self._clock.now(), None, {"message": why})])
        cause = Cause(CauseKind.INFRASTRUCTURE, why)
        for attempt in self._out.attempts(held.run.id):
            self._out.end(attempt)
            self._executor.stop(attempt, cause, 0.0)

    def _forget(self, held: Held) -> None:
        del self._held[held.run.id]
        self._pids.pop(held.run.id, None)
        self._lookups.pop(held.run.id, None)

    def _tell(self, held: Held, moves: Sequence[Move]) -> None:
        if self._watch is not None:
            self._watch(held.run, moves)
