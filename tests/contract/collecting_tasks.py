"""Pipelines whose artifacts are collected: kept results, folders, content that is the same in every run."""

from __future__ import annotations

import os
from pathlib import Path

from tidemill import Dataset, current, pipeline, task

ROWS = [{"n": n} for n in range(2000)]


@task(cache=True)
def kept(seed: int) -> Dataset:
    return [{"n": n, "seed": seed} for n in range(2000)]


@task
def fresh(rows: Dataset) -> Dataset:
    return [*rows, {"n": os.urandom(8).hex(), "seed": 0}]


@task
def same(rows: Dataset) -> Dataset:
    assert len(rows) >= 2000
    return ROWS


@task
def folder(rows: Dataset) -> Path:
    root = current().scratch / "made"
    (root / "deep").mkdir(parents=True)
    (root / "deep" / "one.txt").write_text(os.urandom(8).hex())
    (root / "two.txt").write_text("the same in every run")
    print("a line of a log")
    return root


@pipeline
def collected(seed: int = 1) -> None:
    rows = kept(seed)
    fresh(rows)
    folder(rows)
    same(rows)


@pipeline
def other(seed: int = 1) -> None:
    same(kept(seed))
