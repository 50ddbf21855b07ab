"""The task `evaluate`, called as a plain function, and the package it comes from."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

import tidemill.tasks
from tidemill.core.signals import Refuse
from tidemill.tasks import evaluate


@pytest.fixture(scope="module")
def rows() -> pandas.DataFrame:
    draw = np.random.default_rng(2)
    x = draw.normal(size=300)
    return pandas.DataFrame(
        {"x": x, "left": np.where(x + draw.normal(size=300) > 0, "yes", "no"), "bill": 3 * x + draw.normal(size=300)}
    )


@pytest.fixture(scope="module")
def model(rows: pandas.DataFrame) -> Any:
    return LogisticRegression().fit(rows[["x"]], rows["left"])


def test_a_classifier(model: Any, rows: pandas.DataFrame) -> None:
    found = evaluate(model, rows, "left")
    assert found.metrics["accuracy"] == model.score(rows[["x"]], rows["left"])
    assert all(type(value) is float for value in found.metrics.values())
    for chart in (found.confusion, found.roc, found.pr, found.calibration):
        assert chart.startswith("<svg")
    assert (found.residuals, found.predicted) == (None, None)
    assert found.report.startswith("<!doctype html>")
    assert found.report.count("<svg") == 4


def test_a_regression(rows: pandas.DataFrame) -> None:
    model = LinearRegression().fit(rows[["x"]], rows["bill"])
    found = evaluate(model, pyarrow.Table.from_pandas(rows), "bill")
    assert 0.8 < found.metrics["r2"] < 1.0
    assert found.residuals.startswith("<svg")
    assert found.confusion is None


def test_the_class_looked_for_and_the_metrics_wanted(model: Any, rows: pandas.DataFrame) -> None:
    yes = evaluate(model, rows, "left", metrics=["recall", "auc", "recall@p75"]).metrics
    no = evaluate(model, rows, "left", positive="no", metrics=["specificity", "roc_auc"]).metrics
    assert list(yes) == ["recall", "roc_auc", "recall@p75"]
    assert yes["recall"] == pytest.approx(no["specificity"])
    assert yes["roc_auc"] == pytest.approx(no["roc_auc"])


def test_one_class_is_no_reason_to_fail(model: Any, rows: pandas.DataFrame) -> None:
    found = evaluate(model, rows[rows["left"] == "yes"], "left")
    assert math.isnan(found.metrics["roc_auc"])
    assert found.metrics["accuracy"] > 0.5
    assert found.roc is None
    assert "only one class is in the truth" in found.report


def test_what_cannot_be_evaluated_is_said(model: Any, rows: pandas.DataFrame) -> None:
    with pytest.raises(Refuse, match="did you mean 'left'"):
        evaluate(model, rows, "lef")
    with pytest.raises(Refuse, match="no metric of a binary problem"):
        evaluate(model, rows, "left", metrics=["rmse"])


def test_metrics_asked_for_that_the_model_cannot_give_are_said(
    rows: pandas.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    bare = LinearSVC().fit(rows[["x"]], rows["left"])
    with pytest.raises(Refuse, match="none of the metrics asked for can be told: the model gives no probabilities"):
        evaluate(bare, rows, "left", metrics=["log_loss"])
    assert list(evaluate(bare, rows, "left", metrics=["log_loss", "accuracy"]).metrics) == ["accuracy"]
    assert "a metric asked for is undefined: the model gives no probabilities" in caplog.text


def test_every_name_of_the_package_is_there() -> None:
    for name in tidemill.tasks.__all__:
        assert getattr(tidemill.tasks, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        tidemill.tasks.nonsense  # noqa: B018


def test_the_package_loads_nothing_before_it_is_asked() -> None:
    code = """
import sys
import tidemill.tasks
early = ("numpy", "pandas", "sklearn", "tidemill.lifecycle", "tidemill.tasks.")
assert not any(name.startswith(early) for name in sys.modules)
from tidemill.tasks import evaluate
print(*sorted(set(sys.modules) & {"pandas", "sklearn", "scipy", "pyarrow", "matplotlib", "sqlalchemy"}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
