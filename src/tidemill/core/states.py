"""Every set of states, one Enum each, and the table of legal moves of each.

A state changes only by a move in these tables; storage applies a move by compare-and-set and the model checker walks
the same tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TypeVar

from tidemill.core.errors import StateError


class RunState(Enum):
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"  # cancelled by somebody; teardowns and stopping attempts are still under way
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in FINAL_RUN_STATES


class TaskState(Enum):
    """State of a task run: one node in one run at one instance path."""

    PENDING = "pending"  # waits for its upstreams; has no row yet
    READY = "ready"  # may start as soon as a slot and its limits allow
    RUNNING = "running"  # an attempt is out, or (map, scope) something inside is unfinished
    RETRYING = "retrying"  # the last attempt failed; the next one is due at a known time
    SUSPENDED = "suspended"  # holds no process; waits for a time, an event or an approval
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UPSTREAM_FAILED = "upstream_failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    REMOVED = "removed"  # the instance no longer exists (a map became shorter on a re-run); never counted

    @property
    def final(self) -> bool:
        return self in FINAL_TASK_STATES


class AttemptState(Enum):
    """How an attempt stands. Everything but `STARTED` is final, for ever."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    LOST = "lost"  # its process or machine went away without a report
    SUSPENDED = "suspended"  # ended on purpose, to be resumed by a time, an event or an approval

    @property
    def final(self) -> bool:
        return self is not AttemptState.STARTED


FINAL_RUN_STATES = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})
FINAL_TASK_STATES = frozenset(
    {
        TaskState.SUCCEEDED,
        TaskState.FAILED,
        TaskState.UPSTREAM_FAILED,
        TaskState.SKIPPED,
        TaskState.CANCELLED,
        TaskState.REMOVED,
    }
)

_R, _T, _A = RunState, TaskState, AttemptState

RUN_MOVES: Mapping[RunState, frozenset[RunState]] = MappingProxyType(
    {
        _R.QUEUED: frozenset({_R.RUNNING, _R.CANCELLING, _R.CANCELLED, _R.FAILED}),
        _R.RUNNING: frozenset({_R.SUCCEEDED, _R.FAILED, _R.CANCELLING, _R.CANCELLED}),
        _R.CANCELLING: frozenset({_R.CANCELLED, _R.FAILED}),
        # The only way out of a final state is the command `reopen`, which raises the generation.
        _R.SUCCEEDED: frozenset({_R.RUNNING}),
        _R.FAILED: frozenset({_R.RUNNING}),
        _R.CANCELLED: frozenset({_R.RUNNING}),
    }
)

_ENDS_UNSTARTED = frozenset({_T.UPSTREAM_FAILED, _T.SKIPPED, _T.CANCELLED, _T.FAILED, _T.SUCCEEDED, _T.REMOVED})

TASK_MOVES: Mapping[TaskState, frozenset[TaskState]] = MappingProxyType(
    {
        _T.PENDING: _ENDS_UNSTARTED | {_T.READY, _T.RUNNING, _T.SUSPENDED},
        _T.READY: _ENDS_UNSTARTED | {_T.RUNNING},
        _T.RUNNING: frozenset(
            {
                _T.SUCCEEDED,
                _T.FAILED,
                _T.UPSTREAM_FAILED,
                _T.SKIPPED,
                _T.CANCELLED,
                _T.RETRYING,
                _T.SUSPENDED,
                _T.READY,
                _T.REMOVED,
            }
        ),
        _T.RETRYING: frozenset({_T.READY, _T.RUNNING, _T.CANCELLED, _T.FAILED, _T.SKIPPED, _T.SUCCEEDED, _T.REMOVED}),
        _T.SUSPENDED: frozenset({_T.READY, _T.RUNNING, _T.SUCCEEDED, _T.FAILED, _T.SKIPPED, _T.CANCELLED, _T.REMOVED}),
        # Final within a generation; `reopen` starts the next generation as PENDING.
        _T.SUCCEEDED: frozenset(),
        _T.FAILED: frozenset(),
        _T.UPSTREAM_FAILED: frozenset(),
        _T.SKIPPED: frozenset(),
        _T.CANCELLED: frozenset(),
        _T.REMOVED: frozenset(),
    }
)

ATTEMPT_MOVES: Mapping[AttemptState, frozenset[AttemptState]] = MappingProxyType(
    {state: frozenset(set(_A) - {_A.STARTED}) if state is _A.STARTED else frozenset() for state in _A}
)

S = TypeVar("S", RunState, TaskState, AttemptState)


def check_move(moves: Mapping[S, frozenset[S]], old: S, new: S) -> S:
    """`new`, if the table allows the move. Raises StateError otherwise."""
    if new not in moves[old]:
        raise StateError(f"a move from {old.value} to {new.value} is not legal")
    return new
