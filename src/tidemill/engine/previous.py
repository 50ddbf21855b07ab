"""How the tasks of the previous run stand, for the nodes that hold for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidemill.core.instances import instance_from
from tidemill.core.states import TaskState
from tidemill.core.wiring import Wiring
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
        rows = task_runs.state_of(connection, held.run.previous, list(held.wiring.sites))
        states = node_states(held.wiring, rows)
        if states != held.progress.previous_states:
            found[held.run.id] = states
    return found


def node_states(wiring: Wiring, rows: Mapping[tuple[str, str], TaskState]) -> dict[str, TaskState]:
    """From the state of each task run, by path and instance, to that of each node."""
    last: dict[tuple[str, tuple[int, ...]], tuple[tuple[int, ...], TaskState]] = {}
    for (path, text), state in rows.items():
        instance = instance_from(text)
        rounds = tuple(step.generation for step in instance)
        place = path, tuple(step.item for step in instance)
        if state is not TaskState.REMOVED and (place not in last or rounds > last[place][0]):
            last[place] = rounds, state
    ends: dict[str, dict[TaskState, int]] = {}
    for (path, _), (_, state) in last.items():
        ends.setdefault(path, {})[state if state.final else TaskState.PENDING] = 1
    states: dict[str, TaskState] = {}
    for path, site in wiring.sites.items():
        around = states.get(site.parent, TaskState.PENDING)
        of_path = ends.get(path)
        if not of_path:
            # What never came to be ended as what would have held it.
            states[path] = around
        elif TaskState.PENDING in of_path or (site.frames and around is TaskState.PENDING):
            # Inside a map or a scope that is tried again more may still come.
            states[path] = TaskState.PENDING
        else:
            states[path] = combined(of_path)
    return states
