"""Values, shares and durations as findings and YAML write them: what comes from data is shortened and made harmless."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

LONGEST = 60
"""Characters of a value that are shown."""

HIDDEN = "(hidden)"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_SPAN = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def shown(value: object) -> str:
    """A value as an example: text in quotes, so that no program takes it for a formula, one line, shortened."""
    match value:
        case str():
            return f"'{_plain(value)}'"
        case bool() | int() | None:
            return _plain(str(value)) if not isinstance(value, int) or value.bit_length() < 256 else "a huge number"
        case float():
            return f"{value:.15g}"
        case date():
            return value.isoformat()
        case bytes():
            return f"{len(value)} bytes"
    try:
        return f"{type(value).__name__} {_plain(str(value))}"
    except Exception as error:
        return f"{type(value).__name__} that cannot be shown ({type(error).__name__})"


def name_text(name: object) -> str:
    """A name of a column, which may come from data."""
    return _plain(str(name))


def _plain(text: str) -> str:
    cut = text[: LONGEST + 1]
    safe = _UNSAFE.sub(lambda found: f"\\x{ord(found[0]):02x}", cut[:LONGEST])
    return safe if len(cut) <= LONGEST else f"{safe[:LONGEST]}…"


def share_text(share: float) -> str:
    """`3.7 %`; never 0 % for what is more than nothing, never 100 % for what is not all."""
    if 0 < share < 0.0001:
        return "< 0.01 %"
    if 0.9999 < share < 1:
        return "> 99.99 %"
    return f"{share * 100:.2f}".rstrip("0").rstrip(".") + " %"


def count_text(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration_text(duration: timedelta) -> str:
    """Such as `2h` or `1d12h`, exact, as `core.durations` reads it."""
    whole, rest = duration.days * 86400 + duration.seconds, duration.microseconds
    if rest:
        return f"{whole}.{rest:06}s"
    parts = []
    for unit, seconds in _SPAN:
        number, whole = divmod(whole, seconds)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


def about(duration: timedelta) -> str:
    """The same for people: to the second at most, and of two units only."""
    seconds = round(duration.total_seconds())
    if seconds < 0:
        return f"-{about(-duration)}"
    for (unit, size), (small, part) in pairwise(_SPAN):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size}{unit}" + (f" {rest}{small}" if rest else "")
    return f"{seconds}s"


def quantile_text(share: float) -> str:
    """`p50`, `p99.9`: the percentile of a share."""
    return f"p{(Decimal(repr(share)) * 100).normalize():f}"
