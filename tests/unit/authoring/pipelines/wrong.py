"""A pipeline with many mistakes, all of which are told at once."""

from __future__ import annotations

from tidemill import Dataset, each, pipeline, task


@task
def load(path: str, limit: int = 10) -> Dataset: ...


@task
def train(rows: Dataset, depth: int) -> float: ...


@pipeline
def wrong(path: str) -> None:
    rows = load(pth=path)
    load(path, limit="many")
    load(object())
    load(path, 5, 6)
    each(train, over={"dept": [1]}, rows=rows)
    each(train, over={"depth": "abc"}, rows=rows)
    train(rows, train)
