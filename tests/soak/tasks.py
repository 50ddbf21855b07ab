"""The tasks of the soak: each notes its beginning and its end in a file outside, with the attempt and its process."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidemill import Skip, current, task
from tidemill.core.instances import instance_from

MODULUS = 10_007


@contextmanager
def noted(ledger: str, pause: float = 0.0) -> Iterator[None]:
    """A line `begin`, the pause in seconds, what the task does, and a line `end`, or `fail` if it raises."""
    _note(ledger, "begin")
    try:
        if pause:
            (current().scratch / "here").touch()
            time.sleep(pause)
        yield
    except BaseException:
        _note(ledger, "fail")
        raise
    _note(ledger, "end")


def _note(ledger: str, what: str) -> None:
    ticket = current().ticket
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{what} {ticket.attempt} {os.getpid()} {ticket.path}:{ticket.instance}\n".encode())
    os.close(file)


@task
def add(ledger: str, x: int, n: int, pause: float = 0.0) -> int:
    with noted(ledger, pause):
        return (x + n) % MODULUS


@task
def numbers(ledger: str, x: int, count: int) -> list[int]:
    with noted(ledger):
        return [(x + n) % MODULUS for n in range(count)]


@task
def square(ledger: str, n: int, pause: float = 0.0) -> int:
    with noted(ledger, pause):
        return n * n % MODULUS


@task
def total(ledger: str, values: list[int]) -> int:
    with noted(ledger):
        return sum(values) % MODULUS


@task
def flaky(ledger: str, x: int, fails: int, pause: float = 0.0) -> int:
    with noted(ledger, pause):
        if current().attempt <= fails:
            raise ValueError("not yet")
        return (x * 3) % MODULUS


@task
def holey(ledger: str, n: int) -> int:
    """Fails for every fifth number and leaves out every third."""
    with noted(ledger):
        if n % 5 == 0:
            raise ValueError(f"never with {n}")
        if n % 3 == 0:
            raise Skip(f"not with {n}")
        return n


@task(join="all_done")
def gather(ledger: str, values: list[int]) -> int:
    with noted(ledger):
        return sum(values) % MODULUS


@task
def unlucky(ledger: str, x: int, rounds: int) -> int:
    """Fails until the block around it has been tried so often."""
    with noted(ledger):
        if instance_from(current().ticket.instance)[-1].generation < rounds:
            raise ValueError("another round")
        return (x + 1) % MODULUS


@task
def failing(ledger: str, x: int) -> int:
    with noted(ledger):
        raise KeyError("never")


@task(timeout=0.5)
def endless(ledger: str, x: int) -> int:
    with noted(ledger):
        while True:
            time.sleep(60)


@task(join="all_done")
def ended_as(ledger: str, x: int, seen: dict) -> list:
    with noted(ledger):
        return [x, seen["state"], seen["error"]["kind"]]


@task(cache=True)
def costly(ledger: str, x: int, salt: str, pause: float = 0.0) -> int:
    with noted(ledger, pause):
        return (x + 100) % MODULUS


@task
def acting(ledger: str, name: str, count: int) -> list:
    """What each effect answers depends on who was first to ask for it."""
    with noted(ledger):
        answers = []
        for n in range(count):
            answers.append(current().act("set_variable", name=f"{name}.{n}", value=f"{n} by {os.getpid()}"))
            time.sleep(0.1)
        return answers


@task
def written(ledger: str, x: int) -> Path:
    with noted(ledger):
        file = current().scratch / "rows.txt"
        file.write_text("row\n" * (x % 50))
        return file


@task
def counted(ledger: str, rows: Path) -> int:
    with noted(ledger):
        return len(rows.read_text().splitlines())


@task
def pushing(ledger: str, x: int) -> int:
    with noted(ledger):
        current().push("seen", {"x": x})
        file = current().scratch / "sketch.txt"
        file.write_text(f"a sketch of {x}\n")
        current().push("sketch", file)
        return (x + 7) % MODULUS


@task
def printing(ledger: str, x: int, lines: int) -> int:
    with noted(ledger):
        for n in range(lines):
            print(f"line {n} of {lines}")
        return (x + lines) % MODULUS


@task
def helped(ledger: str, x: int, pause: float) -> int:
    """Has a process of its own that somebody may kill, and leaves another one behind."""
    with noted(ledger, 0.01):
        subprocess.Popen(["sleep", "600"], start_new_session=True, stdin=subprocess.DEVNULL)
        subprocess.run(["sleep", f"{pause:.2f}"], check=False)
        return (x + 11) % MODULUS


def third_time(ledger: str) -> bool:
    with noted(ledger):
        return current().attempt >= 3
