"""Metrics of scores and probabilities, and the steps that charts draw. Equal to scikit-learn's where defined."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.columns import Floats, Mask
from tidemill.lifecycle.evaluation.problems import Problem

BINS = 10
"""Bins of equal width, for the calibration error and its chart."""

_LEAST = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """What each threshold catches, from the highest score down: counts of true and false positives, once a score."""

    true: Floats
    false: Floats
    thresholds: Floats
    positives: float
    negatives: float


def steps_of(positive: Mask, score: Floats) -> Steps:
    """One step for each different score: rows with the same score cannot be told apart by any threshold."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    caught = np.cumsum(positive[order], dtype=np.float64)
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    true = caught[last]
    total = float(caught[-1])
    return Steps(true, last + 1.0 - true, ranked[last], total, len(ranked) - total)


def sides_of(answers: Answers) -> list[tuple[Mask, Floats]]:
    """(is it of this class, its score) for the positive class, or for every class against the rest."""
    table = answers.scores
    assert table is not None
    if answers.problem is Problem.BINARY:
        return [(np.asarray(answers.truth == 1), table[:, 1])]
    return [(np.asarray(answers.truth == place), table[:, place]) for place in range(len(answers.classes))]


def auc_of(positive: Mask, score: Floats) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney, ties half); NaN if one side is empty."""
    steps = steps_of(positive, score)
    if not steps.positives or not steps.negatives:
        return math.nan
    true = np.concatenate(([0.0], steps.true))
    area = float(np.sum(np.diff(steps.false, prepend=0.0) * (true[1:] + true[:-1]))) / 2.0
    return area / (steps.positives * steps.negatives)


def average_precision_of(positive: Mask, score: Floats) -> float:
    steps = steps_of(positive, score)
    if not steps.positives:
        return math.nan
    gains = np.diff(steps.true, prepend=0.0) / steps.positives
    return float(gains @ (steps.true / (steps.true + steps.false)))


def roc_auc(answers: Answers) -> float:
    return float(np.mean([auc_of(positive, score) for positive, score in sides_of(answers)]))


def pr_auc(answers: Answers) -> float:
    if answers.problem is Problem.BINARY and np.all(answers.truth == 1):
        return math.nan
    return float(np.mean([average_precision_of(positive, score) for positive, score in sides_of(answers)]))


def recall_at_precision(least: float, answers: Answers) -> float:
    """The largest recall of a threshold whose precision is at least `least`; 0 if there is none."""
    (positive, score), *_ = sides_of(answers)
    steps = steps_of(positive, score)
    if not steps.positives:
        return math.nan
    # Compared as counts, so that 9 of 10 is 90 % whatever binary fractions make of it.
    good = steps.true >= least * (steps.true + steps.false) - 1e-9
    return float(steps.true[good].max(initial=0.0)) / steps.positives


def precision_at_recall(least: float, answers: Answers) -> float:
    """The largest precision of a threshold whose recall is at least `least`."""
    (positive, score), *_ = sides_of(answers)
    steps = steps_of(positive, score)
    if not steps.positives:
        return math.nan
    good = steps.true >= least * steps.positives - 1e-9
    return float((steps.true[good] / (steps.true[good] + steps.false[good])).max())


def _right_probabilities(answers: Answers) -> Floats:
    table = answers.scores
    assert table is not None
    return np.asarray(table[np.arange(len(answers)), answers.truth])


def log_losses(answers: Answers) -> Floats:
    return np.asarray(-np.log(np.clip(_right_probabilities(answers), _LEAST, 1.0 - _LEAST)))


def log_loss(answers: Answers) -> float:
    return float(log_losses(answers).mean())


def squared_distances(answers: Answers) -> Floats:
    """(p - y)² of the positive class; of several classes the sum over them, which is at most 2."""
    table = answers.scores
    assert table is not None
    if answers.problem is Problem.BINARY:
        return np.asarray(np.square(table[:, 1] - answers.truth))
    # sum (p_k - y_k)^2 = sum p_k^2 - 2 p_right + 1
    return np.asarray((table * table).sum(axis=1) - 2.0 * _right_probabilities(answers) + 1.0)


def brier(answers: Answers) -> float:
    return float(squared_distances(answers).mean())


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """For each of the bins of equal width: rows, their mean probability, and the share of them that came true."""

    rows: NDArray[np.int64]
    believed: Floats
    happened: Floats


def beliefs(answers: Answers) -> tuple[Floats, Mask]:
    """(probability, did it come true): of the positive class, or of the class that was predicted."""
    table = answers.scores
    assert table is not None
    if answers.problem is Problem.BINARY:
        return table[:, 1], np.asarray(answers.truth == 1)
    return np.asarray(table[np.arange(len(answers)), answers.predicted]), np.asarray(answers.truth == answers.predicted)


def bins_of(answers: Answers, bins: int = BINS) -> Bins:
    """Bins are closed below and open above, the last is closed; NaN where a bin is empty."""
    believed, true = beliefs(answers)
    place = np.minimum((believed * bins).astype(np.intp), bins - 1)
    rows = np.bincount(place, minlength=bins)
    with_none: Any = np.where(rows > 0, rows, np.nan)
    return Bins(
        rows.astype(np.int64),
        np.bincount(place, weights=believed, minlength=bins) / with_none,
        np.bincount(place, weights=true, minlength=bins) / with_none,
    )


def ece(answers: Answers) -> float:
    """Naeini et al. (2015): the mean distance between what was believed and what happened, over rows."""
    bins = bins_of(answers)
    there = bins.rows > 0
    gaps = np.abs(bins.believed[there] - bins.happened[there])
    return float((gaps * bins.rows[there]).sum() / bins.rows.sum())
