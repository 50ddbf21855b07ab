"""Tests of models: each fails when it should, and says its numbers; the ready class finds its model and its rows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

from tidemill.core.errors import InputError, NotFound
from tidemill.testing.model_tests import (
    ModelTests,
    assert_accuracy,
    assert_class_balance,
    assert_latency,
    assert_metric,
    assert_no_nulls,
    load_model,
    load_rows,
)

ROWS = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 1.0, 1.0, 1.0], "target": [0, 0, 1, 1]})


READY = """
import pytest
from tidemill.testing.model_tests import ModelTests

class Threshold:
    def __init__(self, at):
        self.at = at
    def predict(self, rows):
        return (rows["x"].to_numpy() >= self.at).astype(int)

class TestGood(ModelTests):
    rows_from = "rows.csv"
    latency_below = 60.0
    metric_at_least = {"recall": 0.9}

    @pytest.fixture
    def model(self):
        return Threshold(20)

class TestBad(TestGood):
    @pytest.fixture
    def model(self):
        return Threshold(99)

class TestEmpty(ModelTests):
    rows_from = "rows.csv"
"""

NUMBERS = """
import pytest
from tidemill.testing.model_tests import ModelTests

class TestNumbers(ModelTests):
    rows_from, target_column, latency_below = "rows.csv", "x", 60.0

    @pytest.fixture
    def model(self):
        class Half:
            def predict(self, rows):
                return rows["target"] / 2
        return Half()

class TestPercent(TestNumbers):
    accuracy_at_least = 85
"""


class Fixed:
    """Answers with what it was given, and remembers what it was asked."""

    def __init__(self, said: list[Any], **more: Any) -> None:
        self.said = said
        self.asked: list[pd.DataFrame] = []
        self.__dict__.update(more)

    def predict(self, rows: pd.DataFrame) -> Any:
        self.asked.append(rows)
        return np.asarray(self.said[: len(rows)])


def pytest_of(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def test_accuracy() -> None:
    model = Fixed([0, 0, 1, 0])
    assert assert_accuracy(model, ROWS, "target", 0.75) == 0.75
    assert list(model.asked[0].columns) == ["x", "y"]
    with pytest.raises(AssertionError, match=r"accuracy is 0\.7500 \(3 of 4 rows\), below 0\.8"):
        assert_accuracy(model, ROWS, "target", 0.8)
    with pytest.raises(InputError, match="no column 'targt'"):
        assert_accuracy(model, ROWS, "targt", 0.8)
    with pytest.raises(InputError, match="null in 1 of 4"):
        assert_accuracy(model, ROWS.assign(target=[0, 1, None, 1]), "target", 0.1)


def test_other_metrics() -> None:
    assert assert_metric(Fixed([0, 0, 1, 0]), ROWS, "target", "recall", at_least=0.5) == 0.5
    with pytest.raises(AssertionError, match=r"recall is 0\.5 on 4 rows, below 0\.9"):
        assert_metric(Fixed([0, 0, 1, 0]), ROWS, "target", "recall", at_least=0.9)
    truth = ROWS.assign(target=[0.5, 1.25, 2.125, 3.0])
    with pytest.raises(AssertionError, match=r"above 0\.1"):
        assert_metric(Fixed([9.0, 9.0, 9.0, 9.0]), truth, "target", "rmse", at_most=0.1, problem="regression")
    with pytest.raises(InputError, match="nothing is demanded"):
        assert_metric(Fixed([0, 0, 1, 0]), ROWS, "target", "recall")
    with pytest.raises(AssertionError, match="not defined"):
        assert_metric(Fixed([0, 0, 1, 1]), ROWS, "target", "roc_auc", at_least=0.5)


def ticking(durations: list[float]) -> Callable[[], float]:
    """A clock that has moved on by the next duration at each second look."""

    def moments() -> Iterator[float]:
        now = 0.0
        for taken in durations:
            yield now
            now += taken
            yield now

    there = moments()
    return lambda: next(there)


def test_latency_is_a_percentile_after_warming_up() -> None:
    model = Fixed([1])
    slow_start = [5.0] * 3 + [0.010] * 99 + [0.5]
    found = assert_latency(model, ROWS, 0.1, warm_up=3, calls=100, clock=ticking(slow_start), target="target")
    assert found == pytest.approx(0.010)
    assert {len(rows) for rows in model.asked} == {1}
    assert [rows["x"].iloc[0] for rows in model.asked[:5]] == [0, 1, 2, 3, 0]
    with pytest.raises(
        AssertionError, match=r"500 ms \(p100 of 100 calls; median 10 ms, longest 500 ms\), not below 100 ms"
    ):
        assert_latency(model, ROWS, 0.1, percentile=100, warm_up=3, calls=100, clock=ticking(slow_start))
    with pytest.raises(InputError):
        assert_latency(model, ROWS, 0.1, percentile=0)


def test_no_nulls() -> None:
    assert_no_nulls(Fixed([0, 1, 0, 1]), ROWS, target="target")
    for wrong in ([0.0, np.nan, 1.0, np.inf], ["a", None, "b", None]):
        with pytest.raises(AssertionError, match="2 of 4 predictions are null or infinite: rows 1, 3"):
            assert_no_nulls(Fixed(wrong), ROWS)
    with pytest.raises(AssertionError, match="gave 2 predictions for 4 rows"):
        assert_no_nulls(Fixed([1, 1]), ROWS)


def test_a_class_that_is_forgotten_has_no_share() -> None:
    assert assert_class_balance(Fixed([0, 1, 1, 1]), ROWS, 0.25) == {0: 0.25, 1: 0.75}
    one_only = Fixed([1, 1, 1, 1])
    assert assert_class_balance(one_only, ROWS, 0.05) == {1: 1.0}
    for model, target in ((one_only, "target"), (Fixed([1, 1, 1, 1], classes_=np.array([0, 1])), "")):
        with pytest.raises(AssertionError, match=r"class 0 is predicted for 0\.00% of 4 rows, below 5\.00%"):
            assert_class_balance(model, ROWS, 0.05, target=target)


def test_a_model_gets_the_columns_that_it_knows() -> None:
    model = Fixed([0, 0, 1, 1], feature_names_in_=np.array(["y"]))
    assert_accuracy(model, ROWS, "target", 1.0)
    assert assert_metric(model, ROWS, "target", "recall", at_least=1.0) == 1.0
    assert [list(rows.columns) for rows in model.asked] == [["y"], ["y"]]
    unknown = Fixed([0, 0, 1, 1], feature_names_in_=np.array(["y", "yy"]))
    with pytest.raises(InputError, match="2 columns, and the rows lack 'yy'"):
        assert_metric(unknown, ROWS, "target", "recall", at_least=1.0)


def test_a_bound_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(InputError, match="accuracy is between 0 and 1, and so 85 is no bound"):
        assert_accuracy(Fixed([0, 0, 1, 1]), ROWS, "target", 85)
    with pytest.raises(InputError, match="recall is between 0 and 1"):
        assert_metric(Fixed([0, 0, 1, 1]), ROWS, "target", "recall", at_least=90)


def test_an_attribute_that_is_not_known_is_refused() -> None:
    with pytest.raises(InputError, match="no attribute 'acuracy_at_least'") as found:
        type("TestIt", (ModelTests,), {"acuracy_at_least": 0.9})
    assert "did you mean 'accuracy_at_least'" in found.value.remedy
    with pytest.raises(InputError) as found:
        type("TestIt", (ModelTests,), {"zzz": 1})
    assert "accuracy_at_least, latency_below, latency_percentile, metric_at_least" in found.value.remedy
    own = {"_rows": 3, "more": lambda self: 1, "accuracy_at_least": None, "pytestmark": []}
    assert issubclass(type("TestIt", (ModelTests,), own), ModelTests)


def test_models_and_rows_from_files(tmp_path: Path) -> None:
    joblib.dump({"a": 1}, tmp_path / "model.pkl")
    assert load_model(tmp_path / "model.pkl") == {"a": 1}
    ROWS.to_csv(tmp_path / "rows.csv", index=False)
    ROWS.to_json(tmp_path / "rows.jsonl", lines=True, orient="records")
    for name in ("rows.csv", "rows.jsonl"):
        assert load_rows(tmp_path / name).shape == (4, 3)
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(InputError, match="not known to be a model"):
        load_model(tmp_path / "model.bin")
    with pytest.raises(NotFound, match="no file"):
        load_model("gone.pkl")
    with pytest.raises(NotFound, match="no home"):
        load_model("churn@champion", home=tmp_path / "nothing")


def test_the_ready_class_is_collected_by_those_who_subclass_it(tmp_path: Path) -> None:
    rows = pd.DataFrame({"x": np.arange(40.0), "target": [0] * 20 + [1] * 20})
    rows.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "test_ready.py").write_text(READY)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "test_ready.py"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    failed = sorted(line.split("::", 1)[1] for line in done.stdout.splitlines() if line.startswith("FAILED"))
    assert [line.split(" ")[0] for line in failed] == [
        "TestBad::test_accuracy",
        "TestBad::test_class_balance",
        "TestBad::test_metrics",
    ], done.stdout
    assert "accuracy is 0.5000 (20 of 40 rows), below 0.85" in done.stdout
    assert "TestEmpty has no model: set model_from" in done.stdout
    assert "3 failed, 7 passed" in done.stdout
    # The sentence comes first, and none of the lines that found it.
    whole = pytest_of(tmp_path, "test_ready.py::TestBad::test_accuracy", "test_ready.py::TestEmpty::test_accuracy")
    assert "E   AssertionError: accuracy is 0.5000 (20 of 40 rows), below 0.85" in whole
    assert "TestEmpty has no model" in whole
    assert "def " not in whole
    assert "model_tests.py" not in whole


def test_a_regression_has_no_classes_to_be_tested_unless_one_says_so(tmp_path: Path) -> None:
    pd.DataFrame({"x": np.arange(40.0) + 0.5, "target": np.arange(40.0)}).to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "test_numbers.py").write_text(NUMBERS)
    said = pytest_of(tmp_path, "test_numbers.py", "-rsf")
    assert "[3] " in next(line for line in said.splitlines() if "x is a number, which has no classes" in line)
    assert "accuracy is between 0 and 1, and so 85 is no bound" in said
    assert "1 failed, 4 passed, 5 skipped" in said
