"""Twenty small tasks, to be run two hundred times at once; and all of them in one run."""

from __future__ import annotations

from tidemill import each, pipeline, task

TASKS = 20
RUNS = 200


@task
def square(n: int) -> int:
    return n * n


@pipeline
def one_of_many() -> None:
    each(square, over={"n": list(range(TASKS))})


@pipeline
def all_in_one() -> None:
    each(square, over={"n": list(range(TASKS * RUNS))})
