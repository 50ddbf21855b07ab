"""Tiny calls in a pool of two warm processes, one by one, nothing kept. Prints one line of JSON."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def square(n: int) -> int:
    return n * n


def main() -> None:
    calls, processes = int(sys.argv[1]), int(sys.argv[2])
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(square, range(50), chunksize=1))
        begun = time.perf_counter()
        results = list(pool.map(square, range(calls), chunksize=1))
        seconds = time.perf_counter() - begun
    assert results[-1] == (calls - 1) ** 2
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
