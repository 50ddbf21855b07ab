"""Metrics of predicted classes: arithmetic on the confusion matrix. Equal to scikit-learn's wherever those are defined.

Of binary answers precision, recall and F1 speak of the positive class; of several classes they are the plain mean.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.columns import Floats
from tidemill.lifecycle.evaluation.problems import Problem


def confusion(answers: Answers) -> NDArray[np.int64]:
    """(k, k) counts: a row for each true class, a column for each predicted one, in the order of `classes`."""
    many = len(answers.classes)
    counts = np.bincount(answers.truth * many + answers.predicted, minlength=many * many)
    return np.asarray(counts.reshape(many, many), dtype=np.int64)


def hits(answers: Answers) -> Floats:
    return np.asarray(answers.truth == answers.predicted, dtype=np.float64)


def accuracy(answers: Answers) -> float:
    return float(np.count_nonzero(answers.truth == answers.predicted)) / len(answers)


def balanced_accuracy(answers: Answers) -> float:
    """Over the classes that the truth holds; NaN if that is one."""
    counts = confusion(answers)
    rows = counts.sum(axis=1)
    there = rows > 0
    if np.count_nonzero(there) < 2:
        return math.nan
    return float((counts.diagonal()[there] / rows[there]).mean())


def _counts(answers: Answers) -> tuple[Floats, Floats, Floats]:
    """For each class: right, predicted, true."""
    counts = confusion(answers)
    return (
        counts.diagonal().astype(np.float64),
        counts.sum(axis=0).astype(np.float64),
        counts.sum(axis=1).astype(np.float64),
    )


def _share(part: Any, whole: Any) -> float:
    return float(part) / float(whole) if whole else math.nan


def _mean_share(part: Floats, whole: Floats, there: NDArray[np.bool_]) -> float:
    """The mean over classes that are true or predicted; one that has no share counts as 0, as in scikit-learn: a model
    must not gain by never answering a class.
    """
    shares = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return float(shares[there].mean())


def precision(answers: Answers) -> float:
    right, predicted, true = _counts(answers)
    if answers.problem is Problem.BINARY:
        return _share(right[1], predicted[1])
    return _mean_share(right, predicted, (predicted + true) > 0)


def recall(answers: Answers) -> float:
    right, predicted, true = _counts(answers)
    if answers.problem is Problem.BINARY:
        return _share(right[1], true[1])
    return _mean_share(right, true, (predicted + true) > 0)


def specificity(answers: Answers) -> float:
    right, _, true = _counts(answers)
    return _share(right[0], true[0])


def f1(answers: Answers) -> float:
    right, predicted, true = _counts(answers)
    if answers.problem is Problem.BINARY:
        return _share(2 * right[1], predicted[1] + true[1])
    return _mean_share(2 * right, predicted + true, (predicted + true) > 0)


def macro_f1(answers: Answers) -> float:
    right, predicted, true = _counts(answers)
    return _mean_share(2 * right, predicted + true, (predicted + true) > 0)


def weighted_f1(answers: Answers) -> float:
    right, predicted, true = _counts(answers)
    both = predicted + true
    each = np.divide(2 * right, both, out=np.zeros_like(right), where=both > 0)
    return float((each * true).sum() / true.sum())


def mcc(answers: Answers) -> float:
    """Gorodkin (2004) for any number of classes; NaN if truth or predictions are all of one class."""
    right, predicted, true = _counts(answers)
    rows = float(len(answers))
    covariance = float(right.sum()) * rows - float(true @ predicted)
    spread = (rows * rows - float(predicted @ predicted)) * (rows * rows - float(true @ true))
    return covariance / math.sqrt(spread) if spread > 0 else math.nan
