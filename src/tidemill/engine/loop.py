"""The loop that makes plans happen: observe, decide, commit, act. It is the only writer of the runs it holds.

Effects outside (starting and stopping attempts) begin only after the commit that records them.
"""

from __future__ import annotations

import heapq
import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import TypeAlias

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.clock import Clock
from tidemill.core.crash import point
from tidemill.core.errors import StorageError
from tidemill.core.history import CommandKind, CommandRecord, RunRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.ports import Executor, Wakeup
from tidemill.core.records import Began, Gone, Message, Note, Pushed, Reply, Report, Request
from tidemill.core.states import TaskState
from tidemill.engine.commit import Turn, Written, write_turn
from tidemill.engine.decide import decide
from tidemill.engine.held import Held
from tidemill.engine.lookups import Verifier, look_up
from tidemill.engine.moves import (
    Approved,
    Begin,
    CacheAnswered,
    Cancel,
    Dispatch,
    Event,
    Happened,
    LookUp,
    Marked,
    Move,
    Noted,
    PreviousChanged,
    PushedOutput,
    Reported,
    SetTimer,
    StopAttempt,
    TimerFired,
    WentAway,
)
from tidemill.engine.ownership import Owner
from tidemill.engine.previous import states_before
from tidemill.engine.requests import Action, answer
from tidemill.engine.tickets import ticket_for
from tidemill.storage.metadata import commands, runs
from tidemill.storage.metadata.database import Database

Watcher: TypeAlias = Callable[[RunRecord, Sequence[Move]], None]

_committed = point("engine.committed")
_started = point("engine.started")


@dataclass(frozen=True, slots=True)
class Tempo:
    """Seconds. `sweep` bounds how late a lost hint is noticed, `grace` how long a stopped task may clean up."""

    sweep: float = 3.0
    grace: float = 5.0
    retry_storage: float = 0.5


class Engine:
    """Runs the held runs on one executor. Call from one thread; messages and rings may come from any.

    `leap`, if given, is called with the next due time whenever nothing is out: a virtual clock moves there at once.
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
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._held: dict[str, Held] = {}
        self._turns: dict[str, Turn] = {}
        self._out: dict[str, str] = {}  # attempt -> run
        self._timers: list[tuple[datetime, int, str, TimerFired]] = []
        self._order = count()
        self._full: set[str] = set()
        self._swept = float("-inf")
        executor.open(self._inbox.put)
        if wakeup is not None:
            wakeup.listen(lambda: self._inbox.put(None))

    # --- what the caller does ---

    def hold(self, held: Held) -> None:
        """Start or go on with a run whose lease is ours. Attempts that are still out are adopted or given up."""
        self._held[held.run.id] = held
        self._send(held, Begin())
        for attempt in list(held.progress.attempts):
            if self._executor.adopt(attempt):
                self._out[attempt] = held.run.id
            else:
                cause = Cause(CauseKind.INFRASTRUCTURE, "the engine that ran it went away, and its process with it")
                self._send(held, WentAway(Gone(attempt, cause, lost=True)))

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

    def close(self) -> None:
        """Let go of the runs, unfinished ones too: another engine may take them."""
        self._executor.close()
        if self._wakeup is not None:
            self._wakeup.close()
        with self._database.write() as connection:
            for held in self._held.values():
                runs.release(connection, held.run.id, self._owner.id, held.epoch)
        self._held.clear()

    def answer(self, request: Request) -> Reply:
        """The reply to a worker's request."""
        held = self._held.get(self._out.get(request.attempt, ""))
        unit = held.progress.attempts.get(request.attempt) if held is not None else None
        if held is None or unit is None:
            return Reply(request.number, error="this attempt is over")
        held.now = self._clock.now()
        return answer(self._database, held, unit, request, self._actions)

    # --- observe ---

    def _wait(self) -> list[Message]:
        """What has arrived; waits for the first until the next timer or sweep, unless there is something to do now."""
        found: list[Message] = []
        patience = 0.0 if self._turns else self._patience()
        try:
            first = self._inbox.get(timeout=patience) if patience > 0 else self._inbox.get_nowait()
            while True:
                if first is None:
                    self._swept = float("-inf")
                else:
                    found.append(first)
                first = self._inbox.get_nowait()
        except queue.Empty:
            return found

    def _patience(self) -> float:
        until_sweep = self._swept + self._tempo.sweep - self._clock.monotonic()
        if not self._timers:
            return until_sweep
        due = self._timers[0][0]
        if self._leap is not None and not self._out:
            self._leap(due)
            return 0.0
        return min(until_sweep, (due - self._clock.now()).total_seconds())

    def _take(self, message: Message) -> None:
        held = self._held.get(self._out.get(message.attempt, ""))
        if held is None:
            return
        match message:
            case Began(attempt=attempt, pid=pid):
                if pid:
                    self._turn_of(held).pids.append((attempt, pid))
            case Pushed():
                self._send(held, PushedOutput(message))
            case Report():
                del self._out[message.attempt]
                self._send(held, Reported(message))
            case Gone():
                del self._out[message.attempt]
                self._send(held, WentAway(message))
            case Request():
                self._commit()  # what the task pushed before must be there when its effect is
                self._executor.reply(message.attempt, self.answer(message))
            case Note(attempt=attempt, text=text):
                unit = held.progress.attempts.get(attempt)
                key = unit.key if unit is not None else None
                self._turn_of(held).moves.append(Noted("executor.note", self._clock.now(), key, {"text": text}))

    def _fire_timers(self) -> None:
        now = self._clock.now()
        while self._timers and self._timers[0][0] <= now:
            _, _, run_id, fired = heapq.heappop(self._timers)
            held = self._held.get(run_id)
            if held is not None:
                self._send(held, fired)

    def _sweep(self) -> None:
        """Renew leases, take in commands and look at previous runs: what a lost hint would have told."""
        self._swept = self._clock.monotonic()
        self._full.clear()
        try:
            with self._database.write() as connection:
                runs.renew(connection, self._owner.id)
            with self._database.read() as connection:
                wishes = commands.pending(connection, list(self._held))
                before = states_before(connection, list(self._held.values()))
        except StorageError:
            return  # the next sweep tries again; a commit that fails says why
        for wish in wishes:
            self._obey(wish)
        for run_id, states in before.items():
            self._send(self._held[run_id], PreviousChanged(states))

    def _obey(self, wish: CommandRecord) -> None:
        held = self._held[wish.run]
        turn = self._turn_of(held)
        if wish.id in turn.commands:
            return
        turn.commands.append(wish.id)
        event = event_of(wish)
        if event is not None:
            self._send(held, event)

    # --- decide ---

    def _turn_of(self, held: Held) -> Turn:
        turn = self._turns.get(held.run.id)
        if turn is None:
            turn = self._turns[held.run.id] = Turn(held)
        return turn

    def _send(self, held: Held, event: Event) -> None:
        now = held.now = self._clock.now()
        moves = decide(held.progress, event, now)
        if not moves:
            return
        self._turn_of(held).moves += moves
        for move in moves:
            match move:
                case SetTimer(at=at, key=key, kind=kind):
                    heapq.heappush(self._timers, (at, next(self._order), held.run.id, TimerFired(key, kind)))
                case LookUp(key=key, parts=parts):
                    found, brought = look_up(
                        self._database, held.team, held.run.pipeline, key, parts, self._verify, now
                    )
                    held.progress.artifacts.update(brought)
                    self._send(held, CacheAnswered(key, found))
                case _:
                    pass

    def _dispatch(self) -> None:
        room = self._executor.slots - len(self._out)
        for held in sorted(self._held.values(), key=lambda held: (-held.run.priority, held.run.id)):
            if room <= 0:
                return
            if not held.progress.ready:
                continue
            before = held.progress.running
            self._send(held, Dispatch(room, frozenset(self._full)))
            room -= held.progress.running - before

    # --- commit, then act ---

    def _commit(self) -> None:
        if not self._turns:
            return
        turns = [self._turns[run_id] for run_id in sorted(self._turns)]
        written = self._write(turns)
        self._turns.clear()
        _committed()
        for turn, result in zip(turns, written, strict=True):
            self._act(turn, result)
        if self._wakeup is not None and any(result.freed for result in written):
            self._wakeup.ring()

    def _write(self, turns: list[Turn]) -> list[Written]:
        """Commit all turns, as often as it takes. One whose outcome is unknown is looked up before it is repeated."""
        before = [(turn.held.run, turn.held.next_seq) for turn in turns]
        doubtful: tuple[list[Written], list[tuple[RunRecord, int]]] | None = None
        while True:
            written: list[Written] = []
            try:
                with self._database.write() as connection:
                    written = [write_turn(connection, turn, self._owner.id, self._clock.now()) for turn in turns]
            except StorageError as problem:
                if len(written) == len(turns):
                    doubtful = written, [(turn.held.run, turn.held.next_seq) for turn in turns]
                self._set(turns, before)
                for turn in turns:
                    self._tell(turn.held, [Noted("run.paused", self._clock.now(), None, {"message": str(problem)})])
                self._pause()
                if doubtful is not None and self._was_committed(turns, doubtful[1]):
                    self._set(turns, doubtful[1])
                    return doubtful[0]
            else:
                return written

    @staticmethod
    def _set(turns: list[Turn], standing: list[tuple[RunRecord, int]]) -> None:
        for turn, (run, next_seq) in zip(turns, standing, strict=True):
            turn.held.run, turn.held.next_seq = run, next_seq

    def _was_committed(self, turns: list[Turn], after: list[tuple[RunRecord, int]]) -> bool:
        """Whether a commit that ended in an error took place all the same: its events are there."""
        try:
            with self._database.read() as connection:
                pairs = zip(turns, after, strict=True)
                return any(
                    next_seq > turn.held.next_seq and runs.get(connection, turn.held.run.id).next_seq == next_seq
                    for turn, (_, next_seq) in pairs
                )
        except StorageError:
            return False

    def _pause(self) -> None:
        """Nothing can be recorded, so nothing is started; what arrives meanwhile is kept."""
        deadline = self._clock.monotonic() + self._tempo.retry_storage
        kept: list[Message | None] = []
        while (left := deadline - self._clock.monotonic()) > 0:
            try:
                kept.append(self._inbox.get(timeout=left))
            except queue.Empty:
                break
        for message in kept:
            self._inbox.put(message)

    def _act(self, turn: Turn, result: Written) -> None:
        held = turn.held
        if result.lost:
            self._let_go(held)
            return
        self._full |= result.refused
        self._full -= result.freed
        for start in result.started:
            self._out[start.record.id] = held.run.id
        self._tell(held, turn.moves)
        for move in turn.moves:
            if isinstance(move, StopAttempt):
                self._executor.stop(move.attempt, move.cause, self._tempo.grace)
        for start in result.started:
            self._executor.start(ticket_for(held, start, self._store))
            _started()
        if held.run.state.final:
            del self._held[held.run.id]

    def _let_go(self, held: Held) -> None:
        """Somebody else has the lease now: nothing of ours may go on."""
        del self._held[held.run.id]
        cause = Cause(CauseKind.INFRASTRUCTURE, "another engine took the run over")
        for attempt in [attempt for attempt, run_id in self._out.items() if run_id == held.run.id]:
            del self._out[attempt]
            self._executor.stop(attempt, cause, 0.0)

    def _tell(self, held: Held, moves: Sequence[Move]) -> None:
        if self._watch is not None:
            self._watch(held.run, moves)


def event_of(wish: CommandRecord) -> Event | None:
    """What a command means to a run that is under way; None if it means nothing to it."""
    said = wish.payload
    key = Key(str(said.get("path", "")), instance_from(str(said.get("instance", ""))))
    match wish.kind:
        case CommandKind.CANCEL:
            return Cancel(wish.actor, str(said.get("reason", "")))
        case CommandKind.APPROVE:
            return Approved(key, bool(said.get("yes", True)), wish.actor, str(said.get("comment", "")))
        case CommandKind.MARK:
            return Marked(key, TaskState(said["state"]), wish.actor)
        case CommandKind.EVENT:
            return Happened(str(said["name"]), str(said.get("key", "")), said.get("payload"))
        case CommandKind.REOPEN | CommandKind.PRIORITY:
            return None
