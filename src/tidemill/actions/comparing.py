"""Runs side by side: where their parameters and tags differ, and their metrics, with the best of each."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from tidemill.actions.filtering import Order, select_runs
from tidemill.actions.runs import find_run
from tidemill.app import App
from tidemill.core.errors import InputError, NotFound, did_you_mean
from tidemill.core.filter_text import parse_filter
from tidemill.core.filters import All, Compare, Filter, Name, Op, Space
from tidemill.core.history import RunRecord
from tidemill.core.values import MISSING, Value, canonical, encode
from tidemill.storage.metadata import metrics
from tidemill.storage.metadata.metrics import Metric

EXPERIMENT, POSITION = "experiment", "sweep"
"""The tags of a run that is one of many: the name of the whole, and which one it is."""

AT_MOST = 1000
"""Runs in one comparison."""

_LOWER = re.compile(
    r"(?:^|[._/-])(?:loss|error|err|rmse|mse|mae|mape|logloss|perplexity|latency|seconds|duration|cost|regret)(?:$|[._/-])",
    re.IGNORECASE,
)


class Best(Enum):
    HIGHEST = "highest"
    LOWEST = "lowest"


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric of all runs: nan where a run has none that is a number, `there` where it has one at all."""

    name: str
    best: Best
    values: tuple[float, ...]
    there: tuple[bool, ...]

    @property
    def winners(self) -> frozenset[int]:
        """Positions of the runs with the best value; none if there is nothing to choose from."""
        known = [value for value in self.values if not math.isnan(value)]
        if len(known) < 2:
            return frozenset()
        best = max(known) if self.best is Best.HIGHEST else min(known)
        return frozenset(n for n, value in enumerate(self.values) if value == best)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`params` and `tags` are those that differ, by name, with the value of each run or MISSING; `same` is what all
    runs have alike. `metrics` holds every metric of each run by its full name."""

    runs: tuple[RunRecord, ...]
    params: Mapping[str, tuple[Value, ...]]
    tags: Mapping[str, tuple[Value, ...]]
    measures: tuple[Measure, ...]
    metrics: tuple[Mapping[str, float], ...]
    same: Mapping[str, Value]
    sorted_by: str = ""
    more: bool = False
    notes: tuple[str, ...] = ()


def compare_runs(
    app: App,
    run_ids: Sequence[str] = (),
    *,
    filter: str = "",
    experiment: str = "",
    minimize: Collection[str] = (),
    maximize: Collection[str] = (),
    sort: str = "",
) -> Comparison:
    """The runs with these ids, or those of an experiment, or for which the filter holds.

    They come in the order given, or best first by the metric `sort`; without it by the only metric there is, else as
    they were made. Raises InputError if there are none, and for names that are no metric.
    """
    notes: tuple[str, ...] = ()
    more = False
    if run_ids:
        found = tuple({run.id: run for run in (find_run(app, run_id) for run_id in run_ids)}.values())
    else:
        found, more, notes = _selected(app, filter, experiment)
    return compared(app, found, minimize, maximize, sort, bool(run_ids), more, notes)


def _selected(app: App, filter: str, experiment: str) -> tuple[tuple[RunRecord, ...], bool, tuple[str, ...]]:
    parts: list[Filter] = [parse_filter(filter)] if filter else []
    if experiment:
        parts.append(of_experiment(experiment))
    if not parts:
        raise InputError(
            "no runs are named", remedy="name some, or choose them with --filter EXPR or --experiment NAME"
        )
    condition = parts[0] if len(parts) == 1 else All(tuple(parts))
    selection = select_runs(app, condition, Order(Name(Space.FIELD, "created")), (), AT_MOST)
    if not selection.found:
        told = f"there are no runs of experiment {experiment!r}" if experiment else "there are no such runs"
        near = did_you_mean(experiment, experiments(app)) if experiment and not filter else ""
        remedy = near or ("; ".join(selection.notes) if filter else "") or "`tidemill runs` lists the newest runs"
        raise NotFound(told, remedy=remedy)
    return tuple(one.run for one in selection.found), selection.more, selection.notes


def of_experiment(name: str) -> Filter:
    return Compare(Name(Space.TAGS, EXPERIMENT), Op.EQ, name)


def experiments(app: App) -> list[str]:
    """The names of the newest experiments."""
    tag = Name(Space.TAGS, EXPERIMENT)
    selection = select_runs(app, parse_filter("not tags.experiment is missing"), None, (tag,), AT_MOST)
    return list(dict.fromkeys(str(one.values[0]) for one in selection.found))


def compared(
    app: App,
    runs: Sequence[RunRecord],
    minimize: Collection[str] = (),
    maximize: Collection[str] = (),
    sort: str = "",
    as_given: bool = False,
    more: bool = False,
    notes: tuple[str, ...] = (),
) -> Comparison:
    """These runs side by side, ordered as `compare_runs` says."""
    with app.database.read() as connection:
        stored = metrics.of_runs(connection, app.settings.team, [run.id for run in runs])
    numbers = [stored.get(run.id, []) for run in runs]
    names = _columns(numbers)
    for name in (*minimize, *maximize, *([sort] if sort else [])):
        if _bare(name) not in names:
            hint = did_you_mean(_bare(name), names)
            raise NotFound(
                f"these runs have no metric {name!r}", remedy=hint or f"they have {', '.join(names) or 'none'}"
            )
    lower, higher = {_bare(name) for name in minimize}, {_bare(name) for name in maximize}
    if lower & higher:
        raise InputError(f"metric {min(lower & higher)!r} is to be both as low and as high as can be")
    measures = [_measure(name, read, numbers, lower, higher) for name, read in names.items()]
    by = _bare(sort) or (measures[0].name if len(measures) == 1 and not as_given else "")
    order = list(range(len(runs)))
    for measure in measures:
        if measure.name == by:
            order.sort(key=lambda n: _rank(measure, n))
    return _ordered(runs, numbers, measures, order, by, more, notes)


def _ordered(
    runs: Sequence[RunRecord],
    numbers: Sequence[Sequence[Metric]],
    measures: Sequence[Measure],
    order: Sequence[int],
    by: str,
    more: bool,
    notes: tuple[str, ...],
) -> Comparison:
    chosen = tuple(runs[n] for n in order)
    params, same = _differing([run.params for run in chosen])
    tags, _ = _differing([run.tags for run in chosen])
    if EXPERIMENT in set.intersection(*(set(run.tags) for run in chosen)):
        tags.pop(POSITION, None)
    return Comparison(
        chosen,
        params,
        tags,
        tuple(
            Measure(one.name, one.best, tuple(one.values[n] for n in order), tuple(one.there[n] for n in order))
            for one in measures
        ),
        tuple({metric.full_name: metric.value for metric in numbers[n]} for n in order),
        same,
        by,
        more,
        notes,
    )


def _rank(measure: Measure, n: int) -> tuple[int, float]:
    value = measure.values[n]
    if math.isnan(value):
        return 1 if measure.there[n] else 2, 0.0
    return 0, -value if measure.best is Best.HIGHEST else value


def _columns(numbers: Sequence[Sequence[Metric]]) -> dict[str, Callable[[Metric], str]]:
    """Names of columns with what gives a metric's name in that form: short where no run has two of that name."""
    often: Counter[str] = Counter()
    for found in numbers:
        for name, number in Counter(metric.name for metric in found).items():
            often[name] = max(often[name], number)
    columns: dict[str, Callable[[Metric], str]] = {}
    for found in numbers:
        for metric in found:
            if often[metric.name] == 1:
                columns.setdefault(metric.name, _short_name)
            else:
                columns.setdefault(metric.full_name, _full_name)
    return columns


def _short_name(metric: Metric) -> str:
    return metric.name


def _full_name(metric: Metric) -> str:
    return metric.full_name


def _measure(
    name: str,
    read: Callable[[Metric], str],
    numbers: Sequence[Sequence[Metric]],
    lower: Collection[str],
    higher: Collection[str],
) -> Measure:
    values: list[float] = []
    there: list[bool] = []
    for found in numbers:
        hit = [metric.value for metric in found if read(metric) == name]
        values.append(hit[0] if hit else math.nan)
        there.append(bool(hit))
    low = name in lower or (name not in higher and _LOWER.search(name) is not None)
    return Measure(name, Best.LOWEST if low else Best.HIGHEST, tuple(values), tuple(there))


def _bare(name: str) -> str:
    return name.removeprefix("metrics.")


def _differing(
    values: Sequence[Mapping[str, Value]],
) -> tuple[dict[str, tuple[Value, ...]], dict[str, Value]]:
    """What differs, by name with the value of each, and what is the same in all."""
    differ: dict[str, tuple[Value, ...]] = {}
    same: dict[str, Value] = {}
    for name in dict.fromkeys(name for one in values for name in one):
        column = tuple(one.get(name, MISSING) for one in values)
        if len({"" if value is MISSING else canonical(encode(value)) for value in column}) > 1:
            differ[name] = column
        else:
            same[name] = column[0]
    return differ, same
