"""Every metric against scikit-learn's on random data, and what it says where there is nothing to say."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as judge
from sklearn.calibration import calibration_curve
from sklearn.preprocessing import label_binarize

from tidemill.lifecycle.evaluation.answers import Answers, answers_of
from tidemill.lifecycle.evaluation.metrics import (
    METRICS,
    BadMetric,
    Direction,
    Needs,
    measure,
    metric,
    metrics_for,
    why_undefined,
)
from tidemill.lifecycle.evaluation.metrics_scores import bins_of
from tidemill.lifecycle.evaluation.problems import Problem

SEEDS = range(6)
Case = tuple[Any, Any, Any]


def binary(seed: int) -> Case:
    """Truth, predictions, probabilities of the second class; every other seed has many ties."""
    draw = np.random.default_rng(seed)
    rows = int(draw.integers(40, 400))
    truth = (draw.random(rows) < 0.35).astype(int)
    chance = np.clip(0.25 * truth + 0.75 * draw.random(rows), 0, 1)
    if seed % 2:
        chance = np.round(chance, 1)
    return truth, (chance > 0.5).astype(int), chance


def several(seed: int) -> Case:
    draw = np.random.default_rng(seed)
    rows, classes = int(draw.integers(60, 400)), int(draw.integers(3, 6))
    names = np.array(["cat", "dog", "eel", "fox", "gnu"][:classes])
    truth = draw.integers(0, classes, rows)
    weight = np.exp(draw.normal(size=(rows, classes)) + 1.2 * np.eye(classes)[truth])
    if seed % 2:
        weight = np.round(weight, 0) + 0.5
    chance = weight / weight.sum(axis=1, keepdims=True)
    said = chance.argmax(axis=1)
    said[said == classes - 1] = 0 if seed % 3 == 0 else classes - 1  # a class that is never answered
    return names[truth], names[said], chance


def numbers(seed: int) -> Case:
    draw = np.random.default_rng(seed)
    truth = draw.gamma(2.0, 30.0, int(draw.integers(10, 300))) * (-1 if seed % 2 else 1)
    return truth, truth + draw.normal(0, 9, len(truth)), None


def given(problem: Problem, case: Case) -> Answers:
    truth, said, chance = case
    if problem is Problem.REGRESSION:
        return answers_of(problem, truth, said)
    names = (0, 1) if problem is Problem.BINARY else ("cat", "dog", "eel", "fox", "gnu")[: chance.shape[1]]
    return answers_of(problem, truth, said, chance, names, probabilities=True)


BINARY: dict[str, Callable[[Any, Any, Any], Any]] = {
    "accuracy": lambda t, y, p: judge.accuracy_score(t, y),
    "balanced_accuracy": lambda t, y, p: judge.balanced_accuracy_score(t, y),
    "precision": lambda t, y, p: judge.precision_score(t, y),
    "recall": lambda t, y, p: judge.recall_score(t, y),
    "specificity": lambda t, y, p: judge.recall_score(t, y, pos_label=0),
    "f1": lambda t, y, p: judge.f1_score(t, y),
    "macro_f1": lambda t, y, p: judge.f1_score(t, y, average="macro"),
    "weighted_f1": lambda t, y, p: judge.f1_score(t, y, average="weighted"),
    "mcc": lambda t, y, p: judge.matthews_corrcoef(t, y),
    "roc_auc": lambda t, y, p: judge.roc_auc_score(t, p),
    "pr_auc": lambda t, y, p: judge.average_precision_score(t, p),
    "log_loss": lambda t, y, p: judge.log_loss(t, p),
    "brier": lambda t, y, p: judge.brier_score_loss(t, p),
    "ece": lambda t, y, p: slow_ece(p, t),
    "recall@p90": lambda t, y, p: slow_recall(t, p, 0.9),
    "recall@p60": lambda t, y, p: slow_recall(t, p, 0.6),
    "precision@r80": lambda t, y, p: slow_precision(t, p, 0.8),
}
SEVERAL: dict[str, Callable[[Any, Any, Any], Any]] = {
    "accuracy": lambda t, y, p: judge.accuracy_score(t, y),
    "balanced_accuracy": lambda t, y, p: judge.balanced_accuracy_score(t, y),
    "precision": lambda t, y, p: judge.precision_score(t, y, average="macro", zero_division=0),
    "recall": lambda t, y, p: judge.recall_score(t, y, average="macro"),
    "f1": lambda t, y, p: judge.f1_score(t, y, average="macro"),
    "macro_f1": lambda t, y, p: judge.f1_score(t, y, average="macro"),
    "weighted_f1": lambda t, y, p: judge.f1_score(t, y, average="weighted"),
    "mcc": lambda t, y, p: judge.matthews_corrcoef(t, y),
    "roc_auc": lambda t, y, p: judge.roc_auc_score(t, p, multi_class="ovr", average="macro"),
    "pr_auc": lambda t, y, p: judge.average_precision_score(label_binarize(t, classes=sorted(set(t))), p),
    "log_loss": lambda t, y, p: judge.log_loss(t, p),
    "brier": lambda t, y, p: judge.brier_score_loss(t, p),
    "ece": lambda t, y, p: slow_ece(p[range(len(t)), [sorted(set(t)).index(one) for one in y]], t == y),
}
NUMBERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mae": lambda t, y, p: judge.mean_absolute_error(t, y),
    "mse": lambda t, y, p: judge.mean_squared_error(t, y),
    "rmse": lambda t, y, p: judge.root_mean_squared_error(t, y),
    "r2": lambda t, y, p: judge.r2_score(t, y),
    "mape": lambda t, y, p: judge.mean_absolute_percentage_error(t, y),
    "median_ae": lambda t, y, p: judge.median_absolute_error(t, y),
    "max_error": lambda t, y, p: judge.max_error(t, y),
}


def slow_ece(chance: Any, true: Any) -> float:
    whole = 0.0
    for place in range(10):
        inside = [i for i, p in enumerate(chance) if min(int(p * 10), 9) == place]
        if inside:
            whole += abs(sum(float(chance[i]) - float(true[i]) for i in inside))
    return whole / len(chance)


def slow_recall(truth: Any, chance: Any, least: float) -> float:
    precision, recall, _ = judge.precision_recall_curve(truth, chance)
    return float(max(r for p, r in zip(precision, recall, strict=True) if p >= least - 1e-12))


def slow_precision(truth: Any, chance: Any, least: float) -> float:
    precision, recall, _ = judge.precision_recall_curve(truth, chance)
    return float(max(p for p, r in zip(precision, recall, strict=True) if r >= least - 1e-12))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("problem", "make", "wanted"),
    [
        (Problem.BINARY, binary, BINARY),
        (Problem.MULTICLASS, several, SEVERAL),
        (Problem.REGRESSION, numbers, NUMBERS),
    ],
    ids=["binary", "multiclass", "regression"],
)
def test_metrics_are_those_of_scikit_learn(
    problem: Problem, make: Callable[[int], Case], wanted: dict[str, Callable[[Any, Any, Any], Any]], seed: int
) -> None:
    case = make(seed)
    answers = given(problem, case)
    for name, other in wanted.items():
        assert metric(name, problem).measure(answers) == pytest.approx(float(other(*case)), abs=1e-12), name


def test_every_metric_has_been_compared() -> None:
    compared = {Problem.BINARY: BINARY, Problem.MULTICLASS: SEVERAL, Problem.REGRESSION: NUMBERS}
    for problem, wanted in compared.items():
        assert {one.name for one in metrics_for(problem)} <= wanted.keys()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("problem", "make"),
    [(Problem.BINARY, binary), (Problem.MULTICLASS, several), (Problem.REGRESSION, numbers)],
)
def test_a_metric_that_is_a_mean_of_rows_is_the_mean_of_its_rows(
    problem: Problem, make: Callable[[int], Case], seed: int
) -> None:
    answers = given(problem, make(seed))
    of_rows = [one for one in metrics_for(problem) if one.per_row is not None]
    assert of_rows
    for one in of_rows:
        assert one.per_row is not None
        rows = one.per_row(answers)
        assert rows.shape == (len(answers),)
        assert float(rows.mean()) == pytest.approx(one.of(answers), abs=1e-12), one.name


@pytest.mark.parametrize("make", [binary, several])
def test_rows_selected_are_rows_measured(make: Callable[[int], Case]) -> None:
    truth, said, chance = make(4)
    problem = Problem.BINARY if chance.ndim == 1 else Problem.MULTICLASS
    rows = np.random.default_rng(1).integers(0, len(truth), len(truth))
    whole, part = given(problem, (truth, said, chance)), given(problem, (truth[rows], said[rows], chance[rows]))
    assert measure(whole.select(rows)) == pytest.approx(measure(part))
    half = np.arange(len(truth)) % 2 == 0
    kept = given(problem, (truth[half], said[half], chance[half]))
    assert measure(whole.select(half)) == pytest.approx(measure(kept))


def test_bins_are_those_of_scikit_learn() -> None:
    truth, _, chance = binary(0)
    happened, believed = calibration_curve(truth, chance, n_bins=10, strategy="uniform")
    bins = bins_of(given(Problem.BINARY, binary(0)))
    there = bins.rows > 0
    assert bins.rows.sum() == len(truth)
    assert bins.happened[there] == pytest.approx(happened)
    assert bins.believed[there] == pytest.approx(believed)


ONE_CLASS = {"balanced_accuracy", "mcc", "roc_auc"}


@pytest.mark.parametrize(
    ("truth", "said", "undefined"),
    [
        ([1, 1, 1, 1], [1, 0, 1, 1], ONE_CLASS | {"specificity", "pr_auc"}),
        ([0, 0, 0, 0], [1, 0, 1, 1], ONE_CLASS | {"recall", "pr_auc", "recall@p90"}),
        ([0, 1, 0, 1], [0, 0, 0, 0], {"mcc", "precision"}),
        ([0, 0, 0, 0], [0, 0, 0, 0], ONE_CLASS | {"precision", "recall", "f1", "pr_auc", "recall@p90"}),
    ],
)
def test_what_is_undefined_is_nan_with_a_reason(truth: list[int], said: list[int], undefined: set[str]) -> None:
    answers = answers_of(Problem.BINARY, truth, said, [0.2, 0.9, 0.4, 0.6], (0, 1), probabilities=True)
    measured = measure(answers)
    assert {name for name, value in measured.items() if math.isnan(value)} == undefined
    for name, value in measured.items():
        why = why_undefined(metric(name), answers)
        assert bool(why) is math.isnan(value), (name, why)


def test_of_no_rows_everything_is_undefined() -> None:
    empty = given(Problem.BINARY, binary(0)).select(np.array([], dtype=int))
    measured = measure(empty)
    assert len(measured) == len(metrics_for(Problem.BINARY))
    assert all(math.isnan(value) for value in measured.values())
    assert why_undefined(metric("accuracy"), empty) == "there are no rows"


def test_a_class_that_is_missing_leaves_the_curves_undefined() -> None:
    chance = [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]]
    answers = answers_of(Problem.MULTICLASS, ["a", "b", "b"], ["a", "b", "a"], chance, "abc", probabilities=True)
    measured = measure(answers)
    assert {name for name, value in measured.items() if math.isnan(value)} == {"roc_auc", "pr_auc"}
    assert "missing" in why_undefined(metric("roc_auc"), answers)


def test_regression_on_what_never_varies() -> None:
    same = answers_of(Problem.REGRESSION, [5.1, 5.1, 5.1], [5.1, 5.0, 5.2])
    assert math.isnan(measure(same)["r2"])
    assert why_undefined(metric("r2"), same) == "all right answers are the same"
    with_zero = answers_of(Problem.REGRESSION, [0, 2.0], [1.0, 2.0])
    assert math.isnan(measure(with_zero)["mape"])
    assert measure(with_zero)["mae"] == 0.5


def test_without_scores_what_needs_them_is_left_out_and_asked_for_is_nan() -> None:
    truth, said, _ = binary(0)
    bare = answers_of(Problem.BINARY, truth, said)
    measured = measure(bare)
    assert "accuracy" in measured
    assert not any(metric(name).needs_scores for name in measured)
    assert math.isnan(metric("roc_auc").measure(bare))
    assert why_undefined(metric("roc_auc"), bare) == "the model gives no scores, and roc_auc needs them"


def test_scores_that_are_no_probabilities_rank_and_do_no_more() -> None:
    truth, said, chance = binary(0)
    ranked = answers_of(Problem.BINARY, truth, said, np.log(chance + 0.01) * 7, (0, 1))
    measured = measure(ranked)
    assert measured["roc_auc"] == pytest.approx(judge.roc_auc_score(truth, chance))
    assert not any(metric(name).needs is Needs.PROBABILITIES for name in measured)


def test_a_metric_by_another_name() -> None:
    assert metric("auc") is METRICS["roc_auc"]
    assert metric("recall_at_precision").name == "recall@p90"
    assert metric("recall@p99.5", Problem.BINARY).title == "recall at 99.5 % precision"


@pytest.mark.parametrize(
    ("name", "problem", "said"),
    [
        ("acuracy", Problem.BINARY, "did you mean 'accuracy'?"),
        ("recall@p9x", Problem.BINARY, "recall@p90"),
        ("rmse", Problem.BINARY, "rmse is no metric of a binary problem"),
        ("recall@p90", Problem.MULTICLASS, "no metric of a multiclass problem"),
        ("no such thing at all", Problem.REGRESSION, "known: mae"),
    ],
)
def test_a_metric_that_is_not_there(name: str, problem: Problem, said: str) -> None:
    with pytest.raises(BadMetric) as found:
        metric(name, problem)
    assert said in str(found.value)


def test_directions() -> None:
    assert Direction.HIGHER.better(0.9, 0.8)
    assert Direction.LOWER.better(0.8, 0.9)
    assert Direction.LOWER.gain(0.8, 0.9) == pytest.approx(0.1)
    assert not Direction.HIGHER.better(math.nan, 0.1)
    assert not Direction.LOWER.better(0.1, math.nan)
    # Whoever answers everything right is at the better end of every metric.
    perfect = answers_of(Problem.BINARY, [0, 1, 0, 1], [0, 1, 0, 1], [0.0, 1.0, 0.0, 1.0], (0, 1), probabilities=True)
    for name, value in measure(perfect).items():
        one = metric(name)
        assert value == pytest.approx(one.most if one.direction is Direction.HIGHER else one.least, abs=1e-12), name


def test_the_guide_has_every_metric_with_its_direction() -> None:
    guide = (Path(__file__).parents[4] / "docs" / "guides" / "evaluation.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([a-z0-9_]+)` \| (higher|lower) \|", guide, re.MULTILINE))
    assert told == {one.name: one.direction.value for one in METRICS.values()}
