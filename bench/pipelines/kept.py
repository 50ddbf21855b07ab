"""Tasks whose results are kept: a hundred side by side and in chains, and a lattice of two thousand nodes."""

from __future__ import annotations

from tidemill import pipeline, task

HUNDRED = 100
NODES = 2_000
_CHAINS = 10
_STEPS = (1, 2, 3, 5, 8)


@task(cache=True)
def source(n: int) -> int:
    return n


@task(cache=True)
def step(n: int) -> int:
    return n + 1


@task(cache=True)
def mix(a: int, b: int, c: int, d: int, e: int) -> int:
    return (a + b + c + d + e) % 1_000


@pipeline
def hundred() -> None:
    for first in range(_CHAINS):
        last = source(first)
        for _ in range(HUNDRED // _CHAINS - 1):
            last = step(last)


@pipeline
def two_thousand() -> None:
    nodes = [source(number) for number in range(max(_STEPS))]
    while len(nodes) < NODES:
        nodes.append(mix(*(nodes[-step] for step in _STEPS)))
