"""The tables of legal moves: nothing leaves an end, everything can come to one, and nothing else moves."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pytest

from tidemill.core.errors import StateError
from tidemill.core.states import ATTEMPT_MOVES, RUN_MOVES, TASK_MOVES, AttemptState, RunState, TaskState, check_move

TABLES: list[Mapping[Any, frozenset[Any]]] = [RUN_MOVES, TASK_MOVES, ATTEMPT_MOVES]
_names = ["run", "task", "attempt"]


@pytest.mark.parametrize(
    ("table", "states"), list(zip(TABLES, [RunState, TaskState, AttemptState], strict=True)), ids=_names
)
def test_every_state_has_its_line(table: Mapping[Any, frozenset[Any]], states: type[Enum]) -> None:
    assert set(table) == set(states)


@pytest.mark.parametrize("state", [*TaskState, *AttemptState])
def test_an_end_is_an_end(state: TaskState | AttemptState) -> None:
    table: Mapping[Any, frozenset[Any]] = TASK_MOVES if isinstance(state, TaskState) else ATTEMPT_MOVES
    assert (table[state] == frozenset()) is state.final


@pytest.mark.parametrize("state", RunState)
def test_a_finished_run_can_only_be_reopened(state: RunState) -> None:
    if state.final:
        assert RUN_MOVES[state] == {RunState.RUNNING}
    else:
        assert state not in RUN_MOVES[state]


@pytest.mark.parametrize("state", [*RunState, *TaskState, *AttemptState])
def test_everything_can_come_to_an_end(state: Any) -> None:
    table: Mapping[Any, frozenset[Any]] = {**RUN_MOVES, **TASK_MOVES, **ATTEMPT_MOVES}
    seen: set[Any] = set()
    todo = [state]
    while todo:
        at = todo.pop()
        if at.final:
            return
        if at not in seen:
            seen.add(at)
            todo.extend(table[at])
    pytest.fail(f"{state} never ends")


@pytest.mark.parametrize("table", TABLES, ids=_names)
def test_every_state_is_reached(table: Mapping[Any, frozenset[Any]]) -> None:
    first = next(iter(table))
    found = {first}
    todo = [first]
    while todo:
        new = table[todo.pop()] - found
        found |= new
        todo.extend(new)
    assert found == set(table)


@pytest.mark.parametrize("state", [state for state in TaskState if not state.final])
def test_whatever_is_not_over_can_be_cancelled(state: TaskState) -> None:
    assert TaskState.CANCELLED in TASK_MOVES[state]


def test_moves_are_checked() -> None:
    assert check_move(TASK_MOVES, TaskState.READY, TaskState.RUNNING) is TaskState.RUNNING
    with pytest.raises(StateError, match="a move from succeeded to running is not legal"):
        check_move(TASK_MOVES, TaskState.SUCCEEDED, TaskState.RUNNING)
    with pytest.raises(StateError, match="a move from lost to succeeded is not legal"):
        check_move(ATTEMPT_MOVES, AttemptState.LOST, AttemptState.SUCCEEDED)
