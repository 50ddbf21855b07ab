"""Benign or malignant? Models compete on real data, and the best one goes into production if it deserves it.

- `tidemill demo` tells the whole story on the data that comes with scikit-learn, or on a CSV file of yours;
- `tidemill run examples/diagnosis/pipeline.py -p seed=3` runs it as any other pipeline.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd
from candidates import candidate as make_candidate
from candidates import usable
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from tidemill import Dataset, Metrics, Model, each, otherwise, pipeline, task, when
from tidemill.tasks import evaluate, gate, register, validate

# The libraries above are imported once, in the process that all tasks are forked from: no task waits for them.
# Each task gets a process of its own, so none of them needs threads besides; they would only be in each other's way,
# and with one thread the sums come out the same to the last digit every time on the same machine.
threadpool_limits(limits=1)

CONTRACT = Path(__file__).with_name("contract.yaml")


# --- tasks: plain functions with types. The types say how what they return is stored. --------------------------------


@task(cache=True)
def ingest(data: Path | None, target: str, separator: str) -> Dataset:
    """The rows of a CSV file, or without one the Wisconsin breast cancer data: 569 tumours, 30 measurements each.

    An input that is a `Path` counts by the content of the file: the same rows again need not be read again.
    """
    if data is not None:
        # A BOM at the beginning is no part of the first column's name.
        rows = pd.read_csv(data, sep=separator, encoding="utf-8-sig", skipinitialspace=True, index_col=False)
        switches = rows.select_dtypes("bool").columns.drop(target, errors="ignore")
        return rows.astype(dict.fromkeys(switches, "int8"))
    bunch = load_breast_cancer(as_frame=True)
    rows = bunch.frame.drop(columns="target")
    rows[target] = bunch.target_names[bunch.target]
    return rows


class Parts(NamedTuple):
    """Several results of one task: each field can be used on its own, and is stored on its own."""

    train: Dataset
    holdout: Dataset


@task(cache=True)
def split(rows: Dataset, target: str, holdout: float, seed: int) -> Parts:
    """Set some rows aside that no model sees before it is judged; each class keeps its share on both sides."""
    named = rows.assign(**{target: rows[target].astype(str)})
    train, held_out = train_test_split(named, test_size=holdout, stratify=named[target], random_state=seed)
    return Parts(train.reset_index(drop=True), held_out.reset_index(drop=True))


@task(cache=True)
def train(candidate: str, rows: Dataset, target: str, columns: list[str], seed: int) -> Model:
    """Train one of the candidates, on all columns or on those that are named. These run at once, one process each."""
    numbers, categories = usable(rows[columns] if columns else rows, target)
    features, truth = rows.drop(columns=target), rows[target].to_numpy(dtype=str)
    return make_candidate(candidate, numbers, categories, seed).fit(features, truth)


class Best(NamedTuple):
    candidate: str
    accuracy: float
    metrics: Metrics
    model: Model


@task(cache=True)
def pick_best(candidates: list[str], models: list[Model], scores: list[Metrics]) -> Best:
    """The most accurate one; among equals the one that is surer of what it says."""
    best = min(range(len(scores)), key=lambda n: (-scores[n]["accuracy"], scores[n]["log_loss"]))
    return Best(candidates[best], scores[best]["accuracy"], scores[best], models[best])


@task
def turn_down(best: str, reasons: list[str]) -> str:
    """Say why nothing goes into production. A model that is refused is a result like any other, and no failure."""
    return f"{best}: {'; '.join(reasons)}"


# --- the pipeline: called once to see what depends on what; nothing is computed here. --------------------------------


@pipeline
def diagnosis(
    data: Path | None = None,
    target: str = "diagnosis",
    separator: str = ",",
    contract: Path = CONTRACT,
    candidates: list[str] = ["logistic regression", "random forest", "gradient boosting"],  # noqa: B006
    columns: list[str] = [],  # noqa: B006
    holdout: float = 0.25,
    threshold: float = 0.9,
    model: str = "diagnosis",
    seed: int = 7,
) -> None:
    """Tell malignant tumours from benign ones; what is good enough, and better than the champion, takes its place."""
    rows = ingest(data, target, separator)
    # Rows that break the contract stop everything here, before anything is learned from them.
    checked = validate.options(cache=True)(rows, contract)
    parts = split(checked.rows, target, holdout, seed)

    # One task run for each candidate, in parallel; then one evaluation for each model, as soon as that model is there.
    models = each(train, over={"candidate": candidates}, rows=parts.train, target=target, columns=columns, seed=seed)
    scores = each(evaluate, over={"model": models}, rows=parts.holdout, target=target)
    best = pick_best(candidates, models, scores.metrics)

    # The champion, if there is one, is judged anew on the very same rows.
    rule = {
        "thresholds": [{"metric": "accuracy", "min": threshold}],
        "primary": {"metric": "log_loss", "better_by": 0.0},
        "guardrails": [{"metric": "accuracy", "no_worse_than": 0.05}],
    }
    judged = gate(best.model, parts.holdout, target=target, model=model, rule=rule)
    with when(judged.passed, name="good_enough"):
        register(best.model, model, decision=judged.decision, alias="champion", metrics=best.metrics)
    with otherwise(name="too_weak"):
        turn_down(best.candidate, judged.reasons)
