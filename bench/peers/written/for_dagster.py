"""Dagster: each op in a process of its own (`multiprocess_executor`), events recorded in SQLite files."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator

from dagster import (
    DagsterInstance,
    DynamicOut,
    DynamicOutput,
    execute_job,
    job,
    multiprocess_executor,
    op,
    reconstructable,
)

two_at_once = multiprocess_executor.configured({"max_concurrent": 2})


@op
def zero() -> int:
    return 0


@op
def step(n: int) -> int:
    return n + 1


@op(out=DynamicOut(int))
def numbers() -> Iterator[DynamicOutput[int]]:
    for n in range(200):
        yield DynamicOutput(n, mapping_key=str(n))


@job(executor_def=two_at_once)
def chain() -> None:
    n = zero()
    for _ in range(99):
        n = step(n)


@job(executor_def=two_at_once)
def fan() -> None:
    numbers().map(step)


@job(executor_def=two_at_once)
def hello() -> None:
    n = zero()
    for _ in range(4):
        n = step(n)


def main() -> None:
    os.environ.setdefault("DAGSTER_HOME", os.getcwd())
    work = reconstructable({"chain": chain, "fan": fan, "hello": hello}[sys.argv[1]])
    with DagsterInstance.get() as instance:
        begun = time.perf_counter()
        result = execute_job(work, instance=instance, raise_on_error=True)
        seconds = time.perf_counter() - begun
    assert result.success
    print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
