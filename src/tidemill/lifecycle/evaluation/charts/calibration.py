"""Calibration: whether what is said to be 80 % comes true in 80 % of cases, with how many rows speak for it."""

from __future__ import annotations

import numpy as np

from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.charts.numerals import count, number
from tidemill.lifecycle.evaluation.charts.paper import WIDTH, Chart, Plane, colour, headed, line, route, shortened, text
from tidemill.lifecycle.evaluation.metrics_scores import BINS, bins_of, ece
from tidemill.lifecycle.evaluation.problems import Problem
from tidemill.statistics.intervals import wilson

_STRIP = 54.0
_GAP = 30.0


def calibration_chart(answers: Answers) -> Chart | None:
    """None where there are no probabilities. Of several classes it is the probability of the class predicted."""
    if not answers.probabilities or answers.scores is None or not len(answers):
        return None
    plane = Plane((0.0, 1.0), (0.0, 1.0), height=270.0)
    bins = bins_of(answers)
    binary = answers.problem is Problem.BINARY
    of = shortened(answers.positive, 24) if binary else "the class predicted"
    parts = [plane.axes("", "share that came true", x_marks=False)]
    parts.append(line(plane.left, plane.bottom, plane.right, plane.top, "guide"))
    there = np.flatnonzero(bins.rows)
    x, y = plane.across(bins.believed[there]), plane.up(bins.happened[there])
    for place, at, height in zip(there.tolist(), x.tolist(), y.tolist(), strict=True):
        rows = int(bins.rows[place])
        between = wilson(round(bins.happened[place] * rows), rows)
        low, high = float(plane.up(between.low)), float(plane.up(between.high))
        stroke = f' stroke="{colour(0)}"'
        parts.append(f'<path class="bar"{stroke} d="M{at:.1f} {low:.1f}V{high:.1f}M{at - 3:.1f} {low:.1f}h6')
        parts.append(f'M{at - 3:.1f} {high:.1f}h6"/>')
        told = f"{number(rows)} rows: {bins.believed[place]:.3f} said, {bins.happened[place]:.3f} came true"
        parts.append(
            f'<circle cx="{at:.1f}" cy="{height:.1f}" r="3.5" fill="{colour(0)}"><title>{told}</title></circle>'
        )
    parts.append(f'<path class="curve" stroke="{colour(0)}" stroke-opacity=".35" d="{route(x, y)}"/>')
    strip = _rows_strip(bins.rows, plane.bottom + _GAP)
    told = f"calibration error {ece(answers):.3f} over {BINS} bins; bars are 95 % intervals"
    rows_told = f"{number(len(answers))} rows; dashed: what is said comes true"
    words = f"Calibration of the probability of {of}: {told}. {rows_told}."
    body = headed("Calibration", told, rows_told) + "".join(parts) + strip[0]
    body += strip[1].lower_axis(f"probability of {of}")
    return Chart("calibration", "Calibration", words, body, strip[1].sheet)


def _rows_strip(rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]], top: float) -> tuple[str, Plane]:
    """How many rows each bin holds, below the chart and on the same axis."""
    most = int(rows.max())
    plane = Plane((0.0, 1.0), (0.0, max(most, 1)), top=top, height=_STRIP)
    parts = [line(plane.left, plane.bottom, plane.right, plane.bottom, "axis")]
    wide = plane.width / len(rows)
    for place, many in enumerate(rows.tolist()):
        left, y = plane.left + place * wide, float(plane.up(many))
        if many:
            size = f'width="{wide - 4:.1f}" height="{max(plane.bottom - y, 0.8):.1f}"'
            parts.append(f'<rect x="{left + 2:.1f}" y="{y:.1f}" {size} fill="{colour(7)}" fill-opacity=".5"/>')
        parts.append(text(left + wide / 2, y - 4, count(many), "tick", ' text-anchor="middle"'))
    middle = plane.top + _STRIP / 2
    parts.append(text(15, middle, "rows", "soft", f' text-anchor="middle" transform="rotate(-90 15 {middle:.1f})"'))
    assert plane.right < WIDTH
    return "".join(parts), plane
