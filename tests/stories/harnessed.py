"""Pipelines that are run with parts of them replaced."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from tidemill import (
    Dataset,
    current,
    each,
    pipeline,
    poll,
    run_info,
    subgraph,
    task,
    wait_for,
    wait_for_approval,
    wait_for_event,
    when,
)


class Parts(NamedTuple):
    train: Dataset
    test: Dataset


@task(retries=2, retry_delay="1h", cache=True)
def load(path: Path, day: date) -> Dataset:
    raise ConnectionError(f"{path} is far away on {day}")


@task
def split(rows: Dataset) -> Parts:
    return Parts(rows[:2], rows[2:])


@task
def fit(rows: Dataset, depth: int) -> float:
    print(f"fitting {len(rows)} rows, depth {depth}")
    return depth / 10


@task
def best(scores: list[float]) -> float:
    return max(scores)


@task
def notify(score: float) -> str:
    return f"best is {score}"


@pipeline
def training(path: str = "rows.csv", day: date = date(2026, 1, 2), threshold: float = 0.25):
    train, _ = split(load(path, day))
    score = best(each(fit, over={"depth": [1, 2, 3]}, rows=train))
    with when(score >= threshold, name="good"):
        notify(score)


def is_there(table: str) -> bool:
    return False


@task
def count(batch: dict, answers: list[dict]) -> int:
    return len(batch["files"])


@task
def tell_time() -> str:
    return f"{current().scheduled_for} {current().variable('zone')}"


@pipeline
def waiting():
    ready = poll(is_there, every="1h", timeout="12h", table="orders", name="ready")
    batch = wait_for_event("batch", key="orders", after=ready)
    answers = each(ask, over={"who": ["ann", "bob"]})
    counted = count(batch, answers)
    tell_time.options(after=wait_for(timedelta(days=1), after=counted))()


@pipeline
def ask(who: str):
    return wait_for_approval("go on?", name="answer")


@task
def swap(name: str) -> str:
    return f"{name} is live"


@pipeline
def swapping():
    with subgraph("publish", retries=1):
        swap("one")
        notify(1.0)
    with subgraph("other"):
        swap("two")


@task
def greedy(name: str, /, *, run: str, **more: int) -> list[str]:
    return [name, run, *more]


@pipeline
def odd():
    greedy("a", run=run_info.pipeline, extra=1)


def speak(words: list[str]) -> None:
    print(*words, sep="", end="")
