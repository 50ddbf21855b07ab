"""Metrics of regression: arithmetic on numbers. Equal to scikit-learn's wherever those are defined."""

from __future__ import annotations

import math

import numpy as np

from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.columns import Floats


def absolute_errors(answers: Answers) -> Floats:
    return np.asarray(np.abs(answers.truth - answers.predicted))


def squared_errors(answers: Answers) -> Floats:
    return np.asarray(np.square(answers.truth - answers.predicted))


def relative_errors(answers: Answers) -> Floats:
    """NaN for every row if any right answer is 0: a mean over the others would be of other rows."""
    if not answers.truth.all():
        return np.full(len(answers), math.nan)
    return np.asarray(np.abs(answers.truth - answers.predicted) / np.abs(answers.truth))


def mae(answers: Answers) -> float:
    return float(absolute_errors(answers).mean())


def mse(answers: Answers) -> float:
    return float(squared_errors(answers).mean())


def rmse(answers: Answers) -> float:
    return math.sqrt(mse(answers))


def r2(answers: Answers) -> float:
    """NaN if all right answers are the same: there is no variance to explain."""
    around = float(np.square(answers.truth - answers.truth.mean()).sum())
    if not around or answers.truth.min() == answers.truth.max():
        return math.nan
    return 1.0 - float(squared_errors(answers).sum()) / around


def mape(answers: Answers) -> float:
    return float(relative_errors(answers).mean())


def median_ae(answers: Answers) -> float:
    return float(np.median(absolute_errors(answers)))


def max_error(answers: Answers) -> float:
    return float(absolute_errors(answers).max())
