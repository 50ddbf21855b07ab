"""How a node ended under one prefix of its instance path, counted as it happens, and who wants to know.

A tally starts with one open instance; a map that expands to n makes it n. So nobody ever looks at what has not changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tidemill.core.joins import Counts
from tidemill.core.states import TaskState
from tidemill.core.wiring import Edge
from tidemill.engine.unit import Unit


@dataclass(slots=True)
class Tally:
    """`expansion`: it says whether a map is expanded, and only of one that never will be how it ended."""

    open: int = 1
    ends: dict[TaskState, int] = field(default_factory=dict)
    watchers: list[tuple[Unit, Edge]] = field(default_factory=list)
    expansion: bool = False

    def add(self, state: TaskState, number: int = 1) -> None:
        self.ends[state] = self.ends.get(state, 0) + number

    def take_back(self, ends: dict[TaskState, int]) -> None:
        """What stood for one open instance before it ended so is open again."""
        self.open += 1
        for state, number in ends.items():
            self.add(state, -number)

    @property
    def state(self) -> TaskState:
        """The instances taken as one: the worst failure, else success if anything succeeded, else skipped."""
        return combined(self.ends)


def combined(ends: dict[TaskState, int]) -> TaskState:
    """The state of many as one."""
    for state in (
        TaskState.FAILED,
        TaskState.CANCELLED,
        TaskState.UPSTREAM_FAILED,
        TaskState.SUCCEEDED,
        TaskState.SKIPPED,
    ):
        if ends.get(state):
            return state
    return TaskState.SUCCEEDED


def contribute(edge: Edge, tally: Tally, counts: Counts, sign: int = 1) -> None:
    """Add (or with sign -1 take away) what an upstream now means to the counts of a node that waits for it."""
    if tally.expansion and tally.open:
        counts.open += sign
        counts.expanding += sign
    elif tally.expansion and tally.ends.get(TaskState.REMOVED):
        # How many there are is known; how they end is the business of those that follow each.
        pass
    elif edge.instances:
        counts.open += sign * tally.open
        for state, number in tally.ends.items():
            _count(edge, state, counts, sign * number)
    elif tally.open:
        counts.open += sign
    else:
        _count(edge, tally.state, counts, sign)


def _count(edge: Edge, state: TaskState, counts: Counts, number: int) -> None:
    if edge.soft and state is TaskState.SKIPPED:
        state = TaskState.SUCCEEDED
    counts.add(state, number)
    if edge.setup:
        counts.setups += number
        counts.setups_succeeded += number if state is TaskState.SUCCEEDED else 0
        counts.setups_skipped += number if state is TaskState.SKIPPED else 0
