"""Many tasks that wait for nothing and for which nothing waits."""

from __future__ import annotations

from tidemill import each, pipeline, task


@task
def square(n: int) -> int:
    return n * n


@pipeline
def thousand() -> None:
    each(square, over={"n": list(range(1_000))})


@pipeline
def few() -> None:
    each(square, over={"n": list(range(20))})


@pipeline
def two_hundred() -> None:
    each(square, over={"n": list(range(200))})
