"""Fewer points that look the same: lines without what nobody would see, clouds as a sample with its extremes. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tidemill.lifecycle.evaluation.columns import Codes, Floats

TOLERANCE = 0.35
"""Units of the sheet that a thinned line may lie beside the true one; its stroke is five times as wide."""

AMONG_MANY = 0.8
"""The same where several lines share a chart."""

CLOUD = 1600
"""Points of a cloud, at most."""

EXTREMES = 20
"""How many of these are the points that lie furthest out."""

_SEED = 20


def thinned_line(x: Floats, y: Floats, tolerance: float = TOLERANCE) -> NDArray[np.bool_]:
    """Which points of a line to keep (Ramer 1972, Douglas and Peucker 1973), its ends among them."""
    near = _apart(x, y)
    keep = np.zeros(len(near), dtype=bool)
    keep[[0, -1]] = True
    spans = [(0, len(near) - 1)]
    px, py = x[near], y[near]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        dx, dy = px[last] - px[first], py[last] - py[first]
        length = float(np.hypot(dx, dy))
        inner_x, inner_y = px[first + 1 : last] - px[first], py[first + 1 : last] - py[first]
        far = np.abs(inner_x * dy - inner_y * dx) / length if length else np.hypot(inner_x, inner_y)
        furthest = int(far.argmax())
        if far[furthest] > tolerance:
            middle = first + 1 + furthest
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    found = np.zeros(len(x), dtype=bool)
    found[near[keep]] = True
    return found


def _apart(x: Floats, y: Floats) -> Codes:
    """The points that are not in the same tenth of a unit as the one before; the last one always."""
    if len(x) <= 2:
        return np.arange(len(x))
    moved = (np.diff(np.rint(x * 10)) != 0) | (np.diff(np.rint(y * 10)) != 0)
    kept = np.append(0, np.flatnonzero(moved) + 1)
    return kept if kept[-1] == len(x) - 1 else np.append(kept, len(x) - 1)


def sampled(distance: Floats, most: int = CLOUD) -> Codes:
    """Which points of a cloud to draw: all, or a fixed random sample and those with the largest distance."""
    many = len(distance)
    if many <= most:
        return np.arange(many)
    extremes = np.argpartition(-distance, EXTREMES)[:EXTREMES]
    chosen = np.random.default_rng(_SEED).choice(many, most - EXTREMES, replace=False)
    return np.unique(np.concatenate([chosen, extremes]))


def told(drawn: int, many: int) -> str:
    """What a chart must say when it does not draw every row; "" if it does."""
    return "" if drawn == many else f"{drawn:,} of {many:,} rows drawn, the {EXTREMES} largest errors among them"
