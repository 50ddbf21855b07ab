"""What a model answered beside what was right, checked once, in the form that every metric and chart reads.

Classes are numbers here (their place in `classes`), so that metrics are arithmetic; the bootstrap computes them
thousands of times. Knows nothing of models: `asking` makes answers of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill.core.errors import InputError
from tidemill.lifecycle.evaluation.columns import Column, Floats, codes_of, column_of, distinct, plain_classes
from tidemill.lifecycle.evaluation.problems import Problem


class BadAnswers(InputError):
    """Truth and answers do not fit together: lengths, nulls, or classes that have nothing in common."""

    code = "bad-answers"


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Of n rows what is right and what was answered. Make it with `answers_of`, which checks; this checks nothing.

    Regression: `truth` and `predicted` are float64 (n,), `classes` is empty, `scores` is None.
    Classification: `truth` and `predicted` are places in `classes` (intp, n); `scores` is float64 (n, k), a column for
    each class, or None where the model gives labels only. They are probabilities if `probabilities` is true, else any
    numbers that rise with the belief (a decision function). Of binary answers the second class is the positive one.
    """

    problem: Problem
    truth: NDArray[Any]
    predicted: NDArray[Any]
    scores: Floats | None = None
    classes: tuple[Any, ...] = ()
    probabilities: bool = False

    def __len__(self) -> int:
        return len(self.truth)

    def select(self, rows: NDArray[Any]) -> Answers:
        """The answers of these rows, by mask or by index; rows may be repeated, as the bootstrap does."""
        scores = None if self.scores is None else self.scores[rows]
        return Answers(self.problem, self.truth[rows], self.predicted[rows], scores, self.classes, self.probabilities)

    @property
    def score(self) -> Floats | None:
        """Of binary answers the score of the positive class (n,), or None."""
        return None if self.scores is None else self.scores[:, -1]

    @property
    def positive(self) -> Any:
        """Of binary answers the class that is looked for."""
        return self.classes[-1] if self.classes else None

    def true_labels(self) -> NDArray[Any]:
        """The truth as the target holds it: class values (dtype object) or numbers."""
        return self._named(self.truth)

    def predicted_labels(self) -> NDArray[Any]:
        """The predictions as the model gives them: class values (dtype object) or numbers."""
        return self._named(self.predicted)

    def _named(self, values: NDArray[Any]) -> NDArray[Any]:
        if not self.classes:
            return values
        names = np.empty(len(self.classes), dtype=object)
        names[:] = self.classes
        return np.asarray(names[values])


def answers_of(
    problem: Problem,
    truth: Any,
    predicted: Any,
    scores: Any = None,
    classes: Sequence[Any] = (),
    *,
    probabilities: bool = False,
    positive: Any = None,
) -> Answers:
    """Truth and answers, as anything with one column, checked and put into the form of `Answers`.

    `classes` names the columns of `scores`, in their order (`model.classes_`); (n,) scores of a binary problem are
    those of its second class. Without classes they are the different values of truth and predictions, in order. A class
    that only the truth has gets a column of scores 0 (probabilities) or below all others. `positive` is the class that
    a binary problem looks for; the second one unless said.

    Raises BadAnswers: lengths that differ, nulls in the truth or the answers, more than two classes in a binary
    problem, no class in common, scores of another shape, numbers that are not finite.
    """
    right, answered = _column(truth, "truth"), _column(predicted, "predictions")
    if len(right.values) != len(answered.values):
        raise BadAnswers(
            f"there are {len(right.values)} right answers and {len(answered.values)} predictions",
            remedy="predict must give one answer for each row",
        )
    _no_nulls(right, "the truth", "leave out the rows whose target is not known: rows.dropna(subset=[target])")
    _no_nulls(answered, "the predictions", "a model must answer every row it is given: look at what it does with nulls")
    if not problem.classifies:
        return Answers(problem, _finite(right, "truth"), _finite(answered, "predictions"))
    known = plain_classes(classes) if len(classes) else ()
    names = _names(problem, known, right.values, answered.values)
    table = None if scores is None else _table(scores, len(right.values), known or names, names, probabilities)
    if problem is Problem.BINARY:
        names, table = _positive_last(names, table, positive)
    return Answers(
        problem,
        codes_of(right.values, names),
        codes_of(answered.values, names),
        table,
        names,
        probabilities and table is not None,
    )


def _column(given: Any, what: str) -> Column:
    try:
        return column_of(given)
    except ValueError as error:
        raise BadAnswers(f"the {what} cannot be used: {error}", remedy="give one value for each row") from None


def _no_nulls(column: Column, what: str, remedy: str) -> None:
    count = int(column.nulls.sum())
    if count:
        first = int(np.argmax(column.nulls))
        raise BadAnswers(
            f"{count} of {len(column.nulls)} rows have no value in {what}, the first of them is row {first}",
            remedy=remedy,
        )


def _finite(column: Column, what: str) -> Floats:
    try:
        if column.values.dtype.kind in "mM":
            raise TypeError("dates are no numbers")
        numbers = column.values.astype(np.float64)
    except (TypeError, ValueError):
        example = next((value for value in column.values.tolist() if not isinstance(value, int | float)), None)
        raise BadAnswers(
            f"the {what} of a regression are numbers, and there is {example!r} among them",
            remedy="if these are classes, say problem='binary' or problem='multiclass'",
        ) from None
    if not np.isfinite(numbers).all():
        raise BadAnswers(f"the {what} hold infinite numbers", remedy="find the rows with numpy.isinf and mend them")
    return numbers


def _names(problem: Problem, known: tuple[Any, ...], truth: NDArray[Any], predicted: NDArray[Any]) -> tuple[Any, ...]:
    """The model's classes, then those that only the truth or the predictions have; in order where no model says."""
    true, said = distinct(truth), distinct(predicted)
    foreign = len(true) and len(said) and not (set(true) & (set(said) | set(known)))
    if foreign and len({*true, *said, *known}) > 2:
        raise BadAnswers(
            f"truth and model have no class in common: truth has {_few(true)}, the model answers {_few(known or said)}",
            remedy="train and evaluate on the same form of the target: texts in both, or numbers in both",
        )
    more = [one for one in dict.fromkeys([*true, *said]) if one not in known]
    names = (*known, *more) if known else tuple(distinct(_objects([*more])))
    if problem is Problem.BINARY:
        if len(names) > 2:
            raise BadAnswers(
                f"a binary problem has two classes, and there are {len(names)}: {_few(names)}",
                remedy="say problem='multiclass', or leave out the rows of other classes",
            )
        if len(names) < 2:
            names = _two(names)
    return names


def _objects(values: list[Any]) -> NDArray[Any]:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _two(names: tuple[Any, ...]) -> tuple[Any, ...]:
    """Where one class is all there is: 0 and 1 know each other, any other class gets a stand-in before it."""
    match names:
        case (bool(),):
            return (False, True)
        case (0,) | (1,):
            return (0, 1)
        case (one,):
            return (f"not {one}", one)
        case _:
            return (0, 1)


def _few(values: Sequence[Any]) -> str:
    shown = ", ".join(repr(value) for value in values[:4])
    return shown + (f" and {len(values) - 4} more" if len(values) > 4 else "")


def _table(scores: Any, rows: int, known: tuple[Any, ...], names: tuple[Any, ...], probabilities: bool) -> Floats:
    given = np.asarray(scores.to_numpy() if hasattr(scores, "to_numpy") else scores, dtype=np.float64)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim == 1 and len(names) == 2:
        given = np.column_stack([1.0 - given if probabilities else -given, given])
    if given.ndim != 2 or given.shape[0] != rows:
        raise BadAnswers(
            f"scores have the shape {given.shape}, and there are {rows} rows",
            remedy="predict_proba must give one row of scores for each row",
        )
    if given.shape[1] == len(known) and len(names) > len(known):
        lowest = 0.0 if probabilities or not given.size else float(given.min()) - 1.0
        given = np.column_stack([given, np.full((rows, len(names) - len(known)), lowest)])
    if given.shape[1] != len(names):
        raise BadAnswers(
            f"there are {given.shape[1]} columns of scores for {len(names)} classes: {_few(names)}",
            remedy="give the classes in the order of the columns, as model.classes_ has them",
        )
    if not np.isfinite(given).all():
        raise BadAnswers(
            f"scores are not finite in {int((~np.isfinite(given)).any(axis=1).sum())} of {rows} rows",
            remedy="a model must score every row it is given: look at what it does with nulls",
        )
    if probabilities and (given.min(initial=0.0) < -1e-9 or given.max(initial=0.0) > 1.0 + 1e-9):
        raise BadAnswers(
            "what is said to be a probability is not between 0 and 1",
            remedy="give probabilities=False for scores of another kind",
        )
    return given


def _positive_last(
    names: tuple[Any, ...], table: Floats | None, positive: Any
) -> tuple[tuple[Any, ...], Floats | None]:
    if positive is None or positive == names[1]:
        return names, table
    if positive != names[0]:
        raise BadAnswers(
            f"the positive class {positive!r} is none of {_few(names)}",
            remedy="give it as the target holds it: 1 is not '1'",
        )
    return names[::-1], None if table is None else table[:, ::-1]
