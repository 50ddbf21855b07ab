"""ROC and precision-recall curves: one for a binary problem, one against the rest for each of several classes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.charts.numerals import number, percent
from tidemill.lifecycle.evaluation.charts.paper import (
    COLOURS,
    Chart,
    Plane,
    colour,
    headed,
    legend,
    line,
    route,
    shortened,
    text,
)
from tidemill.lifecycle.evaluation.charts.thinning import AMONG_MANY, TOLERANCE, thinned_line
from tidemill.lifecycle.evaluation.columns import Floats, Mask
from tidemill.lifecycle.evaluation.metrics_scores import auc_of, average_precision_of, sides_of, steps_of
from tidemill.lifecycle.evaluation.problems import Problem
from tidemill.statistics.delong import auc

_SHARES = ((0.0, 1.0), (0.0, 1.0))


@dataclass(frozen=True, slots=True)
class _Side:
    """A class against the rest; `place` is that of its colour."""

    name: str
    place: int
    positive: Mask
    score: Floats


def roc_chart(answers: Answers) -> Chart | None:
    """None where no class has rows on both sides, or there are no scores."""
    sides = _drawable(answers)
    if not sides:
        return None
    plane = Plane(*_SHARES)
    parts = [plane.axes("false positive rate (share of negatives)", "true positive rate (share of positives)")]
    parts.append(line(plane.left, plane.bottom, plane.right, plane.top, "guide"))
    entries = []
    points = 0
    for side in sides:
        steps = steps_of(side.positive, side.score)
        x = plane.across(np.concatenate(([0.0], steps.false / steps.negatives)))
        y = plane.up(np.concatenate(([0.0], steps.true / steps.positives)))
        points += len(x)
        parts.append(_curve(x, y, side.place, len(sides)))
        entries.append((colour(side.place), f"{side.name}  {auc_of(side.positive, side.score):.3f}"))
    if answers.problem is Problem.BINARY:
        told, rows = _auc_told(sides[0]), _rows_told(answers)
        foot = text(plane.right - 8, plane.bottom - 10, "dashed: a coin", "small soft halo", ' text-anchor="end"')
    else:
        areas = [auc_of(side.positive, side.score) for side in sides]
        told = f"AUC {np.mean(areas):.3f}, mean of {_classes_told(answers, sides)}"
        rows = f"{len(answers):,} rows; each class against the rest; dashed: a coin"
        foot = legend(entries, plane.right - 8, plane.bottom - 12)
    words = f"ROC curve: {told}. {rows}."
    drawn = f"Lines are drawn with fewer points than the {points:,} there are, none of them visibly beside."
    body = headed("ROC curve", told, rows) + "".join(parts) + foot
    return Chart("roc", "ROC curve", words, body, plane.sheet, drawn)


def pr_chart(answers: Answers) -> Chart | None:
    """None where no class has rows on both sides, or there are no scores."""
    sides = _drawable(answers)
    if not sides:
        return None
    plane = Plane(*_SHARES)
    parts = [plane.axes("recall (share of positives found)", "precision (share of found that are positive)")]
    entries = []
    points = 0
    for side in sides:
        x, y = _pr_places(side, plane)
        points += len(x)
        parts.append(_curve(x, y, side.place, len(sides)))
        entries.append((colour(side.place), f"{side.name}  {average_precision_of(side.positive, side.score):.3f}"))
    foot = ""
    if answers.problem is Problem.BINARY:
        (side,) = sides
        base = float(side.positive.mean())
        height = float(plane.up(base))
        parts.append(line(plane.left, height, plane.right, height, "guide"))
        above = height - 6 if height > plane.top + 20 else height + 15
        foot = text(plane.left + 8, above, f"base rate {percent(base)}", "small soft halo")
        told = f"average precision {average_precision_of(side.positive, side.score):.3f}, base rate {percent(base)}"
        rows = _rows_told(answers)
    else:
        areas = [average_precision_of(side.positive, side.score) for side in sides]
        told = f"average precision {np.mean(areas):.3f}, mean of {_classes_told(answers, sides)}"
        rows = f"{len(answers):,} rows; each class against the rest"
        foot = legend(entries, plane.left + 172, plane.bottom - 12)
    words = f"Precision-recall curve: {told}. {rows}."
    drawn = f"Lines are drawn with fewer points than the {points:,} there are, none of them visibly beside."
    body = headed("Precision and recall", told, rows) + "".join(parts) + foot
    return Chart("pr", "Precision and recall", words, body, plane.sheet, drawn)


def _pr_places(side: _Side, plane: Plane) -> tuple[Floats, Floats]:
    """A staircase: between two thresholds nothing is known, and average precision is the area below it."""
    steps = steps_of(side.positive, side.score)
    recall = steps.true / steps.positives
    precision = steps.true / (steps.true + steps.false)
    x = np.concatenate(([0.0], np.repeat(recall, 2)[:-1]))
    return plane.across(x), plane.up(np.repeat(precision, 2)[: len(x)])


def _curve(x: Floats, y: Floats, place: int, lines: int) -> str:
    kept = thinned_line(x, y, TOLERANCE if lines == 1 else AMONG_MANY)
    return f'<path class="curve" stroke="{colour(place)}" d="{route(x[kept], y[kept])}"/>'


def _drawable(answers: Answers) -> list[_Side]:
    """The sides that have both positives and negatives; of many classes those with most rows."""
    if answers.scores is None or not len(answers):
        return []
    every = sides_of(answers)
    names = [answers.positive] if answers.problem is Problem.BINARY else list(answers.classes)
    ranked = sorted(range(len(every)), key=lambda place: (-int(every[place][0].sum()), place))
    chosen = sorted(place for place in ranked[:COLOURS] if 0 < int(every[place][0].sum()) < len(answers))
    return [_Side(shortened(names[place], 18), at, *every[place]) for at, place in enumerate(chosen)]


def _auc_told(side: _Side) -> str:
    area = auc_of(side.positive, side.score)
    if min(int(side.positive.sum()), int((~side.positive).sum())) < 2:
        return f"AUC {area:.3f}"
    between = auc(side.positive, side.score).interval()
    if not math.isfinite(between.low) or between.low == between.high:
        return f"AUC {area:.3f}"
    return f"AUC {area:.3f} (95 % interval {between.low:.3f} to {between.high:.3f})"


def _rows_told(answers: Answers) -> str:
    positive = int((answers.truth == 1).sum())
    return f"{number(len(answers))} rows, {number(positive)} of them {shortened(answers.positive, 30)}"


def _classes_told(answers: Answers, sides: list[_Side]) -> str:
    if len(sides) == len(answers.classes):
        return f"{len(sides)} classes"
    return f"the {len(sides)} most frequent of {len(answers.classes)} classes"
