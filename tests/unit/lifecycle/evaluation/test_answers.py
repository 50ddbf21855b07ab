"""Truth and answers brought together: every form they come in, and every way in which they do not fit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest

from tidemill.lifecycle.evaluation.answers import BadAnswers, answers_of
from tidemill.lifecycle.evaluation.problems import BadProblem, Problem, infer_problem, problem_named, problem_of

FORMS = [
    ["no", "yes", "yes"],
    np.array(["no", "yes", "yes"]),
    np.array(["no", "yes", "yes"], dtype=object),
    pandas.Series(["no", "yes", "yes"]),
    pandas.Series(["no", "yes", "yes"], index=[7, 7, 9], dtype="category"),
    pandas.DataFrame({"y": ["no", "yes", "yes"]}),
    pyarrow.array(["no", "yes", "yes"]),
    pyarrow.chunked_array([["no"], ["yes", "yes"]]),
]


@pytest.mark.parametrize("truth", FORMS, ids=lambda form: type(form).__name__)
def test_a_column_in_any_form(truth: Any) -> None:
    found = answers_of(Problem.BINARY, truth, ["yes", "yes", "no"], [0.9, 0.8, 0.1], ("no", "yes"), probabilities=True)
    assert found.classes == ("no", "yes")
    assert found.truth.tolist() == [0, 1, 1]
    assert found.predicted.tolist() == [1, 1, 0]
    assert found.score is not None
    assert found.score.tolist() == [0.9, 0.8, 0.1]
    assert found.true_labels().tolist() == ["no", "yes", "yes"]
    assert found.predicted_labels().tolist() == ["yes", "yes", "no"]


@pytest.mark.parametrize(
    ("truth", "said", "classes"),
    [
        ([0, 1, 1], [0.0, 1.0, 0.0], (0, 1)),
        ([False, True, True], [0, 1, 0], (False, True)),
        (np.array([0.0, 1.0, 1.0]), np.array([0, 1, 0], dtype=np.uint8), (0, 1)),
        (pandas.Series([0, 1, 1], dtype="Int64"), [False, True, False], (0, 1)),
        (pandas.Series([True, False, True], dtype="boolean"), [True, False, False], (False, True)),
        ([Decimal(0), Decimal(1), Decimal(1)], [0, 1, 0], (0, 1)),
    ],
)
def test_one_and_true_are_the_same_class(truth: Any, said: Any, classes: tuple[Any, ...]) -> None:
    found = answers_of(Problem.BINARY, truth, said)
    assert found.classes == classes
    assert (found.truth == found.predicted).tolist() == [True, True, False]


def test_the_class_that_is_looked_for() -> None:
    scores = [[0.9, 0.1], [0.3, 0.7]]
    found = answers_of(Problem.BINARY, ["bad", "good"], ["bad", "good"], scores, ("bad", "good"), positive="bad")
    assert found.positive == "bad"
    assert found.classes == ("good", "bad")
    assert found.truth.tolist() == [1, 0]
    assert found.score is not None
    assert found.score.tolist() == [0.9, 0.3]


def test_a_class_that_the_model_does_not_know_counts_against_it() -> None:
    scores = [[0.6, 0.4], [0.2, 0.8], [0.5, 0.5]]
    found = answers_of(Problem.MULTICLASS, ["a", "b", "new"], ["a", "b", "a"], scores, ("a", "b"), probabilities=True)
    assert found.classes == ("a", "b", "new")
    assert found.scores is not None
    assert found.scores[:, 2].tolist() == [0.0, 0.0, 0.0]


def test_one_class_is_enough_to_be_binary() -> None:
    assert answers_of(Problem.BINARY, [1, 1], [1, 1]).classes == (0, 1)
    assert answers_of(Problem.BINARY, [True], [True]).classes == (False, True)
    assert answers_of(Problem.BINARY, ["x"], ["x"]).classes == ("not x", "x")


@pytest.mark.parametrize(
    ("problem", "given", "said"),
    [
        (Problem.BINARY, {"truth": [0, 1], "predicted": [0]}, "2 right answers and 1 predictions"),
        (
            Problem.BINARY,
            {"truth": [0, None], "predicted": [0, 1]},
            "in the truth, the first of them is row 1",
        ),
        (
            Problem.REGRESSION,
            {"truth": [1.0, 2.0], "predicted": [float("nan"), 1]},
            "1 of 2 rows have no value",
        ),
        (Problem.REGRESSION, {"truth": [1.0, 2.0], "predicted": [np.inf, 1]}, "infinite"),
        (Problem.REGRESSION, {"truth": ["a", "b"], "predicted": [1, 2]}, "numbers, and there is 'a'"),
        (Problem.BINARY, {"truth": [0, 1, 2], "predicted": [0, 1, 1]}, "two classes, and there are 3: 0, 1, 2"),
        (Problem.BINARY, {"truth": [0, 1], "predicted": ["no", "yes"]}, "no class in common"),
        (Problem.MULTICLASS, {"truth": [0, 1, 2], "predicted": ["a", "b", "c"]}, "no class in common"),
        (Problem.BINARY, {"truth": [0, 1], "predicted": [0, 1], "positive": "1"}, "positive class '1' is none of 0, 1"),
        (Problem.BINARY, {"truth": [0, 1], "predicted": [0, 1], "scores": [[0.1], [0.2], [0.3]]}, "shape (3, 2)"),
        (Problem.BINARY, {"truth": [0, 1], "predicted": [0, 1], "scores": [0.1, np.nan]}, "not finite in 1 of 2"),
        (
            Problem.BINARY,
            {"truth": [0, 1], "predicted": [0, 1], "scores": [0.1, 1.7], "probabilities": True},
            "not between 0 and 1",
        ),
        (
            Problem.MULTICLASS,
            {"truth": ["a", "b", "c"], "predicted": ["a", "b", "c"], "scores": np.eye(2)[[0, 1, 0]]},
            "2 columns of scores for 3 classes",
        ),
        (Problem.BINARY, {"truth": np.zeros((2, 2)), "predicted": [0, 1]}, "shape (2, 2)"),
        (Problem.REGRESSION, {"truth": pandas.to_datetime(["2026-01-01"]), "predicted": [1]}, "numbers"),
    ],
)
def test_what_does_not_fit_is_said(problem: Problem, given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadAnswers) as found:
        answers_of(problem, given.pop("truth"), given.pop("predicted"), **given)
    assert said in found.value.message
    assert found.value.remedy


@pytest.mark.parametrize(
    ("truth", "problem"),
    [
        (["a", "b"] * 5, Problem.BINARY),
        (["a", "b", "c"], Problem.MULTICLASS),
        ([True, False, None], Problem.BINARY),
        ([0, 1, 1, 0], Problem.BINARY),
        ([1, 1, 1], Problem.BINARY),
        ([1, 2, 2], Problem.BINARY),
        ([0.0, 1.0, float("nan")], Problem.BINARY),
        ([1, 2, 3] * 40, Problem.MULTICLASS),
        (list(range(100)), Problem.REGRESSION),
        ([1, 2, 3], Problem.REGRESSION),
        ([0.5, 1.0, 0.5, 1.0], Problem.REGRESSION),
        (pandas.Series([1, 2, 3] * 40, dtype="category"), Problem.MULTICLASS),
        ([50_000, 60_000], Problem.REGRESSION),
    ],
)
def test_the_problem_that_the_truth_speaks_of(truth: Any, problem: Problem) -> None:
    assert infer_problem(truth) is problem


def test_the_model_knows_better() -> None:
    class Classifier:
        classes_ = np.array([1, 2, 3])

    class Regressor:
        _estimator_type = "regressor"

    assert problem_of("auto", [1, 1, 2], Classifier()) is Problem.MULTICLASS
    assert problem_of("auto", [0, 1, 1], Regressor()) is Problem.REGRESSION
    assert problem_of("binary", [1, 2, 3], Classifier()) is Problem.BINARY


@pytest.mark.parametrize(
    ("truth", "said"), [([None, None], "no value"), (pandas.to_datetime(["2026-01-01"]), "dates or times")]
)
def test_a_problem_that_cannot_be_told(truth: Any, said: str) -> None:
    with pytest.raises(BadProblem, match=said):
        infer_problem(truth)


def test_a_word_that_is_no_problem() -> None:
    with pytest.raises(BadProblem, match="did you mean 'binary'"):
        problem_named("binarry")


def test_classes_that_a_float_does_not_tell_apart_are_two() -> None:
    large = 1 << 53
    found = answers_of(
        Problem.BINARY, np.array([large, large + 1]), np.array([large, large]), classes=[large, large + 1]
    )
    assert found.truth.tolist() == [0, 1]
    assert found.predicted.tolist() == [0, 0]
