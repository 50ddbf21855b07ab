"""ZenML: steps one after the other in this process (local orchestrator), recorded in SQLite, outputs in files."""

from __future__ import annotations

import json
import sys
import time

from zenml import pipeline, step


@step(enable_cache=False)
def zero() -> int:
    return 0


@step(enable_cache=False)
def add(n: int) -> int:
    return n + 1


@pipeline(enable_cache=False)
def chain() -> None:
    n = zero()
    for _ in range(99):
        n = add(n)


@pipeline(enable_cache=False)
def fan() -> None:
    for n in range(200):
        add(n)


@pipeline(enable_cache=False)
def hello() -> None:
    n = zero()
    for _ in range(4):
        n = add(n)


def main() -> None:
    work = {"chain": chain, "fan": fan, "hello": hello}[sys.argv[1]]
    if sys.argv[1] != "hello":
        hello()
    begun = time.perf_counter()
    work()
    print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)


if __name__ == "__main__":
    main()
