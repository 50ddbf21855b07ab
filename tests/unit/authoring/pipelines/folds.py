"""Everything inside everything: a map in a branch in a sub-pipeline in a map; the part is a pipeline of this file."""

from __future__ import annotations

from tidemill import Dataset, Metrics, Model, each, first_of, otherwise, pipeline, task, when

print("what a user prints while the file is imported")


@task
def plan(folds: int) -> list[int]:
    return list(range(folds))


@task
def cut(rows: Dataset, fold: int) -> Dataset:
    return rows


@task
def train(rows: Dataset, depth: int) -> Model:
    return depth


@task
def evaluate(model: Model, rows: Dataset) -> Metrics:
    return {"accuracy": 1.0}


@task
def best_of(models: list[Model], scores: list[Metrics]) -> Model:
    return models[0]


@task
def baseline(rows: Dataset) -> Model:
    return 0


@task
def report(models: list[Model]) -> str:
    return str(len(models))


@pipeline
def fold_run(rows: Dataset, fold: int, deep: bool) -> Model:
    part = cut(rows, fold)
    with when(deep & (part.metadata["length"] > 1)):
        models = each(train, over={"depth": [5, 10]}, rows=part, parallelism=2)
        scores = each(evaluate, over={"model": models}, rows=part)
        chosen = best_of(models, scores)
    with otherwise():
        fallback = baseline(part)
    return first_of(chosen, fallback)


@pipeline
def cross_validate(data: Dataset, folds: int = 3, deep: bool = True) -> str:
    models = each(fold_run, over={"fold": plan(folds)}, rows=data, deep=deep)
    return report(models)
