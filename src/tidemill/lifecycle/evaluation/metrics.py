"""Every metric by name: what it is, which way is better, and what it needs. The arithmetic stands beside this file.

A metric that is not defined for some answers (one class only, no rows) is NaN, never an exception and never 0;
`why_undefined` says the reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial

from tidemill.core.errors import InputError, did_you_mean
from tidemill.lifecycle.evaluation import metrics_labels as labels
from tidemill.lifecycle.evaluation import metrics_numbers as numbers
from tidemill.lifecycle.evaluation import metrics_scores as scores
from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.columns import Floats
from tidemill.lifecycle.evaluation.problems import Problem


class Direction(Enum):
    """Which way a metric is better."""

    HIGHER = "higher"
    LOWER = "lower"

    def better(self, one: float, other: float) -> bool:
        """Whether `one` is better than `other`; never so if either is NaN."""
        return one > other if self is Direction.HIGHER else one < other

    def gain(self, one: float, other: float) -> float:
        """By how much `one` is better than `other`: positive is better whatever the direction."""
        return one - other if self is Direction.HIGHER else other - one


class Needs(Enum):
    """What a metric reads of the answers."""

    LABELS = "predictions"
    SCORES = "scores"
    PROBABILITIES = "probabilities"


class BadMetric(InputError):
    """A metric that does not exist, or not for this kind of problem."""

    code = "bad-metric"


@dataclass(frozen=True, slots=True)
class Metric:
    """One number about answers. `of` gives a float, NaN where it is undefined.

    `per_row` gives a number for each row whose mean is the metric, for those that are means: resampling them is a mean.
    `least` and `most` are the ends of the scale (infinite if it has none); `formula` and `undefined` are for people.
    """

    name: str
    title: str
    direction: Direction
    problems: frozenset[Problem]
    needs: Needs
    of: Callable[[Answers], float]
    formula: str
    undefined: str = ""
    per_row: Callable[[Answers], Floats] | None = None
    least: float = 0.0
    most: float = 1.0

    @property
    def needs_scores(self) -> bool:
        return self.needs is not Needs.LABELS

    def possible(self, answers: Answers) -> bool:
        """Whether these answers hold what the metric reads."""
        match self.needs:
            case Needs.LABELS:
                return True
            case Needs.SCORES:
                return answers.scores is not None
            case Needs.PROBABILITIES:
                return answers.scores is not None and answers.probabilities

    def measure(self, answers: Answers) -> float:
        """`of`, and NaN for other problems, no rows, or answers without the scores that it reads."""
        if answers.problem not in self.problems or not len(answers) or not self.possible(answers):
            return math.nan
        return float(self.of(answers))


_NUMBER = frozenset({Problem.REGRESSION})
_BINARY = frozenset({Problem.BINARY})
_CLASS = frozenset({Problem.BINARY, Problem.MULTICLASS})
_ONE_CLASS = "only one class is in the truth"
_UP, _DOWN = Direction.HIGHER, Direction.LOWER
_INF = math.inf


def _regression() -> list[Metric]:
    def one(
        name: str,
        title: str,
        of: Callable[[Answers], float],
        formula: str,
        undefined: str = "",
        per_row: Callable[[Answers], Floats] | None = None,
    ) -> Metric:
        return Metric(name, title, _DOWN, _NUMBER, Needs.LABELS, of, formula, undefined, per_row, most=_INF)

    return [
        one("mae", "mean absolute error", numbers.mae, "mean |y - p|", per_row=numbers.absolute_errors),
        one("rmse", "root mean squared error", numbers.rmse, "sqrt(mean (y - p)²)"),
        one("mse", "mean squared error", numbers.mse, "mean (y - p)²", per_row=numbers.squared_errors),
        Metric(
            "r2",
            "share of variance explained",
            _UP,
            _NUMBER,
            Needs.LABELS,
            numbers.r2,
            "1 - sum (y - p)² / sum (y - mean y)²",
            "all right answers are the same",
            least=-_INF,
        ),
        one(
            "mape",
            "mean absolute percentage error",
            numbers.mape,
            "mean |y - p| / |y|",
            "a right answer is 0, and no share of it can be taken",
            numbers.relative_errors,
        ),
        one("median_ae", "median absolute error", numbers.median_ae, "median |y - p|"),
        one("max_error", "largest error", numbers.max_error, "max |y - p|"),
    ]


def _classification() -> list[Metric]:
    def label(
        name: str,
        title: str,
        of: Callable[[Answers], float],
        formula: str,
        undefined: str = "",
        problems: frozenset[Problem] = _CLASS,
        least: float = 0.0,
        per_row: Callable[[Answers], Floats] | None = None,
    ) -> Metric:
        return Metric(name, title, _UP, problems, Needs.LABELS, of, formula, undefined, per_row, least)

    return [
        label("accuracy", "share of right answers", labels.accuracy, "(TP + TN) / n", per_row=labels.hits),
        Metric(
            "roc_auc", "area under the ROC curve", _UP, _CLASS, Needs.SCORES, scores.roc_auc,
            "P(score of a positive > score of a negative), ties half; several classes: mean of one against the rest",
            "a class is missing in the truth",
        ),
        Metric(
            "pr_auc", "average precision", _UP, _CLASS, Needs.SCORES, scores.pr_auc,
            "sum over thresholds of (gain in recall) x precision; several classes: mean of one against the rest",
            "a class is missing in the truth",
        ),
        label(
            "f1", "F1", labels.f1, "2 TP / (2 TP + FP + FN); several classes: their mean",
            "the positive class is neither there nor predicted",
        ),
        label(
            "precision", "precision", labels.precision, "TP / (TP + FP); several classes: their mean",
            "no row is predicted positive",
        ),
        label(
            "recall", "recall", labels.recall, "TP / (TP + FN); several classes: their mean",
            "no row of the positive class is there",
        ),
        label(
            "balanced_accuracy", "mean recall of the classes", labels.balanced_accuracy,
            "mean over classes of right / rows of the class", _ONE_CLASS,
        ),
        label(
            "mcc", "Matthews correlation", labels.mcc, "correlation of truth and prediction",
            "only one class is in the truth or in the predictions", least=-1.0,
        ),
        Metric(
            "log_loss", "log loss", _DOWN, _CLASS, Needs.PROBABILITIES, scores.log_loss,
            "-mean log p(the right class), p kept above 2.2e-16", per_row=scores.log_losses, most=_INF,
        ),
        Metric(
            "brier", "Brier score", _DOWN, _CLASS, Needs.PROBABILITIES, scores.brier,
            "mean (p - y)²; several classes: their sum", per_row=scores.squared_distances, most=2.0,
        ),
        Metric(
            "ece", "expected calibration error", _DOWN, _CLASS, Needs.PROBABILITIES, scores.ece,
            "sum over 10 bins of share x |mean p - share right|; several classes: of the class predicted",
        ),
        label(
            "specificity", "specificity", labels.specificity, "TN / (TN + FP)",
            "no row of the negative class is there", _BINARY,
        ),
        label("macro_f1", "mean F1 of the classes", labels.macro_f1, "mean over classes of F1"),
        label("weighted_f1", "F1 weighted by rows", labels.weighted_f1, "sum over classes of F1 x share of rows"),
    ]  # fmt: skip


METRICS: Mapping[str, Metric] = {one.name: one for one in (*_regression(), *_classification())}
"""Every metric that has a fixed name; `recall@p90` and its like are made by `metric`."""

_ALIASES = {
    "auc": "roc_auc",
    "average_precision": "pr_auc",
    "ap": "pr_auc",
    "acc": "accuracy",
    "brier_score": "brier",
    "logloss": "log_loss",
    "cross_entropy": "log_loss",
    "f1_macro": "macro_f1",
    "f1_weighted": "weighted_f1",
    "matthews": "mcc",
    "sensitivity": "recall",
    "tpr": "recall",
    "mean_absolute_error": "mae",
    "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse",
    "median_absolute_error": "median_ae",
    "recall_at_precision": "recall@p90",
}

_AT = re.compile(r"(recall|precision)@([pr])(\d{1,2}(?:\.\d+)?)")


def metric(name: str, problem: Problem | None = None) -> Metric:
    """The metric of that name: one of `METRICS`, another word for one (`auc`), or `recall@p90` (the largest recall with
    a precision of at least 90 %) and `precision@r80`. Raises BadMetric if it does not exist or not for this problem.
    """
    found = METRICS.get(_ALIASES.get(name, name)) or _at(_ALIASES.get(name, name))
    if found is None:
        fitting = [one.name for one in METRICS.values() if problem is None or problem in one.problems]
        raise BadMetric(
            f"there is no metric {name!r}",
            remedy=did_you_mean(name, {*fitting, "recall@p90"}) or f"known: {', '.join(fitting)}",
        )
    if problem is not None and problem not in found.problems:
        fitting = [one.name for one in METRICS.values() if problem in one.problems]
        raise BadMetric(f"{name} is no metric of a {problem.value} problem", remedy=f"known: {', '.join(fitting)}")
    return found


def _at(name: str) -> Metric | None:
    match _AT.fullmatch(name):
        case None:
            return None
        case found if (found[1], found[2]) == ("recall", "p"):
            return Metric(
                name, f"recall at {found[3]} % precision", _UP, _BINARY, Needs.SCORES,
                partial(scores.recall_at_precision, float(found[3]) / 100),
                f"largest recall of a threshold whose precision is at least {found[3]} %; 0 if none is",
                "no row of the positive class is there",
            )  # fmt: skip
        case found if (found[1], found[2]) == ("precision", "r"):
            return Metric(
                name, f"precision at {found[3]} % recall", _UP, _BINARY, Needs.SCORES,
                partial(scores.precision_at_recall, float(found[3]) / 100),
                f"largest precision of a threshold whose recall is at least {found[3]} %",
                "no row of the positive class is there",
            )  # fmt: skip
        case _:
            return None


def metrics_for(problem: Problem) -> tuple[Metric, ...]:
    """The metrics that are measured when nobody asks for particular ones, in the order in which they are shown."""
    extra = (metric("recall@p90"),) if problem is Problem.BINARY else ()
    return (*(one for one in METRICS.values() if problem in one.problems), *extra)


def measure(answers: Answers, names: Iterable[str] | None = None) -> dict[str, float]:
    """Metrics by name; those that the answers hold no scores for are left out, those undefined are NaN.

    Raises BadMetric for a name that is not known.
    """
    wanted = metrics_for(answers.problem) if names is None else tuple(metric(one, answers.problem) for one in names)
    return {one.name: one.measure(answers) for one in wanted if one.possible(answers)}


def why_undefined(one: Metric, answers: Answers) -> str:
    """Why the metric is NaN for these answers, as one sentence; "" if it is a number."""
    if answers.problem not in one.problems:
        return f"{one.name} is no metric of a {answers.problem.value} problem"
    if not len(answers):
        return "there are no rows"
    if not one.possible(answers):
        return f"the model gives no {one.needs.value}, and {one.name} needs them"
    if not math.isnan(one.of(answers)):
        return ""
    return one.undefined or "it is not defined for these rows"
