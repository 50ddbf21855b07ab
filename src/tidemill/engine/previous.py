"""How the tasks of the previous run stand, for the nodes that hold for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidemill.core.states import TaskState
from tidemill.engine.held import Held
from tidemill.engine.tally import combined
from tidemill.storage.metadata import task_runs
from tidemill.storage.metadata.database import Connection


def states_before(connection: Connection, helds: Sequence[Held]) -> dict[str, Mapping[str, TaskState]]:
    """By run: the state of each node of its previous run, for runs in which something holds for it.

    A node that the previous run has not come to yet is pending.
    """
    found: dict[str, Mapping[str, TaskState]] = {}
    for held in helds:
        if not held.progress.waiting or not held.run.previous:
            continue
        paths = list(held.wiring.sites)
        rows = task_runs.state_of(connection, held.run.previous, paths)
        ends: dict[str, dict[TaskState, int]] = {}
        for (path, _), state in rows.items():
            of_path = ends.setdefault(path, {})
            of_path[state if state.final else TaskState.PENDING] = 1
        states = {
            path: TaskState.PENDING if not ends.get(path) or TaskState.PENDING in ends[path] else combined(ends[path])
            for path in paths
        }
        if states != held.progress.previous_states:
            found[held.run.id] = states
    return found
