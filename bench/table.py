"""The table that people read, at most a hundred columns wide, and the line for each row while it is measured. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from bench.row import Measured, Row, Verdict, verdict, void
from bench.sampling import middle, ratio

WIDTHS = (33, 13, 12, 6, 8, 8, 8)
HEADINGS = ("row", "ours", "bare limit", "ratio", "target", "aim", "verdict")
GAP = "  "


@dataclass(frozen=True, slots=True)
class Result:
    """A row and what came of it; `failure` if measuring it went wrong."""

    row: Row
    measured: Measured
    failure: str = ""

    @property
    def verdict(self) -> Verdict:
        return Verdict.FAILED if self.failure else verdict(self.row, self.measured)

    @property
    def ratio(self) -> float | None:
        return ratio(self.measured.ours, self.measured.bare)

    @property
    def remark(self) -> str:
        said = self.failure or self.measured.unavailable or void(self.row, self.measured)
        return "; ".join(filter(None, (said, self.measured.remark)))


def table(results: Sequence[Result]) -> str:
    """Headings, a block of lines for each row, and below what there is to say about some of them."""
    lines = [_line(HEADINGS), GAP.join("-" * width for width in WIDTHS)]
    for result in results:
        name = textwrap.wrap(result.row.name, WIDTHS[0])
        lines.append(_line((name[0], *_cells(result))))
        lines += name[1:]
    remarks = [f"{result.row.key}: {result.remark}" for result in results if result.remark]
    if remarks:
        lines.append("")
        lines += [line for remark in remarks for line in textwrap.wrap(remark, 98, subsequent_indent="  ")]
    return "\n".join(lines)


def number(value: float | None, unit: str) -> str:
    """Three digits that count, with the unit: "2.41 ms/task", "1,234 /s"."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}".rstrip()


def _cells(result: Result) -> tuple[str, ...]:
    row, measured = result.row, result.measured
    times = result.ratio
    said = {Verdict.UNAVAILABLE: "n/a"}.get(result.verdict, result.verdict.value)
    return (
        number(middle(measured.ours), row.unit),
        number(middle(measured.bare), row.unit),
        "-" if times is None else f"{times:.{2 if times < 100 else 0}f}x",
        row.promise or "-" if row.target is None else str(row.target),
        "-" if row.aim is None else str(row.aim),
        said,
    )


def _line(cells: Sequence[str]) -> str:
    name, *others = cells
    aligned = [f"{name:<{WIDTHS[0]}}"]
    aligned += [f"{cell:>{width}}" for cell, width in zip(others[:-1], WIDTHS[1:-1], strict=True)]
    return GAP.join([*aligned, others[-1]]).rstrip()
