"""Two pipelines of which neither is a part of the other."""

from __future__ import annotations

from tidemill import pipeline, task


@task
def work(n: int) -> int:
    return n


@pipeline
def morning() -> None:
    work(1)


@pipeline(name="evening-run")
def evening() -> None:
    work(2)
