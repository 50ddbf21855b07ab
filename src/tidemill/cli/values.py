"""Parameters, tags and metrics as the cells of a table. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from tidemill.actions.wording import value_text
from tidemill.cli import looks
from tidemill.core.filters import Ambiguous, Name, Space
from tidemill.core.values import Missing

LONGEST = 24
_DIGITS = 6


def head(name: Name, values: Iterable[object] = ()) -> str:
    """The head of a column, over numbers if it is one of metrics, or of nothing but numbers."""
    known = [value for value in values if not isinstance(value, Missing)]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in known) and known
    return f">{name.key}" if name.space is Space.METRICS or numbers else name.key


def cell(value: object) -> str:
    """A value in a few characters: nothing where there is none, `?` where it may be one of several."""
    match value:
        case Missing():
            return ""
        case Ambiguous():
            return "?"
        case bool():
            return "true" if value else "false"
        case float():
            return number(value)
        case str():
            return looks.cut(value, LONGEST)
        case datetime():
            return looks.day_and_time(value)
        case timedelta():
            return looks.duration(value.total_seconds())
    return value_text(value, LONGEST)


def number(value: float) -> str:
    """Six digits, and no fewer than it takes to say a whole number: `0.913043`, `12`, `1.5e-07`, `nan`, `inf`."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.{_DIGITS}g}"
