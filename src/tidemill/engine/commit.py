"""One transaction for everything that happened since the last turn: each run's part stands or falls with its lease.

The transaction that records an end also records the starts it makes possible; a start that finds its limit full is
taken back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tidemill.core.graph import ONCE
from tidemill.core.history import AttemptRecord, EventRecord, RunRecord, TaskRecord
from tidemill.core.instances import Key, instance_text
from tidemill.core.states import RunState, TaskState
from tidemill.core.values import digest
from tidemill.engine.decide import decide
from tidemill.engine.held import Held
from tidemill.engine.moves import (
    AttemptSettled,
    AttemptStarted,
    Forget,
    KeepPush,
    Move,
    Noted,
    Refused,
    Remember,
    RunMoved,
    SetTimer,
    TaskMoved,
)
from tidemill.storage.metadata import (
    artifacts,
    attempts,
    cache,
    commands,
    events,
    limits,
    metrics,
    pushes,
    runs,
    task_runs,
)
from tidemill.storage.metadata.database import Connection


@dataclass(slots=True)
class Turn:
    """What one run did since the last commit."""

    held: Held
    moves: list[Move] = field(default_factory=list)
    commands: list[int] = field(default_factory=list)
    pids: list[tuple[str, int]] = field(default_factory=list)
    priority: int | None = None


@dataclass(slots=True)
class Written:
    """What became of a turn. `lost`: the lease is gone and nothing was written. `freed`: limits with room again.

    `kept`: something did not start because its result has been kept by now.
    """

    started: list[AttemptStarted] = field(default_factory=list)
    refused: frozenset[str] = frozenset()
    freed: frozenset[str] = frozenset()
    lost: bool = False
    kept: bool = False


@dataclass(slots=True)
class _Claims:
    """`full` are limits that refused somebody; `kept`, that a start was taken back because its result is there."""

    full: set[str] = field(default_factory=set)
    kept: bool = False


def write_turn(connection: Connection, turn: Turn, owner: str, now: datetime, freed: set[str]) -> Written:
    """Write one run's part. Runs are to be written in the order of their ids.

    `freed` are the limits that got room in this transaction; those of this part are added.
    """
    held = turn.held
    limited = any(isinstance(move, AttemptStarted) and move.execute.limits for move in turn.moves)
    settled = [move.record.id for move in turn.moves if isinstance(move, AttemptSettled) and move.held]
    if (limited or settled) and not runs.guard(connection, held.run.id, owner, held.epoch, held.next_seq):
        # Nothing may be claimed for a run in other hands: nobody would give it back.
        return Written(lost=True)
    # What ends now makes room for what starts now.
    own = limits.release(connection, settled) if settled else frozenset[str]()
    freed |= own
    claims = _claim(connection, turn, now, freed) if limited else _Claims()
    recorded = _events(held, turn.moves)
    held_seq = held.next_seq + len(recorded)
    if not runs.guard(connection, held.run.id, owner, held.epoch, held_seq):
        return Written(lost=True)
    _write_rows(connection, held, turn.moves)
    for attempt, pid in turn.pids:
        attempts.mark_pid(connection, attempt, pid)
    events.append(connection, held.team, recorded)
    if turn.commands:
        commands.consume(connection, turn.commands)
    held.next_seq = held_seq
    _move_run(connection, turn, owner)
    started = [move for move in turn.moves if isinstance(move, AttemptStarted)]
    return Written(started, frozenset(claims.full), own, kept=claims.kept)


def _claim(connection: Connection, turn: Turn, now: datetime, freed: Collection[str]) -> _Claims:
    """Claim the limits of what is to start; take back the starts that get none, as if they had never been proposed."""
    claims = _Claims()
    for move in list(turn.moves):
        if not isinstance(move, AttemptStarted) or not move.execute.limits:
            continue
        refused = _refused_limit(connection, turn.held, move)
        kept = None if refused else _kept_by_now(connection, turn.held, move, now, freed)
        if refused is None and kept is None:
            continue
        if refused is not None:
            claims.full.add(refused)
        claims.kept |= kept is not None
        by = _by(connection, turn.held.team, refused or "")
        limits.release(connection, [move.record.id])
        turn.moves = [other for other in turn.moves if other is not move and not _is_start_of(other, move)]
        known = turn.held.progress.units[move.key].refused_by
        turn.moves += decide(turn.held.progress, Refused(move.record.id, refused or kept or ""), now)
        if refused is not None and refused != known:
            turn.moves.append(Noted("limit.refused", now, move.key, {"limit": refused, **by}))
    return claims


def _by(connection: Connection, team: str, limit: str) -> dict[str, str]:
    """Who computes a result that somebody else wants, too."""
    return {"by": limits.holder(connection, team, limit)} if limit.startswith(ONCE) else {}


def _kept_by_now(
    connection: Connection, held: Held, move: AttemptStarted, now: datetime, freed: Collection[str]
) -> str | None:
    """The limit of a result that another has kept since it was looked for, or keeps in this very transaction."""
    for key, _ in move.execute.limits:
        if key.startswith(ONCE):
            entry = cache.get(connection, held.team, key.removeprefix(ONCE), now)
            if key in freed or (entry is not None and entry.stamp != move.execute.unusable):
                return key
    return None


def _refused_limit(connection: Connection, held: Held, move: AttemptStarted) -> str | None:
    for key, slots in sorted(move.execute.limits):
        if slots and not limits.claim(connection, held.team, move.record.id, held.run.id, key, slots):
            return key
    return None


def _is_start_of(move: Move, started: AttemptStarted) -> bool:
    if not isinstance(move, TaskMoved) or move.record.state is not TaskState.RUNNING:
        return False
    record = move.record
    return (record.path, record.instance) == (started.record.path, started.record.instance)


def _write_rows(connection: Connection, held: Held, moves: Sequence[Move]) -> None:
    team, run = held.team, held.run.id
    rows: dict[tuple[str, str, int], TaskRecord] = {}
    begun: list[AttemptRecord] = []
    settled: list[AttemptRecord] = []
    for move in moves:
        match move:
            case TaskMoved(record=record, made=made):
                rows[record.path, record.instance, record.generation] = record
                if made:
                    artifacts.put(connection, team, run, record.path, record.instance, record.generation, made, move.at)
            case AttemptStarted(record=record):
                begun.append(record)
                used = move.execute.used
                if used:
                    artifacts.use(connection, team, run, record.path, record.instance, record.generation, used)
            case AttemptSettled(record=record):
                settled.append(record)
            case KeepPush(key=key, pushed=pushed):
                unit = held.progress.units[key]
                pushes.put(connection, team, pushed.attempt, pushed.key, pushed.value)
                if pushed.artifacts:
                    place = (key.path, instance_text(key.instance), unit.generation)
                    artifacts.put(connection, team, run, *place, pushed.artifacts, held.now)
            case Remember(key=key, parts=parts, outputs=outputs, ttl=ttl):
                until = None if ttl is None else held.now + timedelta(seconds=ttl)
                place_of = (key.path, instance_text(key.instance))
                cache.put(connection, team, digest(parts), parts, run, *place_of, outputs, held.now, until)
            case Forget(artifacts=ids):
                cache.forget_made_by(connection, team, artifacts.producers(connection, team, ids).values())
            case _:
                pass
    attempts.begin(connection, team, begun)
    attempts.settle(connection, settled)
    task_runs.save(connection, team, list(rows.values()))
    metrics.save(connection, team, held.wiring, list(rows.values()))


def _move_run(connection: Connection, turn: Turn, owner: str) -> None:
    held = turn.held
    for move in turn.moves:
        if isinstance(move, RunMoved):
            held.run = moved_run(held.run, move)
            runs.change(connection, held.run, move.old)
    if held.run.state.final:
        runs.release(connection, held.run.id, owner, held.epoch)
    elif turn.priority is not None:
        held.run = replace(held.run, priority=turn.priority)
        runs.set_priority(connection, held.run.id, turn.priority)


def moved_run(run: RunRecord, move: RunMoved) -> RunRecord:
    """The run's record after a move."""
    started = move.at if move.new is RunState.RUNNING and run.started_at is None else run.started_at
    return replace(
        run, state=move.new, cause=move.cause, started_at=started, ended_at=move.at if move.new.final else None
    )


# --- events ---


def _events(held: Held, moves: Sequence[Move]) -> list[EventRecord]:
    found: list[EventRecord] = []

    def add(at: datetime, kind: str, key: Key | None, payload: Mapping[str, Any]) -> None:
        path, instance = ("", "") if key is None else (key.path, instance_text(key.instance))
        found.append(EventRecord(held.run.id, held.next_seq + len(found), at, kind, path, instance, payload))

    for move in moves:
        match move:
            case RunMoved(new=new, at=at, cause=cause):
                add(at, f"run.{new.value}", None, _why(cause))
            case TaskMoved(record=record, old=old, at=at) if record.path:
                payload = {"from": old.value, "generation": record.generation, **_why(record.cause)}
                if record.count is not None:
                    payload["count"] = record.count
                if record.reused_from:
                    payload["reused_from"] = record.reused_from
                found.append(
                    EventRecord(
                        held.run.id,
                        held.next_seq + len(found),
                        at,
                        f"task.{record.state.value}",
                        record.path,
                        record.instance,
                        payload,
                    )
                )
            case AttemptStarted(record=attempt, key=key, execute=execute):
                payload = {"attempt": attempt.id, "number": attempt.number}
                if execute.cache_miss:
                    payload["cache_miss"] = execute.cache_miss
                add(attempt.started_at, "attempt.started", key, payload)
            case AttemptSettled(record=attempt):
                found.append(
                    EventRecord(
                        held.run.id,
                        held.next_seq + len(found),
                        attempt.ended_at or held.now,
                        f"attempt.{attempt.state.value}",
                        attempt.path,
                        attempt.instance,
                        {"attempt": attempt.id, "number": attempt.number, **_why(attempt.cause)},
                    )
                )
            case Noted(kind=kind, at=at, key=key, payload=payload):
                add(at, kind, key, payload)
            case KeepPush(key=key, pushed=pushed):
                add(held.now, "output.pushed", key, {"attempt": pushed.attempt, "key": pushed.key})
            case SetTimer():
                pass
            case _:
                pass
    return found


def _why(cause: Any) -> dict[str, Any]:
    return {} if cause is None else {"cause": cause.kind.value, "message": cause.message, "by": cause.by}
