"""A hundred tasks, each fed by the one before it."""

from __future__ import annotations

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
