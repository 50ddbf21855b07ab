"""Durations as people write them: seconds, `1h30m`, `2 days`, `01:30:00`, or ISO 8601 such as `PT1H30M`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "w": 604800.0,
    "week": 604800.0,
}
_NUMBER = r"\d+(?:\.\d+)?"
_WORDS = re.compile(rf"\s*({_NUMBER})\s*([a-z]+)[\s,]*", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+) days?, )?(\d+):([0-5]\d):([0-5]\d(?:\.\d+)?)")
_ISO = re.compile(
    rf"P(?:({_NUMBER})W)?(?:({_NUMBER})D)?(?:T(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?", re.IGNORECASE
)


def parse_duration(text: str) -> timedelta:
    """The duration a text names; a bare number is seconds. Raises ValueError for anything else."""
    bare = text.strip()
    sign, bare = (-1, bare[1:].lstrip()) if bare.startswith("-") else (1, bare)
    seconds = _seconds(bare)
    if seconds is None:
        raise ValueError(f"{text!r} is not a duration; write seconds, or such as '90s', '1h30m', '2 days' or 'PT1H30M'")
    try:
        return timedelta(seconds=sign * seconds)
    except OverflowError:
        raise ValueError(f"the duration {text!r} is too long") from None


def as_duration(value: object) -> timedelta:
    """A duration from a timedelta, a number of seconds, or a text. Raises ValueError for anything else."""
    match value:
        case timedelta():
            return value
        case int() | float() if not isinstance(value, bool):
            try:
                return timedelta(seconds=value)
            except (OverflowError, ValueError):
                raise ValueError(f"{value!r} is not a number of seconds that can be told") from None
        case str():
            return parse_duration(value)
    raise ValueError(f"{value!r} is not a duration; give seconds or a timedelta")


def _seconds(text: str) -> float | None:
    if re.fullmatch(_NUMBER, text):
        return float(text)
    if match := _CLOCK.fullmatch(text):
        days, hours, minutes, seconds = match.groups(default="0")
        return int(days) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if (match := _ISO.fullmatch(text)) and any(match.groups()):
        parts = (float(part) for part in match.groups(default="0"))
        return sum(part * unit for part, unit in zip(parts, (604800, 86400, 3600, 60, 1), strict=True))
    return _seconds_in_words(text)


def _seconds_in_words(text: str) -> float | None:
    total, at = 0.0, 0
    while at < len(text):
        match = _WORDS.match(text, at)
        unit = match[2].lower() if match else ""
        scale = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if match is None or scale is None:
            return None
        total += float(match[1]) * scale
        at = match.end()
    return total if text else None
