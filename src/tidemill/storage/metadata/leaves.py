"""Task runs that are over and out of the ordinary in nothing: nearly all rows of a big run that is half done.

Whoever goes on with a run wants to know how each of them ended, and of few anything else: they are kept as they are in
the database, and read one by one when somebody asks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, select, text

from tidemill.core.causes import Cause
from tidemill.core.history import TaskKind, TaskRecord
from tidemill.core.states import FINAL_TASK_STATES, TaskState
from tidemill.storage.metadata.encoding import in_column, mapping_in, moment_in, record_in, state_in
from tidemill.storage.metadata.errors import RowDamaged
from tidemill.storage.metadata.statements import Statement
from tidemill.storage.metadata.tables import one_of, task_runs
from tidemill.storage.metadata.task_runs import READS, newest

_ENDS = one_of("state", [state for state in TaskState if state in FINAL_TASK_STATES and state is not TaskState.REMOVED])
# All that is not among `_FIELDS` is as it is by itself.
_LEAF = (
    f"kind = {TaskKind.LEAF.value!r} AND {_ENDS} AND generation = 0 AND inputs = '{{}}' AND count IS NULL"
    " AND sizes = '[]' AND round = 0 AND steer IS NULL AND wake IS NULL AND due_at IS NULL AND deadline_at IS NULL"
    " AND reused_from = ''"
)
_FIELDS = (
    "path",
    "instance",
    "state",
    "outputs",
    "cause",
    "attempts",
    "failures",
    "losses",
    "started_at",
    "ended_at",
)
_of_run = task_runs.c.run == bindparam("of_run")
_place = (task_runs.c.run, task_runs.c.path, task_runs.c.instance, task_runs.c.generation)
_leaves = Statement(
    ["of_run"],
    lambda dialect: select(*(task_runs.c[name] for name in _FIELDS)).where(_of_run, text(_LEAF)).order_by(*_place),
)
_others = Statement(
    ["of_run"],
    lambda dialect: (
        select(*(column for column in task_runs.c if column.name != "team"))
        .where(_of_run, text(f"NOT ({_LEAF})"))
        .order_by(*_place)
    ),
)
_REFERENCE = re.compile(r'"\$artifact":\[("(?:[^"\\]|\\.)*")')


class StoredLeaves:
    """By path and by the text of the instance."""

    def __init__(self, run: str, rows: Iterable[Sequence[Any]]) -> None:
        """`rows` hold `_FIELDS`, sorted by path."""
        self._run = run
        self._rows = {path: {row[1]: row for row in some} for path, some in groupby(rows, itemgetter(0))}

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def drop(self, path: str, instance: str) -> None:
        """Forget one, if it is there."""
        self._rows.get(path, {}).pop(instance, None)

    def states(self) -> dict[str, dict[str, TaskState]]:
        """How each ended."""
        known = {state.value: state for state in TaskState}
        return {path: {instance: known[row[2]] for instance, row in rows.items()} for path, rows in self._rows.items()}

    def references(self) -> set[str]:
        """The ids of the artifacts that their outputs name."""
        texts = [row[3] for rows in self._rows.values() for row in rows.values() if "$artifact" in row[3]]
        return {json.loads(id_) for outputs in texts for id_ in _REFERENCE.findall(outputs)}

    def record(self, path: str, instance: str) -> TaskRecord:
        """One of them. Raises RowDamaged, and KeyError if it is not there."""
        row = self._rows[path][instance]
        _, _, state, outputs, cause, attempts, failures, losses, started_at, ended_at = row
        try:
            return TaskRecord(
                run=self._run,
                path=path,
                instance=instance,
                generation=0,
                kind=TaskKind.LEAF,
                state=state_in(TaskState, state),
                outputs=mapping_in(outputs),
                cause=record_in(Cause, cause),
                attempts=attempts,
                failures=failures,
                losses=losses,
                started_at=moment_in(started_at),
                ended_at=moment_in(ended_at),
            )
        except RowDamaged:
            reads = {name: read for name, read in READS.items() if name in _FIELDS}
            raise in_column(task_runs.name, reads, dict(zip(_FIELDS, row, strict=True))) from None


def load(connection: Connection, run: str) -> tuple[list[TaskRecord], StoredLeaves]:
    """As `task_runs.load`: the newest generation of each task run, but of the leaves the rows alone."""
    leaves = StoredLeaves(run, _leaves.found(connection, (run,)))
    others = newest(_others.found(connection, (run,)))
    for row in others:
        leaves.drop(row.path, row.instance)
    return others, leaves
