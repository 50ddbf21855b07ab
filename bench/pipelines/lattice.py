"""Two thousand tasks, of which all but the first ones take what five others gave: ten thousand edges."""

from __future__ import annotations

from tidemill import pipeline, task

NODES = 2_000
EDGES = 10_000
_STEPS = (1, 2, 3, 5, 8)


@task
def source(n: int) -> int:
    return n


@task
def mix(a: int, b: int, c: int, d: int, e: int) -> int:
    return a + b + c + d + e


@pipeline
def lattice() -> None:
    first = max(_STEPS)
    nodes = [source(number) for number in range(first)]
    left = EDGES - len(_STEPS) * (NODES - first)
    while len(nodes) < NODES:
        inputs = [nodes[-step] for step in _STEPS]
        if left > 0 and len(nodes) > first:
            # An edge that carries nothing, so that the sum is round.
            nodes.append(mix.options(after=nodes[0])(*inputs))
            left -= 1
        else:
            nodes.append(mix(*inputs))
