"""DBOS: steps and workflows in threads of this process, every one of them recorded in SQLite as it ends."""

from __future__ import annotations

import json
import sys
import time

from dbos import DBOS

DBOS(config={"name": "bench", "system_database_url": "sqlite:///dbos.sqlite", "log_level": "WARNING"})


@DBOS.step()
def step(n: int) -> int:
    return n + 1


@DBOS.workflow()
def chain(length: int) -> int:
    n = 0
    for _ in range(length):
        n = step(n)
    return n


@DBOS.workflow()
def square(n: int) -> int:
    return n * n


def fan(width: int) -> int:
    return sum(handle.get_result() for handle in [DBOS.start_workflow(square, n) for n in range(width)])


def main() -> None:
    DBOS.launch()
    work = {"chain": lambda: chain(100), "fan": lambda: fan(200), "hello": lambda: chain(5)}[sys.argv[1]]
    if sys.argv[1] != "hello":
        chain(5)
    begun = time.perf_counter()
    work()
    print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)
    DBOS.destroy()


if __name__ == "__main__":
    main()
