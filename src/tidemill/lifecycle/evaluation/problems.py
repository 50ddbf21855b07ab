"""What is asked of a model: a number, one of two classes, one of several. Knows values, never a library."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

from tidemill.core.errors import InputError, did_you_mean
from tidemill.lifecycle.evaluation.columns import column_of, distinct

MOST_CLASSES = 20
"""Whole numbers of more different values than this are taken for quantities, not for classes."""


class Problem(Enum):
    """What a model answers."""

    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"

    @property
    def classifies(self) -> bool:
        return self is not Problem.REGRESSION


class BadProblem(InputError):
    """The problem is not one there is, or cannot be told from the data."""

    code = "bad-problem"


def problem_named(name: str | Problem) -> Problem:
    """The problem of that name. Raises BadProblem for any other word."""
    if isinstance(name, Problem):
        return name
    try:
        return Problem(name)
    except ValueError:
        known = [one.value for one in Problem]
        raise BadProblem(
            f"{name!r} is no kind of problem",
            remedy=did_you_mean(name, known) or f"one of {', '.join(known)}, or auto",
        ) from None


def infer_problem(truth: Any) -> Problem:
    """The problem that the right answers speak of; nulls are not looked at.

    Texts, booleans and categories are classes: two or fewer make it binary. Numbers are classes if they are whole and
    either 0 and 1, two values at all, or at most 20 different ones that each stand for ten rows on average; all else is
    regression. Raises BadProblem if there is no value at all.
    """
    column = column_of(truth)
    values = column.values[~column.nulls]
    if not len(values):
        raise BadProblem(
            "the kind of problem cannot be told: there is no value in the target",
            remedy="give problem='binary', 'multiclass' or 'regression', and rows whose target is known",
        )
    if values.dtype.kind in "mM":
        raise BadProblem(
            "the target holds dates or times, and those are neither classes nor quantities",
            remedy="turn it into a number first, such as the days from a date",
        )
    if values.dtype.kind == "f" and not np.all(values == np.floor(values)):
        return Problem.REGRESSION
    found = distinct(values)
    if values.dtype.kind in "ObU":
        return Problem.BINARY if len(found) <= 2 else Problem.MULTICLASS
    numbers = np.asarray(found, dtype=float)
    if not np.all(np.isfinite(numbers)):
        return Problem.REGRESSION
    if set(numbers) <= {0.0, 1.0} or (len(numbers) == 2 and len(values) > 2):
        return Problem.BINARY
    if 2 < len(numbers) <= MOST_CLASSES and len(values) >= 10 * len(numbers):
        return Problem.MULTICLASS
    return Problem.REGRESSION


def problem_of(asked: str | Problem, truth: Any, model: Any = None) -> Problem:
    """The problem asked for; for "auto" what the model says of itself (its `classes_`), else what the truth says."""
    if asked != "auto":
        return problem_named(asked)
    classes = getattr(model, "classes_", None)
    if classes is not None and not isinstance(classes, list):
        return Problem.BINARY if len(classes) <= 2 else Problem.MULTICLASS
    return Problem.REGRESSION if _is_regressor(model) else infer_problem(truth)


def _is_regressor(model: Any) -> bool:
    tags = getattr(model, "__sklearn_tags__", None)
    if tags is None:
        return bool(getattr(model, "_estimator_type", "") == "regressor")
    try:
        return bool(tags().estimator_type == "regressor")
    except AttributeError:  # a class that follows another version of the convention
        return False
