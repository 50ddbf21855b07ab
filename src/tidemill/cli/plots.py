"""Bars and clouds of points, in characters: every number that is drawn is also written. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tidemill.cli import looks
from tidemill.cli.values import number

_PARTS = " ▏▎▍▌▋▊▉█"
_HEIGHT = 12
_MANY = 9


@dataclass(frozen=True, slots=True)
class Marks:
    """What a plot is drawn with: `parts` fill a cell from the left, the last one whole."""

    parts: str
    point: str
    corner: str
    side: str
    floor: str
    best: str


FINE = Marks(_PARTS, "●", "└", "│", "─", "*")
PLAIN = Marks(" #", "o", "+", "|", "-", "*")


def marks_for(encoding: str | None) -> Marks:
    """The finest that the encoding of the terminal can say."""
    try:
        "".join((FINE.parts, FINE.point, FINE.corner, FINE.side, FINE.floor)).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return FINE


def bars(
    labels: Sequence[str],
    values: Sequence[float],
    best: frozenset[int],
    width: int,
    marks: Marks = FINE,
    there: Sequence[bool] = (),
) -> list[str]:
    """A line for each value. Bars begin at zero, or, where all values are close together, where the last line says.

    `there` tells which values there are at all, if not all of them: nan may be one.
    """
    known = [value for value in values if math.isfinite(value)]
    left = min(max((len(label) for label in labels), default=0), max(width // 3, 8))
    said = [number(value) if not there or there[n] else "none" for n, value in enumerate(values)]
    right = max((len(text) for text in said), default=0) + 2
    room = max(width - left - right - 3, 8)
    low, high = min([0.0, *known]), max([0.0, *known])
    note = ""
    if known and len(known) > 1 and (min(known) > 0 or max(known) < 0):
        spread = max(known) - min(known)
        if 0 < spread < 0.2 * max(abs(low), abs(high)):
            low, high = (min(known) - spread / 4, max(known)) if high > 0 else (min(known), max(known) + spread / 4)
            note = f"bars {'begin' if high > 0 else 'end'} at {number(low if high > 0 else high)}, not at 0"
    lines = []
    for n, (label, value) in enumerate(zip(labels, values, strict=True)):
        drawn = _bar(value, low, high, room, marks)
        star = f" {marks.best}" if n in best else "  "
        lines.append(f"{looks.cut(label, left).ljust(left)} {drawn} {said[n].rjust(right - 2)}{star}".rstrip())
    if note:
        lines.append(f"{' ' * left} {note}")
    return lines


def _bar(value: float, low: float, high: float, room: int, marks: Marks) -> str:
    if math.isnan(value):
        return " " * room
    if high <= low:
        return " " * room
    at = min(max(value, low), high)
    zero = min(max(0.0, low), high)
    first, last = sorted(((zero - low) / (high - low) * room, (at - low) / (high - low) * room))
    steps = len(marks.parts) - 1
    cells = []
    for cell in range(room):
        # Only the right end of a bar is finer than a cell: there are no characters that are filled from the right.
        covered = min(max(last - cell, 0.0), 1.0) if cell >= math.floor(first) else 0.0
        cells.append(marks.parts[round(covered * steps)])
    return "".join(cells)


def scatter(
    xs: Sequence[float],
    ys: Sequence[float],
    width: int,
    x_name: str,
    y_name: str,
    marks: Marks = FINE,
    height: int = _HEIGHT,
) -> list[str]:
    """Points in a frame with both scales; a digit stands for several in one place, 9 for 9 or more."""
    points = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and math.isfinite(y)]
    if not points:
        return ["there is no point to draw"]
    low_x, high_x = _limits([x for x, _ in points])
    low_y, high_y = _limits([y for _, y in points])
    top, bottom = number(high_y), number(low_y)
    left = max(len(top), len(bottom))
    across = max(min(width, 80) - left - 3, 10)
    grid = [[0] * across for _ in range(height)]
    for x, y in points:
        column = round((x - low_x) / (high_x - low_x) * (across - 1))
        row = round((high_y - y) / (high_y - low_y) * (height - 1))
        grid[row][column] += 1
    lines = [f"{' ' * left} {y_name}"]
    for n, row_cells in enumerate(grid):
        scale = top if n == 0 else bottom if n == height - 1 else ""
        drawn = "".join(" " if not many else marks.point if many == 1 else str(min(many, _MANY)) for many in row_cells)
        lines.append(f"{scale.rjust(left)} {marks.side}{drawn}".rstrip())
    lines.append(f"{' ' * left} {marks.corner}{marks.floor * across}")
    ends = number(low_x), number(high_x)
    lines.append(f"{' ' * left}  {ends[0]}{x_name.center(max(across - len(ends[0]) - len(ends[1]), 1))}{ends[1]}")
    return lines


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low == high:
        margin = abs(low) / 2 or 1.0
        return low - margin, high + margin
    return low, high
