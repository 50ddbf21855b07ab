"""Pipelines of the engine's tests; what their tasks do is seen from outside in a ledger file."""

from __future__ import annotations

from pathlib import Path

from tidemill import Dataset, current, each, pipeline, pushed, task, wait_for, wait_for_approval, wait_for_event


def note(ledger: str, line: str) -> None:
    with Path(ledger).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@task(retries=2, retry_delay=60, retry_backoff=True)
def third_time(ledger: str) -> int:
    note(ledger, f"try {current().attempt}")
    if current().attempt < 3:
        raise ValueError(f"not the first {current().attempt} times")
    return 3


@task
def after(n: int) -> int:
    return n + 1


@pipeline
def retried(ledger: str) -> None:
    after(third_time(ledger))


@task
def use(payload: dict[str, int], approval: dict[str, object]) -> int:
    return payload["rows"]


@pipeline
def waiting() -> None:
    pause = wait_for(3600, name="pause")
    data = wait_for_event("data", name="data", after=[pause])
    ask = wait_for_approval("go?", name="ask", timeout=86400, after=[pause])
    use(data, ask)


@task(retries=1)
def pushes(ledger: str) -> int:
    context = current()
    context.push("seen", context.attempt)
    context.push(f"only in {context.attempt}", True)
    if context.attempt == 1:
        raise ValueError("the first time")
    return 1


@task
def reads(seen: int) -> int:
    return seen * 10


@pipeline
def pushing(ledger: str) -> None:
    done = pushes(ledger)
    reads(pushed(done, "seen"))


@task(cache=100)
def rows(ledger: str, n: int) -> Dataset:
    note(ledger, f"rows {n}")
    return ["x" * 1000] * 100 * n


@task
def count(of: Dataset) -> int:
    return len(of)


@pipeline
def cached(ledger: str, n: int = 1) -> None:
    count(rows(ledger, n))


@task
def acts(ledger: str, n: int) -> str:
    answer = current().act("set_variable", name=f"v{n}", value=n)
    note(ledger, f"acted {n}")
    return f"{answer}"


@task(join="all_done")
def gather(values: list[str]) -> int:
    return len(values)


@task
def seed_of(n: int) -> int:
    return current().seed


@pipeline
def fan_out(ledger: str, width: int = 4) -> None:
    gather(each(acts, over={"n": list(range(4))}, ledger=ledger))


@task
def step(n: int) -> int:
    return n + 1


@pipeline
def chain() -> None:
    n = step(0)
    for _ in range(9):
        n = step(n)


@task(cache=True)
def kept(n: int) -> int:
    return n + 1


@pipeline
def long_chain() -> None:
    n = kept(0)
    for _ in range(199):
        n = kept(n)
