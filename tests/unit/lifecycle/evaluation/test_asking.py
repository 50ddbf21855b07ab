"""Models of several kinds are asked; those that cannot be, or not about these rows, say so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from tidemill.core.errors import InputError
from tidemill.lifecycle.evaluation.answers import BadAnswers
from tidemill.lifecycle.evaluation.asking import BadModel, answers, ask, features_for
from tidemill.lifecycle.evaluation.metrics import measure
from tidemill.lifecycle.evaluation.problems import Problem, problem_of


@pytest.fixture(scope="module")
def rows() -> pandas.DataFrame:
    draw = np.random.default_rng(5)
    x = draw.normal(size=(200, 2))
    kind = np.array(["a", "b", "c"])[np.clip((x[:, 0] + 1.5).astype(int), 0, 2)]
    return pandas.DataFrame(
        {"x": x[:, 0], "y": x[:, 1], "kind": kind, "left": x[:, 0] > 0, "sum": x.sum(axis=1), "id": range(200)}
    )


@pytest.mark.parametrize("model", [LogisticRegression(), RandomForestClassifier(5), LinearSVC()])
@pytest.mark.parametrize(("target", "problem"), [("left", Problem.BINARY), ("kind", Problem.MULTICLASS)])
def test_classifiers(model: Any, target: str, problem: Problem, rows: pandas.DataFrame) -> None:
    model.fit(rows[["x", "y"]], rows[target])
    features, truth = features_for(model, rows, target)
    assert list(features.columns) == ["x", "y"]
    assert problem_of("auto", truth, model) is problem
    found = answers(model, features, truth, problem)
    assert found.scores is not None
    assert found.scores.shape == (200, len(found.classes))
    assert found.probabilities is not isinstance(model, LinearSVC)
    assert measure(found)["roc_auc"] > 0.8
    assert measure(found)["accuracy"] == pytest.approx(model.score(rows[["x", "y"]], rows[target]))


def test_a_regression_on_a_table_of_arrow(rows: pandas.DataFrame) -> None:
    model = LinearRegression().fit(rows[["x", "y"]], rows["sum"])
    features, truth = features_for(model, pyarrow.Table.from_pandas(rows), "sum")
    assert problem_of("auto", truth, model) is Problem.REGRESSION
    assert measure(answers(model, features, truth, Problem.REGRESSION))["r2"] == pytest.approx(1.0)


class Says:
    """Answers what it is told to."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def predict(self, rows: Any) -> Any:
        return self.said


def test_whoever_names_no_columns_gets_all_but_the_target(rows: pandas.DataFrame) -> None:
    features, _ = features_for(Says([]), rows, "kind")
    assert list(features.columns) == ["x", "y", "left", "sum", "id"]


def test_nulls_are_counted_before_they_are_refused(rows: pandas.DataFrame) -> None:
    said = ask(Says(["a", None, float("nan")]), rows, Problem.MULTICLASS)
    assert said.nulls == 2
    with pytest.raises(BadAnswers, match="2 of 3 rows have no value in the predictions"):
        answers(Says(["a", None, float("nan")]), rows, ["a", "b", "c"], Problem.MULTICLASS)


@pytest.mark.parametrize(
    ("given", "target", "said"),
    [
        ("a table", "kind", "named columns"),
        (None, "kinds", "did you mean 'kind'?"),
    ],
)
def test_rows_that_do_not_serve(given: Any, target: str, said: str, rows: pandas.DataFrame) -> None:
    with pytest.raises(InputError, match=said):
        features_for(Says([]), rows if given is None else given, target)


def test_a_column_that_the_model_was_trained_with_is_missing(rows: pandas.DataFrame) -> None:
    model = LinearRegression().fit(rows[["x", "y"]], rows["sum"])
    with pytest.raises(InputError, match="trained with 2 columns, and the rows lack 'y'"):
        features_for(model, rows.rename(columns={"y": "why"}), "sum")


def test_what_is_no_model() -> None:
    with pytest.raises(BadModel, match="a dict cannot be asked"):
        ask({}, [], Problem.BINARY)
