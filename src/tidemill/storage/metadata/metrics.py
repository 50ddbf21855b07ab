"""Metrics of runs: the numbers that tasks returned as `Metrics`, of each task run as it last ended.

A task run that was given up, or is run again, has none until it succeeds again; what it reused counts as its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Insert, Select, and_, bindparam, delete, false, func, or_, select

from tidemill.core.bindings import RESULT
from tidemill.core.graph import Call, Container
from tidemill.core.history import TaskKind, TaskRecord
from tidemill.core.instances import Instance, instance_from
from tidemill.core.states import TaskState
from tidemill.core.wiring import Wiring
from tidemill.storage.metadata.encoding import is_text
from tidemill.storage.metadata.statements import Statement, chunks, insert_into
from tidemill.storage.metadata.tables import run_metrics

METRICS = "Metrics"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_INDEX = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a run. `place` are the indexes of its task run, without generations."""

    run: str
    path: str
    place: tuple[int, ...]
    name: str
    value: float

    @property
    def full_name(self) -> str:
        """`evaluate.accuracy`, `fit[2].accuracy`."""
        return f"{self.path}{''.join(f'[{item}]' for item in self.place)}.{self.name}"


def _upsert(dialect: str) -> Insert:
    insert = insert_into(dialect, run_metrics)
    return insert.on_conflict_do_update(
        index_elements=["run", "path", "place", "name"], set_={"value": insert.excluded.value}
    )


_put = Statement(run_metrics.c.keys(), _upsert)
_forget = Statement(
    ["of_run", "at", "in_place"],
    lambda dialect: delete(run_metrics).where(
        run_metrics.c.run == bindparam("of_run"),
        run_metrics.c.path == bindparam("at"),
        run_metrics.c.place == bindparam("in_place"),
    ),
)


def save(connection: Connection, team: str, wiring: Wiring, rows: Sequence[TaskRecord]) -> None:
    """Store the metrics of these task runs as they are now; of several generations of one the newest counts."""
    gone: list[tuple[str, str, str]] = []
    new: dict[tuple[str, str, str], dict[str, float | None]] = {}
    for row, instance, outputs in _measured(wiring, rows):
        key = (row.run, row.path, place_text(tuple(step.item for step in instance)))
        new.pop(key, None)
        # The first generation finds nothing that could be in its way.
        if row.generation or row.state is TaskState.REMOVED or any(step.generation for step in instance):
            gone.append(key)
        if row.state is TaskState.SUCCEEDED:
            new[key] = _numbers(row.outputs, outputs)
    _forget.run(connection, gone)
    _put.run(connection, [(team, *key, name, value) for key, found in new.items() for name, value in found.items()])


def forget(connection: Connection, run: str, paths: Sequence[str]) -> None:
    """Delete the metrics of tasks that the run has no more."""
    for some in chunks(paths):
        connection.execute(delete(run_metrics).where(run_metrics.c.run == run, run_metrics.c.path.in_(some)))


def _measured(wiring: Wiring, rows: Sequence[TaskRecord]) -> list[tuple[TaskRecord, Instance, tuple[str, ...]]]:
    """The task runs that may have metrics, with the outputs that hold them; older generations first."""
    found = []
    for row in rows:
        outputs = _outputs(wiring, row.path) if row.kind is TaskKind.LEAF else ()
        if outputs:
            found.append((row, instance_from(row.instance), outputs))
    return sorted(found, key=lambda one: ([step.generation for step in one[1]], one[0].generation))


def of_runs(
    connection: Connection, team: str, ids: Sequence[str], names: Collection[str] | None = None
) -> dict[str, list[Metric]]:
    """The metrics of runs, by run, task run and name; only those that one of `names` may mean, if they are given."""
    found: dict[str, list[Metric]] = {}
    query = _fields.where(run_metrics.c.team == team)
    if names is not None:
        if not names:
            return found
        query = query.where(or_(*[_may_be(name) for name in sorted(names)]))
    for some in chunks(ids):
        rows = connection.execute(query.where(run_metrics.c.run.in_(some)))
        for run, path, place, name, value in rows:
            found.setdefault(run, []).append(
                Metric(run, path, place_from(place), name, math.nan if value is None else value)
            )
    for metrics in found.values():
        metrics.sort(key=lambda metric: (metric.path, metric.place, metric.name))
    return found


def known_names(connection: Connection, team: str, limit: int = 1000) -> list[str]:
    """Short names that any run of the team has, in alphabetical order."""
    query = select(run_metrics.c.name).distinct().where(run_metrics.c.team == team)
    return list(connection.execute(query.order_by(run_metrics.c.name).limit(limit)).scalars())


def runs_with(team: str, name: str) -> Select[tuple[str]]:
    """The runs in which `name` means exactly one metric; `the_value` is what a condition may ask of it."""
    query = select(run_metrics.c.run).where(run_metrics.c.team == team, _may_be(name)).group_by(run_metrics.c.run)
    return query.having(func.count() == 1)


def runs_with_several(team: str, name: str) -> Select[tuple[str]]:
    """The runs in which `name` may mean more than one metric."""
    query = select(run_metrics.c.run).where(run_metrics.c.team == team, _may_be(name)).group_by(run_metrics.c.run)
    return query.having(func.count() > 1)


the_value = func.min(run_metrics.c.value)
"""Of the one row of a run in `runs_with`; NULL stands for nan."""


def meant(metrics: Sequence[Metric], name: str) -> list[Metric]:
    """Those that a name may mean: its short name, or the task and it, whose indexes may be left out."""
    wanted = set(_readings(name))
    return [
        metric
        for metric in metrics
        if ("", None, metric.name) in wanted
        or (metric.path, None, metric.name) in wanted
        or (metric.path, metric.place, metric.name) in wanted
    ]


# --- names ------------------------------------------------------------------------------------------------------------


_fields = select(run_metrics.c.run, run_metrics.c.path, run_metrics.c.place, run_metrics.c.name, run_metrics.c.value)


def place_text(place: tuple[int, ...]) -> str:
    return "/".join(map(str, place))


def place_from(text: str) -> tuple[int, ...]:
    """Inverse of `place_text`."""
    return tuple([int(item) for item in text.split("/")]) if text else ()


def _readings(name: str) -> Iterator[tuple[str, tuple[int, ...] | None, str]]:
    """What a name can stand for: path of a task ("" for any), indexes (None for any), and the metric's own name."""
    yield "", None, name
    for dot in (found.start() for found in re.finditer(r"\.", name)):
        before, after = name[:dot], name[dot + 1 :]
        if before and after:
            indexes = tuple(int(item) for item in _INDEX.findall(before))
            yield _INDEX.sub("", before), indexes or None, after


def _may_be(name: str) -> ColumnElement[bool]:
    if not is_text(name):
        return false()
    column = run_metrics.c
    choices = []
    for path, place, own in _readings(name):
        parts = [column.name == own]
        if path:
            parts.append(column.path == path)
        if place is not None:
            parts.append(column.place == place_text(place))
        choices.append(and_(*parts))
    return or_(*choices)


# --- rows -------------------------------------------------------------------------------------------------------------


def _outputs(wiring: Wiring, path: str) -> tuple[str, ...]:
    """The outputs of a node that are declared as metrics."""
    site = wiring.sites.get(path)
    if site is None or not isinstance(site.node.body, Call | Container):
        return ()
    return tuple(key for key, spec in site.node.body.outputs.items() if spec.type.name == METRICS)


def _numbers(values: Mapping[str, object], outputs: tuple[str, ...]) -> dict[str, float | None]:
    """By name; a name has its output's before it where a task has several."""
    found: dict[str, float | None] = {}
    for output in outputs:
        numbers = values.get(output)
        before = f"{output}." if len(outputs) > 1 and output != RESULT else ""
        for name, number in numbers.items() if isinstance(numbers, Mapping) else ():
            if isinstance(number, int | float):
                found[_UNSTORABLE.sub("\ufffd", f"{before}{name}")] = _column(number)
    return found


def _column(number: int | float) -> float | None:
    try:
        value = float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
    # Only one of the databases can hold it in a number, and neither orders it as Python does.
    return None if math.isnan(value) else value
