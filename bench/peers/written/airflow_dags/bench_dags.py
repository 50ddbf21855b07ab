"""The pipelines as Airflow DAGs."""

from __future__ import annotations

from airflow.sdk import dag, task


@task
def zero() -> int:
    return 0


@task
def step(n: int) -> int:
    return n + 1


@dag(schedule=None, catchup=False)
def chain() -> None:
    n = zero()
    for _ in range(99):
        n = step(n)


@dag(schedule=None, catchup=False)
def fan() -> None:
    step.expand(n=list(range(200)))


@dag(schedule=None, catchup=False)
def hello() -> None:
    n = zero()
    for _ in range(4):
        n = step(n)


chain()
fan()
hello()
