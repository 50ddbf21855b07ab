"""A small table of texts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tidemill.actions.show import Made
from tidemill.actions.wording import value_text
from tidemill.core.instances import Key, instance_from

METRICS = "Metrics"
ROWS = 60
FEW = 12


@dataclass(frozen=True, slots=True)
class Table:
    rows: tuple[tuple[str, ...], ...]
    head: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one task, a row for each of its instances. Of many there is a `summary`; `rest` were left out."""

    table: Table
    summary: Table | None = None
    rest: int = 0


def metrics_of(made: Sequence[Made]) -> Iterator[Metrics]:
    """Of each task that gave metrics, in the order of `made`, which is sorted by task run."""
    found = [one for one in made if one.artifact.type == METRICS]
    for path, some in groupby(found, key=lambda one: one.by.path):
        group = sorted(some, key=lambda one: instance_from(one.by.instance))
        numbers = [one.artifact.metadata for one in group]
        names = list(dict.fromkeys(str(name) for one in numbers for name in one))
        rows = tuple(
            (str(Key(path, instance_from(one.by.instance))), *map(number, map(one.artifact.metadata.get, names)))
            for one in group[:ROWS]
        )
        summary = _summary(path, names, numbers) if len(group) > FEW else None
        yield Metrics(Table(rows, ("task", *names)), summary, max(len(group) - ROWS, 0))


def _summary(path: str, names: Sequence[str], numbers: Sequence[Mapping[str, Any]]) -> Table:
    columns = [[one[name] for one in numbers if isinstance(one.get(name), int | float)] for name in names]
    rows = (
        (f"{path}, least", *(number(min(column, default=None)) for column in columns)),
        (f"{path}, mean", *(number(sum(column) / len(column)) if column else "" for column in columns)),
        (f"{path}, most", *(number(max(column, default=None)) for column in columns)),
    )
    return Table(rows, (f"{len(numbers)} instances", *names))


def number(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool() | int():
            return f"{value:,}"
        case float():
            return f"{value:.6g}"
        case _:
            return value_text(value)
