"""Moments and days as people write them: `2026-01-31`, `2026-01-31 08:00`, `today`, `yesterday`, `2 days ago`.

What it is now is said by the caller; times without a zone are those of this machine.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from tidemill.core.durations import parse_duration

_DAYS = {"today": 0, "yesterday": 1}
_AGO = re.compile(r"(.+?)\s+ago", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Span(NamedTuple):
    """What a text means: from `start` until just before `end`; both are the same for a moment."""

    start: datetime
    end: datetime


def parse_span(text: str, now: datetime) -> Span:
    """The day or the moment that a text names. Raises ValueError, saying what is possible."""
    said = " ".join(text.split())
    try:
        if said.lower() == "now":
            return Span(now, now)
        if said.lower() in _DAYS:
            return _day(now.astimezone().date() - timedelta(days=_DAYS[said.lower()]))
        if found := _AGO.fullmatch(said):
            moment = now - parse_duration(found[1])
            return Span(moment, moment)
        if _DAY.fullmatch(said):
            return _day(date.fromisoformat(said))
        moment = datetime.fromisoformat(said)
        moment = moment if moment.tzinfo is not None else moment.astimezone()
        return Span(moment, moment)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no moment; write such as '2026-01-31', '2026-01-31 08:00', 'today' or '2 days ago'"
        ) from None


def _day(day: date) -> Span:
    return Span(_begins(day), _begins(day + timedelta(days=1)))


def _begins(day: date) -> datetime:
    return datetime.combine(day, time()).astimezone()
