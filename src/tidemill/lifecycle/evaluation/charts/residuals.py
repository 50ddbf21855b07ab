"""Charts of a regression: errors and right answers over predictions. Rows as a cloud, all of them as bands."""

from __future__ import annotations

import numpy as np

from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.charts.numerals import MINUS, number
from tidemill.lifecycle.evaluation.charts.paper import Chart, Plane, colour, dots, headed, legend, line, route
from tidemill.lifecycle.evaluation.charts.thinning import sampled, told
from tidemill.lifecycle.evaluation.columns import Floats
from tidemill.lifecycle.evaluation.metrics_numbers import mae, r2, rmse
from tidemill.lifecycle.evaluation.problems import Problem

_GROUPS = 20
_LEAST_ROWS = 25
_HEIGHT = 320.0


def residuals_chart(answers: Answers, target: str = "") -> Chart | None:
    """Right minus predicted over predicted; None for answers that are no numbers."""
    if answers.problem is not Problem.REGRESSION or not len(answers):
        return None
    x, y = answers.predicted, answers.truth - answers.predicted
    plane = Plane(_span(x), _span(np.append(y, 0.0)), height=_HEIGHT)
    parts = [
        plane.axes(f"predicted {target}".strip(), f"residual (true {MINUS} predicted {target})".replace(" )", ")"))
    ]
    drawn = sampled(np.abs(y))
    parts += dots(plane.across(x[drawn]), plane.up(y[drawn]), colour(0))
    zero = float(plane.up(0.0))
    parts.append(line(plane.left, zero, plane.right, zero, "guide"))
    middle, entries = _bands(plane, x, y)
    parts.append(middle)
    spread = rmse(answers)
    mean = float(y.mean()) if abs(float(y.mean())) > 1e-6 * spread else 0.0
    said = f"mean {number(mean)}, RMSE {number(spread)}, MAE {number(mae(answers))}"
    left_out = told(len(drawn), len(x))
    rows = left_out or f"{number(len(x))} rows"
    body = headed("Residuals", said, rows) + "".join(parts) + entries
    words = f"Residuals over predictions: {said}. {rows}. Lines: median and 10 to 90 % of all rows."
    return Chart("residuals", "Residuals", words, body, plane.sheet, left_out)


def predicted_chart(answers: Answers, target: str = "") -> Chart | None:
    """Right over predicted, both on the same scale; None for answers that are no numbers."""
    if answers.problem is not Problem.REGRESSION or not len(answers):
        return None
    x, y = answers.predicted, answers.truth
    both = _span(np.concatenate([x, y]))
    plane = Plane(both, both, height=_HEIGHT)
    parts = [plane.axes(f"predicted {target}".strip(), f"true {target}".strip())]
    drawn = sampled(np.abs(y - x))
    parts += dots(plane.across(x[drawn]), plane.up(y[drawn]), colour(0))
    parts.append(line(plane.left, plane.bottom, plane.right, plane.top, "guide"))
    middle, entries = _bands(plane, x, y)
    parts.append(middle)
    explained = r2(answers)
    said = "all true values are the same" if np.isnan(explained) else f"R² {explained:.3f}"
    left_out = told(len(drawn), len(x))
    rows = left_out or f"{number(len(x))} rows"
    body = headed("True and predicted", f"{said}; dashed: predicted = true", rows) + "".join(parts) + entries
    words = f"True over predicted values: {said}. {rows}. Lines: median and 10 to 90 % of all rows."
    return Chart("predicted", "True and predicted", words, body, plane.sheet, left_out)


def _span(values: Floats) -> tuple[float, float]:
    """From least to most with a little room; never of no width."""
    low, high = float(values.min()), float(values.max())
    largest = max(abs(low), abs(high))
    room = 0.04 * (high - low) if high - low > 1e-5 * largest else 0.05 * largest or 1.0
    return low - room, high + room


def _bands(plane: Plane, x: Floats, y: Floats) -> tuple[str, str]:
    """Median and the middle 80 % of groups of equally many rows, by prediction; nothing where rows are few."""
    groups = min(_GROUPS, len(x) // _LEAST_ROWS)
    if groups < 4 or x.min() == x.max():
        return "", ""
    parts = np.array_split(np.argsort(x, kind="stable"), groups)
    centres = plane.across([float(np.median(x[part])) for part in parts])
    low, middle, high = (plane.up(row) for row in np.array([np.quantile(y[part], (0.1, 0.5, 0.9)) for part in parts]).T)
    stroke = colour(1)
    drawn = f'<path class="curve" stroke="{stroke}" d="{route(centres, middle)}"/>'
    for edge in (low, high):
        drawn += f'<path class="curve" style="stroke-width:1" stroke="{stroke}" d="{route(centres, edge)}"/>'
    return drawn, legend([(stroke, "median, 10 and 90 % of all rows")], plane.right, 28)
