"""Benign or malignant? Three models compete on real data, and the best is kept if it is good enough.

- `tidemill demo` runs it on the data that comes with scikit-learn, or on a CSV file of yours;
- `tidemill run examples/diagnosis/pipeline.py -p seed=3` runs it as any other pipeline.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from candidates import candidate as make_candidate
from contract import Finding, findings, usable
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from tidemill import Dataset, Metrics, Model, Refuse, Report, each, otherwise, pipeline, task, when

# The libraries above are imported once, in the process that all tasks are forked from: no task waits for them.
# Each task gets a process of its own, so none of them needs threads besides; they would only be in each other's way,
# and with one thread the sums come out the same to the last digit every time on the same machine.
threadpool_limits(limits=1)


# --- tasks: plain functions with types. The types say how what they return is stored. --------------------------------


@task
def ingest(data: str, target: str, separator: str) -> Dataset:
    """The rows of a CSV file, or without one the Wisconsin breast cancer data: 569 tumours, 30 measurements each."""
    if data:
        # A BOM at the beginning is no part of the first column's name.
        rows = pd.read_csv(data, sep=separator, encoding="utf-8-sig", skipinitialspace=True, index_col=False)
        switches = rows.select_dtypes("bool").columns.drop(target, errors="ignore")
        return rows.astype(dict.fromkeys(switches, "int8"))
    bunch = load_breast_cancer(as_frame=True)
    rows = bunch.frame.drop(columns="target")
    rows[target] = bunch.target_names[bunch.target]
    return rows


class Validation(NamedTuple):
    """Several results of one task: each field can be used on its own, and is stored on its own."""

    passed: bool
    rows: int
    features: int
    findings: list[Finding]


@task
def validate(rows: Dataset, target: str) -> Validation:
    """Look at the data before it is used. What is found is recorded, whether it is good or bad."""
    found = findings(rows, target)
    for finding in found:
        print(f"{finding['rule']:>10}: {finding['offending']} offending", *finding["examples"], sep="  ")
    return Validation(not any(finding["offending"] for finding in found), len(rows), len(rows.columns) - 1, found)


@task(retries=2)
def insist(findings: list[Finding]) -> None:
    """Stop here if the data broke a rule. `Refuse` fails at once: no retry would make the data better."""
    broken = [
        f"{finding['rule']} ({finding['offending']} offending: {'; '.join(finding['examples'])})"
        for finding in findings
        if finding["offending"]
    ]
    if broken:
        raise Refuse(f"the data breaks {len(broken)} of {len(findings)} rules: {', '.join(broken)}")


class Parts(NamedTuple):
    train: Dataset
    holdout: Dataset


@task
def split(rows: Dataset, target: str, holdout: float, seed: int) -> Parts:
    """Set some rows aside that no model sees before it is judged; each class keeps its share on both sides."""
    train, held_out = train_test_split(rows, test_size=holdout, stratify=rows[target], random_state=seed)
    return Parts(train.reset_index(drop=True), held_out.reset_index(drop=True))


@task
def train(candidate: str, rows: Dataset, target: str, seed: int) -> Model:
    """Train one of the candidates. Three of these run at once, each in its own process."""
    numbers, categories = usable(rows, target)
    features, truth = rows.drop(columns=target), rows[target].astype(str).to_numpy(dtype=str)
    return make_candidate(candidate, numbers, categories, seed).fit(features, truth)


@task
def evaluate(model: Model, rows: Dataset, target: str) -> Metrics:
    """How well a model does on rows that it has not seen. Metrics are numbers, so that conditions can read them."""
    features, truth = rows.drop(columns=target), rows[target].astype(str).to_numpy(dtype=str)
    said, chances = model.predict(features), model.predict_proba(features)
    scores = {
        "accuracy": accuracy_score(truth, said),
        "macro_f1": f1_score(truth, said, average="macro"),
        "log_loss": log_loss(truth, chances, labels=model.classes_),
    }
    if len(model.classes_) == 2:
        scores["roc_auc"] = roc_auc_score(truth == model.classes_[1], chances[:, 1])
    return scores


class Best(NamedTuple):
    candidate: str
    accuracy: float
    metrics: Metrics
    model: Model


@task
def pick_best(candidates: list[str], models: list[Model], scores: list[Metrics]) -> Best:
    """The most accurate one; among equals the one that is surer of what it says."""
    best = min(range(len(scores)), key=lambda n: (-scores[n]["accuracy"], scores[n]["log_loss"]))
    return Best(candidates[best], scores[best]["accuracy"], scores[best], models[best])


class Stored(NamedTuple):
    model: Model
    metrics: Metrics
    card: Report


@task
def store(best: str, model: Model, metrics: Metrics, target: str, threshold: float) -> Stored:
    """Keep the model together with what is known about it."""
    lines = [f"# {best}", "", f"Predicts `{target}`; the accuracy demanded was {threshold:g}.", ""]
    lines += [f"- {name}: {value:.4f}" for name, value in metrics.items()]
    return Stored(model, metrics, "\n".join(lines) + "\n")


@task
def turn_down(best: str, accuracy: float, threshold: float) -> str:
    """Say why nothing was stored."""
    return f"{best} reaches an accuracy of {accuracy:.4f}; {threshold:g} was demanded"


# --- the pipeline: called once to see what depends on what; nothing is computed here. --------------------------------


@pipeline
def diagnosis(
    data: str = "",
    target: str = "diagnosis",
    separator: str = ",",
    candidates: list[str] = ["logistic regression", "random forest", "gradient boosting"],  # noqa: B006
    holdout: float = 0.25,
    threshold: float = 0.9,
    seed: int = 7,
) -> None:
    """Tell malignant tumours from benign ones, and keep the best model if it is good enough."""
    rows = ingest(data, target, separator)
    checked = validate(rows, target)
    fit_for_use = insist(checked.findings)
    parts = split(rows, target, holdout, seed)
    # `a >> b`: b starts only after a, although it takes nothing from it.
    fit_for_use >> parts

    # One task run for each candidate, in parallel; then one evaluation for each model, as soon as that model is there.
    models = each(train, over={"candidate": candidates}, rows=parts.train, target=target, seed=seed)
    scores = each(evaluate, over={"model": models}, rows=parts.holdout, target=target)
    best = pick_best(candidates, models, scores)

    # Decided while the run is under way, from a number that one of its tasks returned.
    with when(best.accuracy >= threshold, name="good_enough"):
        store(best.candidate, best.model, best.metrics, target, threshold)
    with otherwise(name="too_weak"):
        turn_down(best.candidate, best.accuracy, threshold)
