"""A pipeline of some three hundred task runs: maps, chains, branches, failures, retries, skips, teardowns."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from tidemill import (
    Dataset,
    Metrics,
    Refuse,
    Skip,
    at_end,
    current,
    each,
    first_of,
    optional,
    otherwise,
    pipeline,
    status_of,
    subgraph,
    task,
    when,
    zipped,
)


class Halves(NamedTuple):
    even: list[int]
    odd: list[int]


@task
def numbers(count: int) -> list[int]:
    return list(range(count))


@task
def halves(of: list[int]) -> Halves:
    return Halves([n for n in of if n % 2 == 0], [n for n in of if n % 2])


@task(retries=1)
def square(n: int) -> int:
    if n % 5 == 0 and current().attempt == 1:
        raise ValueError(f"{n} works the second time")
    return n * n


@task
def shaky(n: int) -> float:
    if n % 49 == 1:
        raise ValueError(f"never with {n}")
    if n % 16 == 4:
        raise Skip(f"not with {n}")
    return n / 2


@task(retries=3, do_not_retry_on=[KeyError])
def tail(x: float) -> str:
    if x == 8.0:
        raise KeyError("no second try")
    return f"{x:g}"


@task(join="all_done")
def gather(values: list[str]) -> list[str]:
    return values


@task
def grow(k: int, n: int) -> int:
    return k * 10 + n


@task
def total(values: list[int]) -> int:
    return sum(values)


@task
def frame(k: int) -> Dataset:
    return pd.DataFrame({"k": [k] * (k + 1), "name": [f"row {n}" for n in range(k + 1)]})


@task
def measure(rows: Dataset) -> Metrics:
    return {"rows": len(rows), "share": 1 / len(rows)}


@task
def label(text: str, value: int) -> str:
    return f"{text} {value}"


@pipeline
def block(k: int):
    """One item of the outer map: a map inside, and a branch on what came of it."""
    grown = each(grow, over={"n": [0, 1, 2, 3, 4, 5]}, k=k)
    summed = total(grown)
    rows = frame(k)
    scores = measure(rows)
    with when(summed > 200):
        big = label("big", summed)
    with otherwise():
        small = label("small", summed)
    return {"label": first_of(big, small), "rows": scores.rows}


@task
def multiply(a: int, b: int) -> int:
    return a * b


@task
def pair(left: int, right: str) -> str:
    return f"{left}{right}"


@task
def flaky_pair(stage: str) -> int:
    return len(stage)


@task
def refuse() -> None:
    raise Refuse("not today")


@task
def after_refusal(x: int) -> int:
    return x


@task
def never(x: int) -> int:
    raise AssertionError("this branch is not taken")


@task
def reads_what_may_be_missing(x: int = -1) -> int:
    return x


@task
def open_cluster() -> str:
    return "cluster"


@task
def close_cluster(name: str) -> str:
    return f"closed {name}"


@task
def farewell(blocks: dict, labels: list[str]) -> dict:
    return {"blocks": blocks["state"], "labels": len(labels)}


@pipeline
def three_hundred(count: int = 40):
    items = numbers(count)
    parts = halves(items)
    squares = each(square, over={"n": items})
    shaken = each(shaky, over={"n": squares})
    tails = each(tail, over={"x": shaken})
    gather(tails)

    blocks = each(block, over={"k": [0, 1, 2, 3, 4, 5, 6, 7]})
    table = each(multiply, over={"a": list(range(8)), "b": [1, 2, 3, 4, 5, 6]})
    total.options(name="table_total")(table)
    each(pair, over=zipped(left=parts.odd, right=["a"] * 20))

    with subgraph("together", retries=1):
        first = flaky_pair("one")
        flaky_pair.options(name="second", after=[first])("three")

    refused = refuse()
    after_refusal.options(after=[refused])(1)
    with when(table_is_small(table)):
        skipped = never(1)
    reads_what_may_be_missing(optional(skipped))

    cluster = open_cluster()
    label.options(name="in_cluster")(cluster, 1)
    close_cluster.options(teardown_of=cluster)(cluster)
    with at_end():
        farewell(status_of(blocks), gather.options(name="all_labels")(blocks.label))


@task
def table_is_small(table: list[int]) -> bool:
    return len(table) < 10
