"""A pipeline that stands at gates in the middle, and uses there whatever an attempt may have its engine write."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tidemill import current, each, pipeline, task


def note(ledger: str, line: str) -> None:
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{line}\n".encode())
    os.close(file)


def stand_at_gate(ledger: str, name: str) -> int:
    """Goes on when there is a file `LEDGER.NUMBER`."""
    number = current().attempt
    note(ledger, f"{name} {number} {os.getpid()}")
    while not Path(f"{ledger}.{number}").exists():
        time.sleep(0.02)
    note(ledger, f"went {name} {number}")
    return number


def file_with(text: str) -> Path:
    file = current().scratch / "file.txt"
    file.write_text(text)
    return file


@task
def first(ledger: str, n: int) -> Path:
    note(ledger, f"first {n}")
    return file_with(str(n))


@task(pool="oven")
def asks(ledger: str, of: list[Path]) -> int:
    """Has things pushed, done and read."""
    number = stand_at_gate(ledger, "asks")
    me = current()
    me.push("sketch", file_with(f"by {number}"))
    try:
        me.act("set_variable", name="passed", value=number)
        me.read("first", index=0)
    finally:
        note(ledger, f"asked {number}")
    return number


@task(cache=True, pool="oven")
def kept(ledger: str, of: list[Path]) -> Path:
    """Leaves an artifact and an entry of the cache."""
    return file_with(f"by {stand_at_gate(ledger, 'kept')}")


@task
def last(ledger: str, asked: int, rows: Path) -> str:
    note(ledger, "last")
    return f"{asked}, {rows.read_text()}"


@pipeline
def relay(ledger: str):
    made = each(first, over={"n": [0, 1, 2]}, ledger=ledger)
    last(ledger, asks(ledger, made), kept(ledger, made))


@task(retries=0)
def short(ledger: str) -> None:
    note(ledger, "short")


@pipeline
def errand(ledger: str):
    short(ledger)
