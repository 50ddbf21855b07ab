"""A model is asked for predictions and scores, by the conventions of scikit-learn. Knows no particular library.

What a model answers is not trusted: `ask` says how many nulls there are, `answers` refuses them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tidemill.core.errors import InputError, did_you_mean
from tidemill.lifecycle.evaluation.answers import Answers, answers_of
from tidemill.lifecycle.evaluation.columns import column_of, plain_classes
from tidemill.lifecycle.evaluation.problems import Problem


class BadModel(InputError):
    """The object cannot be asked, or not about these rows."""

    code = "bad-model"


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a model said, unchecked: `predicted` as `predict` gave it, `scores` (n, k) or (n,) or None."""

    predicted: Any
    scores: Any
    classes: tuple[Any, ...]
    probabilities: bool

    @property
    def nulls(self) -> int:
        """The rows whose prediction or score is null."""
        missing = column_of(self.predicted).nulls
        if self.scores is not None:
            table = np.asarray(self.scores, dtype=float)
            missing = missing | np.isnan(table.reshape(len(table), -1)).any(axis=1)
        return int(missing.sum())


def ask(model: Any, features: Any, problem: Problem) -> Predictions:
    """`predict`, and for classes `predict_proba` or `decision_function` if the model has one.

    Raises BadModel if it has no `predict`; what its methods raise passes through unchanged.
    """
    predict = getattr(model, "predict", None)
    if predict is None:
        raise BadModel(
            f"a {type(model).__qualname__} cannot be asked: it has no method predict",
            remedy="give a model that has been fitted, or wrap it in a class with predict(rows)",
        )
    predicted = predict(features)
    if not problem.classifies:
        return Predictions(predicted, None, (), False)
    classes = getattr(model, "classes_", ())
    names = plain_classes(classes) if classes is not None and not isinstance(classes, list) else ()
    for name, probabilities in (("predict_proba", True), ("decision_function", False)):
        method = getattr(model, name, None)
        if method is not None:
            return Predictions(predicted, method(features), names, probabilities)
    return Predictions(predicted, None, names, False)


def answers(model: Any, features: Any, truth: Any, problem: Problem, *, positive: Any = None) -> Answers:
    """The model's answers for these rows beside the truth. Raises BadModel and BadAnswers."""
    said = ask(model, features, problem)
    return answers_of(
        problem,
        truth,
        said.predicted,
        said.scores,
        said.classes,
        probabilities=said.probabilities,
        positive=positive,
    )


def features_for(model: Any, rows: Any, target: str) -> tuple[Any, Any]:
    """(features, truth) of a data frame or an Arrow table: the columns the model was trained with, by their names, or
    all but the target where it does not say. Raises InputError for a column that is not there.
    """
    frame = rows.to_pandas() if hasattr(rows, "to_pandas") else rows
    columns = getattr(frame, "columns", None)
    if columns is None:
        raise InputError(
            f"rows are a data frame or a table with named columns, and this is a {type(rows).__qualname__}",
            remedy="give a pandas DataFrame or an Arrow table",
        )
    have = [str(column) for column in columns]
    if target not in have:
        raise InputError(f"there is no column {target!r} to compare with", remedy=did_you_mean(target, have))
    wanted = getattr(model, "feature_names_in_", None)
    if wanted is None:
        return frame.drop(columns=[target]), frame[target]
    lacking = [str(name) for name in wanted if name not in have]
    if lacking:
        raise InputError(
            f"the model was trained with {len(wanted)} columns, and the rows lack {', '.join(map(repr, lacking[:5]))}"
            + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""),
            remedy=did_you_mean(lacking[0], have) or "prepare these rows as the training rows were",
        )
    return frame[list(wanted)], frame[target]
