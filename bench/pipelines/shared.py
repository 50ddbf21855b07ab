"""Many tasks so small that they share their processes."""

from __future__ import annotations

from tidemill import each, pipeline, task


@task(isolation="shared")
def square(n: int) -> int:
    return n * n


@pipeline
def ten_thousand() -> None:
    each(square, over={"n": list(range(10_000))})


@pipeline
def thousand() -> None:
    each(square, over={"n": list(range(1_000))})


@pipeline
def few() -> None:
    each(square, over={"n": list(range(50))})
