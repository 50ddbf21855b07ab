"""Choosing runs by a condition: what the database can answer becomes SQL, the rest is asked of rows page by page.

SQL never leaves out a run for which the condition holds, so asking each row again gives the same answer everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, false, not_, or_, select, true, tuple_

from tidemill.core.filters import (
    AMBIGUOUS,
    DURATION,
    MOMENTS,
    TEXTS,
    All,
    Being,
    Compare,
    Filter,
    In,
    Is,
    Name,
    Not,
    Op,
    Some,
    Space,
    in_span,
    names,
)
from tidemill.core.history import RunRecord
from tidemill.core.moments import parse_span
from tidemill.core.values import MISSING, Value
from tidemill.storage.metadata import metrics as metrics_table
from tidemill.storage.metadata.encoding import is_text, mapping_in, moment_in, required_moment_in, required_moment_out
from tidemill.storage.metadata.metrics import Metric, meant, runs_with, runs_with_several, the_value
from tidemill.storage.metadata.runs import records
from tidemill.storage.metadata.tables import runs

PAGE = 2000
"""Rows that are read in one transaction."""


class Clause(NamedTuple):
    """`exact`: it holds for the very runs for which the condition holds; else for more."""

    sql: ColumnElement[bool]
    exact: bool


@dataclass(slots=True)
class Candidate:
    """A run as a condition sees it; parameters and tags are read when they are asked for."""

    id: str
    row: Any
    metrics: Sequence[Metric]
    now: datetime
    _params: dict[str, Value] | None = None
    _tags: dict[str, Value] | None = None

    def read(self, name: Name) -> Value:
        """The value of a name: MISSING if the run has none, AMBIGUOUS for a metric that may be one of several."""
        match name.space:
            case Space.METRICS:
                found = meant(self.metrics, name.key)
                return AMBIGUOUS if len(found) > 1 else found[0].value if found else MISSING
            case Space.PARAMS:
                if self._params is None:
                    self._params = mapping_in(self.row.params)
                return _inside(self._params, name.key)
            case Space.TAGS:
                if self._tags is None:
                    self._tags = mapping_in(self.row.tags)
                return _inside(self._tags, name.key)
        match name.key:
            case "created":
                return required_moment_in(self.row.created_at)
            case "started":
                return moment_in(self.row.started_at) or MISSING
            case "duration":
                return self._duration()
        return getattr(self.row, name.key)

    def keys(self, space: Space) -> list[str]:
        """The names of its parameters or tags."""
        return list(mapping_in(self.row.tags if space is Space.TAGS else self.row.params))

    def _duration(self) -> Value:
        """Seconds; of a run that goes on, those until now."""
        started, ended = moment_in(self.row.started_at), moment_in(self.row.ended_at)
        if started is None:
            return MISSING
        return ((ended or max(self.now, started)) - started) / timedelta(seconds=1)


def _inside(values: dict[str, Value], key: str) -> Value:
    """The value at a key, or at `a.b` inside a dictionary."""
    if key in values:
        return values[key]
    for dot in (n for n, character in enumerate(key) if character == "."):
        inner = values.get(key[:dot])
        if isinstance(inner, dict):
            found = _inside(inner, key[dot + 1 :])
            if found is not MISSING:
                return found
    return MISSING


_seen = select(
    runs.c.id,
    runs.c.pipeline,
    runs.c.state,
    runs.c.actor,
    runs.c.created_at,
    runs.c.started_at,
    runs.c.ended_at,
    runs.c.params,
    runs.c.tags,
).order_by(runs.c.created_at.desc(), runs.c.id.desc())

Place = tuple[str, str]
"""Where a page ended: moment and id of its last run."""


def page(
    connection: Connection,
    team: str,
    clause: Clause,
    wanted: Collection[Name],
    now: datetime,
    after: Place | None = None,
    limit: int = PAGE,
) -> tuple[list[Candidate], Place | None]:
    """Candidates, newest first, with the metrics that `wanted` names, and where to go on; None if there are no more."""
    query = _seen.where(runs.c.team == team, clause.sql)
    if after is not None:
        query = query.where(tuple_(runs.c.created_at, runs.c.id) < tuple_(*after))
    rows = connection.execute(query.limit(limit)).all()
    asked = {name.key for name in wanted if name.space is Space.METRICS}
    numbers = metrics_table.of_runs(connection, team, [row.id for row in rows], asked)
    found = [Candidate(row.id, row, numbers.get(row.id, ()), now) for row in rows]
    return found, (rows[-1].created_at, rows[-1].id) if len(rows) == limit else None


def chosen(connection: Connection, team: str, ids: Sequence[str]) -> list[RunRecord]:
    """The records of these runs, in this order; those that are gone are left out."""
    found = {run.id: run for run in records(connection, team, ids)}
    return [found[id_] for id_ in ids if id_ in found]


def ambiguous(team: str, wanted: Collection[Name]) -> Clause:
    """The runs in which one of the names may mean several metrics."""
    several = [runs.c.id.in_(runs_with_several(team, name.key)) for name in wanted if name.space is Space.METRICS]
    return Clause(or_(false(), *several), True)


# --- from a condition to SQL ------------------------------------------------------------------------------------------


def clause_of(condition: Filter | None, team: str, now: datetime) -> Clause:
    """What the database can say of a condition; every run for None."""
    return Clause(true(), True) if condition is None else _clause(condition, team, now)


def both(one: Clause, other: Clause) -> Clause:
    return Clause(and_(one.sql, other.sql), one.exact and other.exact)


_UNKNOWN = Clause(true(), False)


def _clause(condition: Filter, team: str, now: datetime) -> Clause:
    match condition:
        case Not(of):
            inner = _clause(of, team, now)
            return Clause(not_(inner.sql), True) if inner.exact else _UNKNOWN
        case All(parts):
            inner_parts = [_clause(part, team, now) for part in parts]
            return Clause(and_(*[part.sql for part in inner_parts]), all(part.exact for part in inner_parts))
        case Some(parts):
            inner_parts = [_clause(part, team, now) for part in parts]
            return Clause(or_(*[part.sql for part in inner_parts]), all(part.exact for part in inner_parts))
        case Compare(name, op, literal):
            return _compared(name, op, literal, team, now)
        case In(name, literals):
            each = [_compared(name, Op.EQ, literal, team, now) for literal in literals]
            return Clause(or_(*[one.sql for one in each]), all(one.exact for one in each))
        case Is(name, being):
            return _being(name, being, team)
    return _UNKNOWN


def _compared(name: Name, op: Op, literal: Any, team: str, now: datetime) -> Clause:
    match name.space:
        case Space.METRICS:
            wanted = _than(the_value, op, literal)
            if op is Op.NE:
                wanted = or_(wanted, the_value.is_(None))
            return Clause(runs.c.id.in_(runs_with(team, name.key).having(wanted)), True)
        case Space.TAGS | Space.PARAMS:
            column = runs.c.tags if name.space is Space.TAGS else runs.c.params
            if "." in name.key or not _plain(name.key):
                return _UNKNOWN
            # A key stands in the JSON as it is; that it stands there as a key is seen when the row is read.
            return Clause(column.contains(json.dumps(name.key), autoescape=True), False)
    if name.key in TEXTS and is_text(str(literal)):
        return Clause(_than(runs.c[name.key], op, literal), True)
    if name.key in MOMENTS:
        column = runs.c.created_at if name.key == "created" else runs.c.started_at
        return Clause(and_(column.is_not(None), _in_time(column, op, literal, now)), True)
    return _UNKNOWN


def _plain(key: str) -> bool:
    return key.isascii() and key.isprintable() and '"' not in key and "\\" not in key


def _being(name: Name, being: Being, team: str) -> Clause:
    if name.space is Space.METRICS:
        one = runs_with(team, name.key)
        if being is Being.NAN:
            return Clause(runs.c.id.in_(one.having(the_value.is_(None))), True)
        return Clause(runs.c.id.not_in(one), True)
    if name.space is Space.FIELD and name.key in ("started", DURATION) and being is Being.MISSING:
        return Clause(runs.c.started_at.is_(None), True)
    return _UNKNOWN


def _than(column: Any, op: Op, value: Any) -> ColumnElement[bool]:
    """The comparison in SQL."""
    match op:
        case Op.EQ:
            found = column == value
        case Op.NE:
            found = column != value
        case Op.LT:
            found = column < value
        case Op.LE:
            found = column <= value
        case Op.GT:
            found = column > value
        case Op.GE:
            found = column >= value
    result: ColumnElement[bool] = found
    return result


def _in_time(column: Any, op: Op, literal: str, now: datetime) -> ColumnElement[bool]:
    span = parse_span(literal, now)
    if op is Op.NE:
        return not_(_in_time(column, Op.EQ, literal, now))
    return and_(*[_than(column, each, required_moment_out(moment)) for each, moment in in_span(op, span)])


def asked(condition: Filter | None) -> list[Name]:
    """The names of a condition, each once."""
    return list(dict.fromkeys(names(condition))) if condition is not None else []
