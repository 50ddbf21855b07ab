"""What a row of the table is, what measuring it gives, and the verdict. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from bench.sampling import LEAST, middle, ratio


@dataclass(frozen=True, slots=True)
class Bound:
    """A promise: at most, or with `at_least` at least, `limit`. Of the ratio, or with a `unit` of our own median."""

    limit: float
    at_least: bool = False
    unit: str = ""

    def kept(self, ratio: float | None, ours: float | None) -> bool:
        value = ours if self.unit else ratio
        if value is None:
            return False
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{sign} {self.limit:g} {self.unit}" if self.unit else f"{sign} {self.limit:.1f}x"


@dataclass(frozen=True, slots=True)
class Durability:
    """How safe a side's commits were: what its own database said while it was being written, and where that lies.

    `mode` is "WAL synchronous=FULL", "fsync=on synchronous_commit=on", or whatever else was found.
    """

    mode: str
    file_system: str

    @property
    def full(self) -> bool:
        return self.mode in (SQLITE_FULL, POSTGRES_FULL, FILE_FULL)


SQLITE_FULL = "WAL synchronous=FULL"
POSTGRES_FULL = "fsync=on synchronous_commit=on"
FILE_FULL = "fsync of the file"


@dataclass(frozen=True, slots=True)
class Measured:
    """Samples of both sides in the row's unit. `unavailable` says why there are none, `quiet` that noise hides a
    difference (for rows whose promise is just that). `remark` stands below the table, `more` in the document only.
    """

    ours: tuple[float, ...] = ()
    bare: tuple[float, ...] = ()
    of_ours: Durability | None = None
    of_bare: Durability | None = None
    unavailable: str = ""
    quiet: bool | None = None
    remark: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


class Verdict(Enum):
    AIM = "aim"
    TARGET = "target"
    MISSED = "missed"
    VOID = "void"
    UNAVAILABLE = "not available"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Site:
    """Where and how often a row is measured: `folder` is empty and its own, `say` tells how far it has got."""

    folder: Path
    times: int
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """`name` is the work as the table calls it, `key` what to type, `reference` the other side ("" = there is none).

    `times` is how many samples of each side are taken unless asked otherwise. `durable`: the comparison is void unless
    both sides keep what they commit; `bare_is_durable` False where the other side is known to keep nothing. `promise`
    is the target of a row where a number would not say it.
    """

    key: str
    name: str
    reference: str
    unit: str
    measure: Callable[[Site], Measured]
    target: Bound | None = None
    aim: Bound | None = None
    times: int = 5
    durable: bool = True
    bare_is_durable: bool = True
    promise: str = ""


def void(row: Row, measured: Measured) -> str:
    """Why the comparison does not count; "" if it does."""
    if not measured.unavailable and measured.ours and len(measured.ours) < LEAST:
        return f"{len(measured.ours)} samples are too few for a median"
    sides = [("ours", measured.of_ours)] if row.durable else []
    sides += [("bare", measured.of_bare)] if row.durable and row.bare_is_durable else []
    for side, durability in sides:
        if durability is None:
            return f"it is not known how durable {side} was"
        if not durability.full:
            return f"{side} ran with {durability.mode}"
    places = {durability.file_system for _, durability in sides if durability is not None}
    return "" if len(places) < 2 else f"the two sides wrote to different file systems: {' and '.join(sorted(places))}"


def verdict(row: Row, measured: Measured) -> Verdict:
    if measured.unavailable:
        return Verdict.UNAVAILABLE
    if void(row, measured):
        return Verdict.VOID
    if measured.quiet is not None:
        return Verdict.TARGET if measured.quiet else Verdict.MISSED
    found, ours = ratio(measured.ours, measured.bare), middle(measured.ours)
    if row.aim is not None and row.aim.kept(found, ours):
        return Verdict.AIM
    return Verdict.TARGET if row.target is not None and row.target.kept(found, ours) else Verdict.MISSED
