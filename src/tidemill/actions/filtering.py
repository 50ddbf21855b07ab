"""Runs that fulfil a condition, in an order of one's own, each with the values that were asked for.

The database answers what it can; what it leaves open is asked of each run, page by page, without holding it up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tidemill.app import App
from tidemill.core.errors import did_you_mean
from tidemill.core.filter_text import name_text
from tidemill.core.filters import AMBIGUOUS, Being, Filter, Is, Name, Not, Space, hangs_on_ambiguous, holds
from tidemill.core.history import RunRecord
from tidemill.core.values import MISSING, Value, canonical, encode
from tidemill.storage.metadata import metrics, selecting
from tidemill.storage.metadata.selecting import Candidate, Clause

_EXAMINED = 1000
"""Runs that are looked at for whether an ambiguous name has decided, or whether there is a name."""

_NAMED = 100
"""Runs whose metrics are looked through for a name like one that no run has."""

_EXPERIMENT = Name(Space.TAGS, "experiment")
_KINDS = {Space.METRICS: "metric", Space.PARAMS: "parameter", Space.TAGS: "tag"}


@dataclass(frozen=True, slots=True)
class Order:
    """Runs that have no value come last, nan just before them, whichever way."""

    name: Name
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A run with the values of the names that were asked for; MISSING or AMBIGUOUS where there is none."""

    run: RunRecord
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """`names` are those of the values; `notes` is what to know about names that mean nothing or several things."""

    found: tuple[Found, ...]
    more: bool
    names: tuple[Name, ...]
    notes: tuple[str, ...]


def select_runs(
    app: App,
    condition: Filter | None,
    order: Order | None,
    shown: Sequence[Name],
    limit: int,
    clause: Clause | None = None,
) -> Selection:
    """The first `limit` runs for which the condition holds; newest first unless an order is given.

    `clause` narrows them down besides.
    """
    now, team = app.clock.now(), app.settings.team
    said = selecting.clause_of(condition, team, now)
    narrowed = said if clause is None else selecting.both(said, clause)
    wanted = list(dict.fromkeys([*selecting.asked(condition), *([order.name] if order else []), *shown]))
    fitting = _fitting(app, condition, narrowed, wanted, now, limit + 1 if order is None else 0)
    if order is None:
        candidates = _first(fitting, limit + 1)
    else:
        # Sorting is stable: what is alike stays newest first.
        candidates = sorted(fitting, key=lambda one: _key(one.read(order.name)))
        if order.descending:
            candidates = _descending(candidates, order.name)
    more = len(candidates) > limit
    candidates = candidates[:limit]
    with app.database.read() as connection:
        records = {run.id: run for run in selecting.chosen(connection, team, [one.id for one in candidates])}
    found = tuple(
        Found(records[one.id], tuple(one.read(name) for name in shown)) for one in candidates if one.id in records
    )
    empty = [name for name in wanted if all(one.read(name) is MISSING for one in candidates)]
    notes = [*_about_ambiguous(app, condition, wanted, clause, now), *_about_unknown(app, empty, now)]
    return Selection(found, more, tuple(shown), tuple(notes))


def _fitting(
    app: App, condition: Filter | None, clause: Clause, wanted: Sequence[Name], now: datetime, limit: int
) -> Iterator[Candidate]:
    """Newest first; `limit` tells how many are needed if the database can say so itself, 0 that all are."""
    size = limit if limit and clause.exact and limit < selecting.PAGE else selecting.PAGE
    place = None
    while True:
        with app.database.read() as connection:
            rows, place = selecting.page(connection, app.settings.team, clause, wanted, now, place, size)
        for one in rows:
            if clause.exact or condition is None or holds(condition, one.read, now):
                yield one
        if place is None:
            return


def _first(candidates: Iterator[Candidate], number: int) -> list[Candidate]:
    found: list[Candidate] = []
    for one in candidates:
        found.append(one)
        if len(found) == number:
            break
    return found


# --- order ------------------------------------------------------------------------------------------------------------


def _key(value: Value) -> tuple[int, Any]:
    """Values of one kind in their order, kinds one after the other."""
    match value:
        case float() if math.isnan(value):
            return 8, 0
        case bool():
            return 0, value
        case int() | float():
            return 1, value
        case timedelta():
            return 2, value
        case datetime():
            return 3, value.timestamp() if value.tzinfo is not None else value.astimezone().timestamp()
        case date():
            return 4, value.toordinal()
        case str():
            return 5, value
        case list() | dict():
            return 6, canonical(encode(value))
        case None:
            return 7, 0
    return (9, 0) if value is AMBIGUOUS or value is MISSING else (7, 1)


def _descending(candidates: list[Candidate], name: Name) -> list[Candidate]:
    keys = {one.id: _key(one.read(name)) for one in candidates}
    there = [one for one in candidates if keys[one.id][0] < 8]
    rest = [one for one in candidates if keys[one.id][0] >= 8]
    return [*sorted(there, key=lambda one: keys[one.id], reverse=True), *rest]


# --- what to know -----------------------------------------------------------------------------------------------------


def _about_ambiguous(
    app: App, condition: Filter | None, wanted: Sequence[Name], clause: Clause | None, now: datetime
) -> Iterator[str]:
    """A line for each name that means several metrics of a run that is shown, or that is not for this reason."""
    if not any(name.space is Space.METRICS for name in wanted):
        return
    several = selecting.ambiguous(app.settings.team, wanted)
    narrowed = several if clause is None else selecting.both(several, clause)
    with app.database.read() as connection:
        rows, _ = selecting.page(connection, app.settings.team, narrowed, wanted, now, None, _EXAMINED)
    if condition is not None:
        rows = [one for one in rows if holds(condition, one.read, now) or hangs_on_ambiguous(condition, one.read, now)]
    for name in wanted:
        if name.space is Space.METRICS and (hit := [one for one in rows if one.read(name) is AMBIGUOUS]):
            yield _several(name, hit[0], len(hit))


def _several(name: Name, one: Candidate, number: int) -> str:
    meanings = [metric.full_name for metric in metrics.meant(one.metrics, name.key)]
    listed = ", ".join(meanings[:3]) + (f", ... ({len(meanings)} in all)" if len(meanings) > 3 else "")
    where = f"in run {one.id}" if number == 1 else f"in {number} runs, such as {one.id}"
    say = name_text(Name(Space.METRICS, meanings[0]))
    return f"{name_text(name)} means several metrics {where}, and counts as missing: {listed}; write such as {say}"


def _about_unknown(app: App, names: Sequence[Name], now: datetime) -> Iterator[str]:
    """A line for each metric, parameter and tag that no run has at all."""
    for name in names:
        # That no run is of an experiment is no slip of the pen.
        if name.space is Space.FIELD or name == _EXPERIMENT:
            continue
        clause = selecting.clause_of(Not(Is(name, Being.MISSING)), app.settings.team, now)
        limit = 1 if clause.exact else _EXAMINED
        with app.database.read() as connection:
            rows, more = selecting.page(connection, app.settings.team, clause, [name], now, None, limit)
        if any(one.read(name) is not MISSING for one in rows):
            continue
        hint = did_you_mean(name.key, _known(app, name, now))
        # A few hundred names help nobody, and neither do those that are nothing like it.
        near = f"; {hint}" if hint.startswith("did you mean") else ""
        none = f"none of the newest {limit} runs has" if more and not clause.exact else "no run has"
        yield f"{none} a {_KINDS[name.space]} {name.key!r}{near}"


def _known(app: App, name: Name, now: datetime) -> set[str]:
    """What runs have in place of a name that none has."""
    everything = selecting.clause_of(None, app.settings.team, now)
    with app.database.read() as connection:
        rows, _ = selecting.page(connection, app.settings.team, everything, [], now, None, _EXAMINED)
        if name.space is not Space.METRICS:
            return {key for one in rows for key in one.keys(name.space)}
        known = set(metrics.known_names(connection, app.settings.team))
        if "." not in name.key:
            return known
        stored = metrics.of_runs(connection, app.settings.team, [one.id for one in rows[:_NAMED]])
    return {metric.full_name for found in stored.values() for metric in found} or known
