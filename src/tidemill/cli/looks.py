"""How things look on a terminal: marks and colours of states, durations, sizes, moments, and text made harmless.

Pure; everything from outside goes through `printable` before it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]")
_COLORED = re.compile(r"\x1b\[[0-9;]*m")

STYLES: Mapping[str, str] = MappingProxyType(
    {
        "queued": "dim",
        "pending": "dim",
        "ready": "cyan",
        "started": "cyan",
        "running": "cyan",
        "retrying": "yellow",
        "suspended": "magenta",
        "cancelling": "yellow",
        "succeeded": "green",
        "failed": "red",
        "upstream_failed": "red",
        "lost": "red",
        "skipped": "dim",
        "cancelled": "yellow",
        "removed": "dim",
        "run": "cyan",
        "reuse": "green",
        "skip": "dim",
        "map": "cyan",
        "enter": "cyan",
        "wait": "magenta",
        "fail": "red",
        "undecided": "yellow",
    }
)
MARKS: Mapping[str, str] = MappingProxyType(
    {
        "succeeded": "✓",
        "failed": "✗",
        "upstream_failed": "✗",
        "lost": "✗",
        "running": "●",
        "started": "●",
        "retrying": "↻",
        "suspended": "…",
        "skipped": "\u2013",
        "cancelled": "■",
        "cancelling": "■",
        "removed": "\u2013",
    }
)
WAITING = "○"
TIMES = "\u00d7"
_ASCII = str.maketrans(
    {
        "✓": "+",
        "✗": "x",
        "●": "*",
        "↻": "r",
        "…": "~",
        "\u2013": "-",
        "■": "#",
        "○": ".",
        "\u00d7": "x",
        "→": ">",
        "│": "|",
        "├": "|",
        "└": "`",
        "─": "-",
    }
)


def word(state: Enum | str) -> str:
    """A state as people read it."""
    value = state if isinstance(state, str) else str(state.value)
    return value.replace("_", " ")


def mark(state: Enum | str) -> str:
    return MARKS.get(state if isinstance(state, str) else str(state.value), WAITING)


def style(state: Enum | str) -> str:
    return STYLES.get(state if isinstance(state, str) else str(state.value), "")


def plain_marks(text: str, encoding: str | None) -> str:
    """The text with marks that the encoding of the terminal has; what else it has not is shown by its number."""
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError) as error:
        known = "ascii" if encoding is None or isinstance(error, LookupError) else encoding
        return text.translate(_ASCII).encode(known, "backslashreplace").decode(known)
    return text


def printable(text: str, colors: bool = False) -> str:
    """The text without anything that steers a terminal; `colors` lets colours through."""
    if colors:
        parts = re.split(f"({_COLORED.pattern})", text)
        return "".join(part if _COLORED.fullmatch(part) else printable(part) for part in parts)
    return _CONTROLS.sub(lambda found: "    " if found[0] == "\t" else f"\\x{ord(found[0]):02x}", text)


def last_shown(text: str) -> str:
    """What a line that was written over with carriage returns shows in the end."""
    return next((part for part in reversed(text.split("\r")) if part), "")


def duration(seconds: float | None) -> str:
    """`8ms`, `0.3s`, `12s`, `3m 05s`, `2h 04m`, `3d 04h`; "" for None."""
    if seconds is None:
        return ""
    if seconds < 0.0995:
        return f"{max(round(seconds * 1000), 0)}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02}h"


def between(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds from start to end, or None if there is no start or no end."""
    return None if start is None or end is None else (end - start).total_seconds()


def size(count: int) -> str:
    """Bytes for people: `812 B`, `4.1 MB`; "" for none."""
    if count <= 0:
        return ""
    amount, units = float(count), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while amount >= 999.5 and unit != "TB":
        amount, unit = amount / 1000, next(units)
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"


def moment(at: datetime | None) -> str:
    """Local date and time to the second with its zone; "" for None."""
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def day_and_time(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def iso(at: datetime | None) -> str | None:
    """UTC text for JSON."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def bar(done: int, total: int, width: int = 5) -> str:
    """`[###--]`, full only when everything is done."""
    full = width if total and done >= total else min(width - 1, width * done // total) if total else 0
    return "[" + "#" * full + "-" * (width - full) + "]"


def cut(text: str, width: int) -> str:
    """The text in one line of at most `width` characters."""
    text = " ".join(text.split())
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
