"""Ten thousand mapped tasks that do nothing."""

from __future__ import annotations

from tidemill import each, pipeline, task


@task
def nothing(n: int) -> None:
    pass


@pipeline
def ten_thousand() -> None:
    each(nothing, over={"n": list(range(10_000))})


@pipeline
def few() -> None:
    each(nothing, over={"n": list(range(20))})
