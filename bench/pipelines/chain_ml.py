"""The chain of a hundred tasks in a file that imports what a file about machine learning imports."""

from __future__ import annotations

import pandas  # noqa: F401 - its weight is the point
import sklearn.ensemble  # noqa: F401

from tidemill import pipeline, task

LENGTH = 100


@task
def step(n: int) -> int:
    return n + 1


@pipeline
def chain() -> int:
    n = 0
    for _ in range(LENGTH):
        n = step(n)
    return n
