"""Prefect: tasks in threads of this process, reported to a server of its own that records them in SQLite."""

from __future__ import annotations

import json
import sys
import time

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner


@task
def step(n: int) -> int:
    return n + 1


@flow
def chain(length: int) -> int:
    n = 0
    for _ in range(length):
        n = step(n)
    return n


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def fan(width: int) -> int:
    return sum(step.map(list(range(width))).result())


def main() -> None:
    work = {"chain": lambda: chain(100), "fan": lambda: fan(200), "hello": lambda: chain(5)}[sys.argv[1]]
    if sys.argv[1] != "hello":
        chain(5)
    begun = time.perf_counter()
    work()
    print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)


if __name__ == "__main__":
    main()
