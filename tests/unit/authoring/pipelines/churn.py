"""The pipeline of the design: load, split, three models in parallel, the best one, and a threshold that decides."""

from __future__ import annotations

from typing import NamedTuple

from tidemill import Dataset, Metrics, Model, each, pipeline, task, when


class Split(NamedTuple):
    train: Dataset
    test: Dataset


class Best(NamedTuple):
    model: Model
    accuracy: float


@task(retries=2, cache=True)
def load(path: str) -> Dataset:
    """Read the rows."""
    return [path]


@task
def split(rows: Dataset) -> Split:
    return Split(rows, rows)


@task(pool="cpu", resources={"cpu": 2, "memory": "2GB"})
def train(rows: Dataset, max_depth: int = 10) -> Model:
    return {"depth": max_depth, "rows": rows}


@task
def evaluate(model: Model, rows: Dataset) -> Metrics:
    return {"accuracy": 0.9}


@task
def pick_best(models: list[Model], scores: list[Metrics]) -> Best:
    return Best(models[0], scores[0]["accuracy"])


@task(acts=True)
def register(model: Model, name: str) -> None: ...


@pipeline(schedule="0 2 * * *", owner="ann", tags=["daily"])
def churn(path: str = "data/churn.csv", threshold: float = 0.85) -> None:
    """Predict who leaves."""
    rows = load(path)
    train_rows, test_rows = split(rows)
    models = each(train, over={"max_depth": [5, 10, 20]}, rows=train_rows)
    scores = each(evaluate, over={"model": models}, rows=test_rows)
    best = pick_best(models, scores)
    with when(best.accuracy >= threshold):
        register(best.model, "churn")
