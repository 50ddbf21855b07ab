"""A pipeline with one of everything that a crash must not spoil; each task notes its start and its end outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidemill import (
    at_end,
    current,
    each,
    first_of,
    optional,
    otherwise,
    pipeline,
    status_of,
    task,
    when,
)


@contextmanager
def noted(ledger: str) -> Iterator[None]:
    """Two lines, with or without the second, are there whatever becomes of this process."""
    context = current()
    name = "".join((context.path, *(f"[{index}]" for index in context.indexes)))
    _note(ledger, f"start {name}")
    yield
    _note(ledger, f"end {name}")


def _note(ledger: str, line: str) -> None:
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{line}\n".encode())
    os.close(file)


@task
def numbers(ledger: str) -> list[int]:
    print("so that there is somebody who writes logs")
    with noted(ledger):
        return [1, 2, 3]


@task(pool="oven")
def square(ledger: str, n: int) -> int:
    with noted(ledger):
        return n * n


@task
def total(ledger: str, values: list[int]) -> int:
    with noted(ledger):
        return sum(values)


@task(cache=True)
def costly(ledger: str, n: int) -> int:
    with noted(ledger):
        return n + 100


@task
def double(ledger: str, n: int) -> int:
    with noted(ledger):
        return 2 * n


@task(retries=1)
def flaky(ledger: str) -> str:
    with noted(ledger):
        if current().attempt == 1:
            raise ValueError("it works the second time")
        return "done"


@task
def written(ledger: str, n: int) -> Path:
    with noted(ledger):
        file = current().scratch / "rows.txt"
        file.write_text("row\n" * n)
        return file


@task
def counted(ledger: str, rows: Path) -> int:
    with noted(ledger):
        return len(rows.read_text().splitlines())


@task
def label(ledger: str, text: str) -> str:
    with noted(ledger):
        return text


@task
def failing(ledger: str) -> str:
    with noted(ledger):
        raise KeyError("never")


@task
def acting(ledger: str) -> list:
    """What each effect answers depends on who was first to ask for it."""
    with noted(ledger):
        return [current().act("set_variable", name=f"said{n}", value=f"{n} by {os.getpid()}") for n in range(2)]


@task
def pushing(ledger: str) -> None:
    with noted(ledger):
        current().push("seen", {"rows": 7})
        file = current().scratch / "sketch.txt"
        file.write_text("a sketch")
        current().push("sketch", file)


@task
def farewell(ledger: str, failed: dict, acted: list) -> dict:
    with noted(ledger):
        return {"failing": failed["state"], "effects": len(acted)}


@pipeline
def sixteen(ledger: str):
    squares = each(square, over={"n": numbers(ledger)}, ledger=ledger)
    summed = total(ledger, squares)
    first = costly(ledger, 1)
    doubled = double(ledger, first)
    costly.options(name="again", after=[doubled])(ledger, 1)
    flaky(ledger)
    counted(ledger, written(ledger, summed))
    with when(summed > 10):
        big = label(ledger, "big")
    with otherwise():
        small = label(ledger, "small")
    label.options(name="chosen")(ledger, first_of(big, small))
    failed = failing(ledger)
    label.options(name="never")(ledger, failed)
    acted = acting(ledger)
    pushing(ledger)
    with at_end():
        farewell(ledger, status_of(failed), optional(acted))


@task
def asking(ledger: str) -> list:
    with noted(ledger):
        with open(f"{ledger}.gate") as gate:
            gate.readline()
        return [current().act("set_variable", name="said", value="once"), current().variable("said")]


@pipeline
def gated(ledger: str):
    """Waits for a line in the named pipe beside the ledger."""
    asking(ledger)
