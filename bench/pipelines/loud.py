"""A task that prints a gigabyte, beside a row of small neighbours that say when each of them began.

The quiet one does the same work for as long, and prints nothing. Moments are nanoseconds of the clock that all
processes share.
"""

from __future__ import annotations

import sys
import time

from tidemill import pipeline, task

LINE = "x" * 1023 + "\n"
LINES_AT_ONCE = 64
GIGABYTE = 1_000_000_000
NEIGHBOURS = 40


@task
def shout(amount: int) -> list[int]:
    begun = time.monotonic_ns()
    for _ in range(0, amount, len(LINE) * LINES_AT_ONCE):
        for _ in range(LINES_AT_ONCE):
            sys.stdout.write(LINE)
    sys.stdout.flush()
    return [begun, time.monotonic_ns()]


@task
def whisper(seconds: float) -> list[int]:
    begun = time.monotonic_ns()
    with open("/dev/null", "w") as nowhere:
        while time.monotonic_ns() - begun < seconds * 1e9:
            for _ in range(LINES_AT_ONCE):
                nowhere.write(LINE)
    return [begun, time.monotonic_ns()]


@task
def neighbour(before: list[int]) -> list[int]:
    return [*before, time.monotonic_ns()]


def _neighbours() -> list[int]:
    moments: list[int] = []
    for _ in range(NEIGHBOURS):
        moments = neighbour(moments)
    return moments


@pipeline
def loud(amount: int) -> None:
    shout(amount)
    _neighbours()


@pipeline
def quiet(seconds: float) -> None:
    whisper(seconds)
    _neighbours()
