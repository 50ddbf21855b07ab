"""The rules that look at a column or a table as a whole, and those of several columns together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as kinds

from tidemill.lifecycle.contracts.columns import Incomparable, Values
from tidemill.lifecycle.contracts.judging_rows import Offenders, comparable, same_kind
from tidemill.lifecycle.contracts.model import Bounds, Freshness, Kind, Scalar
from tidemill.lifecycle.contracts.tables import Rows
from tidemill.lifecycle.contracts.words import about, quantile_text, share_text, shown
from tidemill.lifecycle.verdicts import Verdict

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured for a rule. `values` are examples that no row has, such as names."""

    verdict: Verdict
    seen: str = ""
    note: str = ""
    checked: int = 0
    count: int = 0
    values: tuple[Any, ...] = ()


def judge_column(kind: Kind, demand: Any, values: Values) -> Measured:
    """Raises Incomparable."""
    if not values.filled:
        return Measured(Verdict.NODATA, note="every cell is empty")
    match kind:
        case Kind.MEAN:
            mean = float(np.mean(values.numbers))
            return _measured(demand.holds(mean), f"the mean is {mean:,.6g}", values.filled)
        case Kind.QUANTILE:
            return _quantiles(values, demand)
        case Kind.SHARES:
            return _shares(values, demand)
        case Kind.MIN_SHARE:
            return _min_share(values, demand)
    raise AssertionError(f"{kind} is no rule of a column")


def _measured(holds: bool, seen: str, checked: int) -> Measured:
    return Measured(Verdict.PASS if holds else Verdict.FAIL, seen, checked=checked)


def _quantiles(values: Values, demand: tuple[tuple[float, Bounds], ...]) -> Measured:
    found = np.quantile(values.numbers, [at for at, _ in demand])
    holds = all(bounds.holds(float(one)) for (_, bounds), one in zip(demand, found, strict=True))
    seen = ", ".join(f"{quantile_text(at)} is {one:,.6g}" for (at, _), one in zip(demand, found, strict=True))
    return _measured(holds, seen, values.filled)


def _shares(values: Values, demand: tuple[tuple[Scalar, Bounds], ...]) -> Measured:
    told, holds = [], True
    for value, bounds in demand:
        plain = same_kind(value, values.type, lenient=True)
        if plain is None:
            raise Incomparable(f"it holds {values.stored}, and {shown(value)} is none of that")
        scalar = comparable(plain, values.type)
        equal = pc.sum(pc.equal(values.array, scalar if isinstance(scalar, pa.Scalar) else pa.scalar(plain)))
        share = (equal.as_py() or 0) / values.filled
        holds = holds and bounds.holds(share)
        told.append(f"{shown(value)} has {share_text(share)}")
    return _measured(holds, ", ".join(told), values.filled)


def _min_share(values: Values, demand: tuple[float, tuple[Scalar, ...]]) -> Measured:
    """Every value that is there, and every one that is allowed, has its share."""
    least, allowed = demand
    counted = pc.value_counts(values.array.drop_null())
    names, counts = counted.field("values"), counted.field("counts").to_numpy(zero_copy_only=False)
    rare = np.flatnonzero(counts < least * values.filled)
    seen = [f"{shown(names[int(n)].as_py())} has {share_text(counts[n] / values.filled)}" for n in rare[:3]]
    known = set(names.to_pylist()) if allowed else set()
    absent = [one for one in allowed if same_kind(one, values.type, lenient=True) not in known]
    seen += [f"{shown(one)} has none" for one in absent[:3]]
    wrong = len(rare) + len(absent)
    more = f" and {wrong - len(seen)} more" if wrong > len(seen) else ""
    return _measured(not wrong, ", ".join(seen) + more, values.filled)


def judge_extra(known: tuple[str, ...], rows: Rows) -> Measured:
    extra = [name for name in rows.names if name not in known]
    many = "1 other column is there" if len(extra) == 1 else f"{len(extra)} other columns are there"
    verdict = Verdict.FAIL if extra else Verdict.PASS
    return Measured(verdict, many if extra else "", values=tuple(extra))


def judge_freshness(demand: Freshness, values: Values | None, now: datetime, interval_end: datetime | None) -> Measured:
    """The age of what is newest among what is not in the future. Raises Incomparable."""
    note = ""
    if values is None:
        if interval_end is None:
            return Measured(Verdict.NODATA, note="no column is named, and there is no data interval here")
        newest = interval_end
    else:
        if not values.filled:
            return Measured(Verdict.NODATA, note="every cell is empty")
        found, future = _newest(values, now)
        if future:
            note = f"{future:,} lie in the future and do not count"
        if found is None:
            return Measured(Verdict.FAIL, note=note, checked=values.filled, count=future)
        newest = found
    age = max(now - newest, timedelta(0))
    verdict = Verdict.PASS if age <= demand.max_age else Verdict.FAIL
    when = newest.strftime("%Y-%m-%d %H:%M:%S %Z")
    return Measured(verdict, f"the newest is {about(age)} old ({when})", note)


def _newest(values: Values, now: datetime) -> tuple[datetime | None, int]:
    """Without a zone UTC is meant. A day is as new as its end, or as this moment."""
    kind = values.type
    if kinds.is_timestamp(kind):
        moment = now.astimezone(UTC)
        limit = pa.scalar(moment if kind.tz else moment.replace(tzinfo=None), pa.timestamp("us", kind.tz))
    elif kinds.is_date(kind):
        limit = pa.scalar(now.astimezone(UTC).date(), pa.date32())
    else:
        raise Incomparable(f"it holds {values.stored}, not dates")
    past = pc.less_equal(values.array, limit)
    there = values.array.filter(past)
    future = values.filled - len(there)
    whole = pa.timestamp("us", kind.tz) if kinds.is_timestamp(kind) else pa.date32()
    newest = pc.max(there.cast(whole, safe=False)).as_py()
    match newest:
        case datetime():
            return (newest if newest.tzinfo is not None else newest.replace(tzinfo=UTC)), future
        case date():
            end = datetime(newest.year, newest.month, newest.day, tzinfo=UTC) + DAY
            return min(end, now), future
    return None, future


def judge_unique(columns: tuple[str, ...], rows: Rows) -> Offenders:
    """A row breaks it whose key stood in a row before; rows without a whole key are not judged."""
    frame = rows.frame(columns)
    frame.columns = list(range(len(columns)))
    empty = frame.isna().to_numpy().any(axis=1)
    found = (frame[0] if len(columns) == 1 else frame).duplicated().to_numpy() & ~empty
    return Offenders(found, rows.count - int(np.count_nonzero(empty)))
