"""Tests of a model for pytest: how good it is, how fast, no nulls, no class forgotten; as functions and as a class.

    class TestChurn(ModelTests):
        model_from, rows_from, target_column = "churn@champion", "data/test.csv", "churned"

Needs the extra `ml`. Every failure names its numbers."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from tidemill.core.errors import InputError, TidemillError, did_you_mean
from tidemill.lifecycle.evaluation.asking import answers
from tidemill.lifecycle.evaluation.metrics import Direction, measure, metric
from tidemill.lifecycle.evaluation.problems import Problem, infer_problem
from tidemill.testing.model_loading import load_model

__all__ = [
    "ModelTests",
    "assert_accuracy",
    "assert_class_balance",
    "assert_latency",
    "assert_metric",
    "assert_no_nulls",
    "load_model",
    "load_rows",
]


def assert_accuracy(model: Any, rows: Any, target: str, at_least: float) -> float:
    """At least this share of the rows is predicted right. The share."""
    __tracebackhide__ = True
    _demand_on_scale("accuracy", at_least, 0.0, 1.0)
    features, truth = _split(rows, target)
    predicted = _predicted(model, features)
    right = int(np.sum(np.asarray(predicted == truth.to_numpy(), dtype=bool)))
    share = right / len(truth)
    assert share >= at_least, f"accuracy is {share:.4f} ({right} of {len(truth)} rows), below {at_least:g}"
    return share


def assert_metric(
    model: Any,
    rows: Any,
    target: str,
    name: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    problem: str = "auto",
) -> float:
    """A metric of `tidemill.tasks.evaluate`, such as `roc_auc` or `rmse`, keeps its bounds. The metric.

    Raises InputError for a metric that is not known, and for no bound or one that the metric cannot have.
    """
    __tracebackhide__ = True
    features, truth = _split(rows, target)
    kind = infer_problem(truth) if problem == "auto" else Problem(problem)
    wanted = metric(name, kind)
    if at_least is None and at_most is None:
        which = "at_least" if wanted.direction is Direction.HIGHER else "at_most"
        raise InputError(f"nothing is demanded of {name}", remedy=f"give {which}=...")
    for bound in (at_least, at_most):
        if bound is not None:
            _demand_on_scale(name, bound, wanted.least, wanted.most)
    value = measure(answers(model, _wanted(model, features), truth, kind), [name]).get(name, math.nan)
    assert not math.isnan(value), f"{name} is not defined for these {len(truth)} rows"
    assert at_least is None or value >= at_least, f"{name} is {value:.6g} on {len(truth)} rows, below {at_least:g}"
    assert at_most is None or value <= at_most, f"{name} is {value:.6g} on {len(truth)} rows, above {at_most:g}"
    return value


def assert_latency(
    model: Any,
    rows: Any,
    below: float,
    *,
    percentile: float = 99.0,
    target: str = "",
    warm_up: int = 10,
    calls: int = 100,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """The percentile of the seconds that predicting one row takes is below `below`, after `warm_up` calls that do not
    count. The percentile, which is a time that was measured. Single rows of `rows` are taken in turn."""
    __tracebackhide__ = True
    if not 0 < percentile <= 100 or calls < 1 or warm_up < 0:
        raise InputError("a latency needs a percentile in (0, 100] and at least one call")
    features = _features(rows, target)
    if not len(features):
        raise InputError("there are no rows to predict")
    taken = []
    for n in range(warm_up + calls):
        at = n % len(features)
        row = _wanted(model, features.iloc[at : at + 1])
        began = clock()
        model.predict(row)
        taken.append(clock() - began)
    taken = sorted(taken[warm_up:])
    found = taken[math.ceil(percentile / 100 * calls) - 1]
    told = (
        f"predicting one row takes {found * 1000:.3g} ms (p{percentile:g} of {calls} calls; median "
        f"{taken[(calls - 1) // 2] * 1000:.3g} ms, longest {taken[-1] * 1000:.3g} ms), not below {below * 1000:g} ms"
    )
    assert found < below, told
    return found


def assert_no_nulls(model: Any, rows: Any, *, target: str = "") -> None:
    """No prediction is null, nan or infinite."""
    __tracebackhide__ = True
    predicted = _predicted(model, _features(rows, target))
    missing = pd.isnull(predicted)
    if predicted.dtype.kind == "f":
        missing = missing | ~np.isfinite(predicted)
    places = np.flatnonzero(missing if missing.ndim == 1 else missing.any(axis=1))
    few = ", ".join(map(str, places[:5])) + (", ..." if len(places) > 5 else "")
    assert not len(places), f"{len(places)} of {len(predicted)} predictions are null or infinite: rows {few}"


def assert_class_balance(model: Any, rows: Any, min_share: float, *, target: str = "") -> dict[Any, float]:
    """Each class is predicted for at least this share of the rows, and a class that is never predicted has share 0.

    Classes are those that are predicted, those of the model (`classes_`) and, with `target`, those of the rows. The
    shares by class.
    """
    __tracebackhide__ = True
    predicted = _predicted(model, _features(rows, target))
    known = [*np.unique(predicted), *np.asarray(getattr(model, "classes_", ())).ravel()]
    if target:
        known += list(_split(rows, target)[1].unique())
    shares = {name: float(np.mean(predicted == name)) for name in dict.fromkeys(_plain(one) for one in known)}
    least = min(shares, key=lambda name: shares[name])
    told = ", ".join(f"{name}: {share:.1%}" for name, share in shares.items())
    assert shares[least] >= min_share, (
        f"class {least!r} is predicted for {shares[least]:.2%} of {len(predicted)} rows, below {min_share:.2%} ({told})"
    )
    return shares


def load_rows(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A table from a CSV, Parquet, Feather or JSON Lines file. Raises InputError."""
    file = Path(path)
    if not file.is_file():
        raise InputError(f"there is no file {str(path)!r} with rows to test on")
    match file.suffix.lower():
        case ".parquet":
            return pd.read_parquet(file)
        case ".feather" | ".arrow":
            return pd.read_feather(file)
        case ".jsonl":
            return pd.read_json(file, lines=True)
    return pd.read_csv(file)


class ModelTests:
    """Subclass it as `class TestMine(ModelTests)`; say where the model and the rows come from, or give the fixtures
    `model`, `rows` and `target` yourself. A bound that is None is not tested. An attribute that is not known here is
    an InputError; your own begin with `_`."""

    model_from: ClassVar[str] = ""
    rows_from: ClassVar[str] = ""
    target_column: ClassVar[str] = "target"
    accuracy_at_least: ClassVar[float | None] = 0.85
    metric_at_least: ClassVar[dict[str, float]] = {}
    metric_at_most: ClassVar[dict[str, float]] = {}
    latency_below: ClassVar[float | None] = 0.1
    latency_percentile: ClassVar[float] = 99.0
    min_class_share: ClassVar[float | None] = 0.05

    def __init_subclass__(cls, **more: Any) -> None:
        __tracebackhide__ = True
        super().__init_subclass__(**more)
        for name, value in vars(cls).items():
            if name.startswith("_") or name in _KNOWN or callable(value) or hasattr(value, "__get__"):
                continue
            known = ", ".join(sorted(_KNOWN - {"pytestmark"}))
            raise InputError(
                f"tests of a model have no attribute {name!r}",
                place=cls.__qualname__,
                remedy=f"{did_you_mean(name, _KNOWN) or f'known are {known}'}; one of your own begins with `_`",
            )

    @pytest.fixture
    def model(self) -> Any:
        __tracebackhide__ = True
        if not self.model_from:
            pytest.fail(f"{type(self).__name__} has no model: set model_from, or write a fixture `model`")
        with _in_a_sentence():
            return load_model(self.model_from)

    @pytest.fixture
    def rows(self) -> Any:
        __tracebackhide__ = True
        if not self.rows_from:
            pytest.fail(f"{type(self).__name__} has no rows: set rows_from, or write a fixture `rows`")
        with _in_a_sentence():
            return load_rows(self.rows_from)

    @pytest.fixture
    def target(self) -> str:
        return self.target_column

    def test_accuracy(self, model: Any, rows: Any, target: str) -> None:
        __tracebackhide__ = True
        if self.accuracy_at_least is None:
            pytest.skip("accuracy_at_least is None")
        with _in_a_sentence():
            self._skip_numbers("accuracy_at_least", rows, target)
            assert_accuracy(model, rows, target, self.accuracy_at_least)

    def test_metrics(self, model: Any, rows: Any, target: str) -> None:
        __tracebackhide__ = True
        if not self.metric_at_least and not self.metric_at_most:
            pytest.skip("no further metrics are asked for")
        with _in_a_sentence():
            for name, bound in self.metric_at_least.items():
                assert_metric(model, rows, target, name, at_least=bound)
            for name, bound in self.metric_at_most.items():
                assert_metric(model, rows, target, name, at_most=bound)

    def test_latency(self, model: Any, rows: Any, target: str) -> None:
        __tracebackhide__ = True
        if self.latency_below is None:
            pytest.skip("latency_below is None")
        with _in_a_sentence():
            assert_latency(model, rows, self.latency_below, percentile=self.latency_percentile, target=target)

    def test_no_null_predictions(self, model: Any, rows: Any, target: str) -> None:
        __tracebackhide__ = True
        with _in_a_sentence():
            assert_no_nulls(model, rows, target=target)

    def test_class_balance(self, model: Any, rows: Any, target: str) -> None:
        __tracebackhide__ = True
        if self.min_class_share is None:
            pytest.skip("min_class_share is None")
        with _in_a_sentence():
            self._skip_numbers("min_class_share", rows, target)
            assert_class_balance(model, rows, self.min_class_share, target=target)

    def _skip_numbers(self, attribute: str, rows: Any, target: str) -> None:
        """Skip what holds by default only, where the target is a number: it has no classes."""
        __tracebackhide__ = True
        said = any(attribute in vars(one) for one in type(self).__mro__ if one not in ModelTests.__mro__)
        if not said and infer_problem(_split(rows, target)[1]) is Problem.REGRESSION:
            pytest.skip(f"{target} is a number, which has no classes: demand metric_at_most = {{'rmse': ...}}")


_KNOWN = set(ModelTests.__annotations__) | {"pytestmark"}


@contextmanager
def _in_a_sentence() -> Iterator[None]:
    """What Tidemill has to say is said without the lines of its own source; what the model raises keeps them."""
    __tracebackhide__ = True
    try:
        yield
    except TidemillError as error:
        told = str(error)
    else:
        return
    pytest.fail(told, pytrace=False)


def _demand_on_scale(name: str, bound: float, least: float, most: float) -> None:
    __tracebackhide__ = True
    if not least <= bound <= most:
        ends = (
            f"between {least:g} and {most:g}"
            if math.isfinite(least + most)
            else (f"not below {least:g}" if math.isinf(most) else f"not above {most:g}")
        )
        raise InputError(f"{name} is {ends}, and so {bound:g} is no bound of it", remedy="give one on that scale")


def _split(rows: Any, target: str) -> tuple[pd.DataFrame, pd.Series]:
    __tracebackhide__ = True
    table = _table(rows)
    if target not in table.columns:
        raise InputError(f"the rows have no column {target!r}", remedy=did_you_mean(target, map(str, table.columns)))
    if not len(table):
        raise InputError("there are no rows to test on")
    missing = int(table[target].isna().sum())
    if missing:
        raise InputError(f"the target {target!r} is null in {missing} of {len(table)} rows")
    return table.drop(columns=[target]), table[target]


def _features(rows: Any, target: str) -> pd.DataFrame:
    __tracebackhide__ = True
    table = _table(rows)
    if not len(table):
        raise InputError("there are no rows to test on")
    return table.drop(columns=[target]) if target and target in table.columns else table


def _table(rows: Any) -> pd.DataFrame:
    if isinstance(rows, pd.DataFrame):
        return rows
    return rows.to_pandas() if hasattr(rows, "to_pandas") else pd.DataFrame(rows)


def _wanted(model: Any, features: pd.DataFrame) -> pd.DataFrame:
    """The columns that the model was trained with, where it says so. Raises InputError if some are not there."""
    __tracebackhide__ = True
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        return features
    lacking = [str(name) for name in names if name not in features.columns]
    if lacking:
        raise InputError(
            f"the model was trained with {len(names)} columns, and the rows lack {', '.join(map(repr, lacking[:5]))}",
            remedy=did_you_mean(lacking[0], map(str, features.columns)) or "prepare them as the training rows were",
        )
    return features[list(names)]


def _predicted(model: Any, features: pd.DataFrame) -> Any:
    __tracebackhide__ = True
    found = np.asarray(model.predict(_wanted(model, features)))
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    assert len(found) == len(features), f"the model gave {len(found)} predictions for {len(features)} rows"
    return found


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
