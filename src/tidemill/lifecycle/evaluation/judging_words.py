"""How a judgement speaks: numbers, gains and demands as people read them. Knows no rule."""

from __future__ import annotations

import math

from tidemill.lifecycle.evaluation.judging_compare import MOST_ROWS_TOLD, Comparison
from tidemill.lifecycle.verdicts import Verdict


def number(value: float) -> str:
    """Four decimals, fewer for large and two digits for tiny numbers."""
    size = abs(value)
    if not math.isfinite(value):
        return "undefined" if math.isnan(value) else str(value)
    if size >= 1000:
        return f"{value:.1f}"
    if 0 < size < 0.00005:
        return f"{value:.2g}"
    return f"{value:.4f}" if size < 100 else f"{value:.2f}"


def chance(p: float) -> str:
    return "below 0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def more_rows(needed: int | None, n: int) -> str:
    """`; about 167 more rows would tell`, or nothing where no number of rows would."""
    if needed is None:
        return ""
    if needed > MOST_ROWS_TOLD:
        return f"; more than {MOST_ROWS_TOLD:,} rows would be needed to tell".replace(",", " ")
    return f"; about {rows(needed - n)} more would tell".replace("row more", "more row").replace(
        "rows more", "more rows"
    )


def against(name: str, found: Comparison) -> str:
    """`accuracy 0.9441 against 0.9231 of the champion on the same 143 rows: better by 0.0210 [0.0035, 0.0420]`."""
    return (
        f"{name} {number(found.candidate)} against {number(found.champion)} of the champion on the same "
        f"{rows(found.n)}: {gain(found.gain)} [{number(found.low)}, {number(found.high)}]"
    )


def gain(value: float) -> str:
    if value == 0:
        return "no difference"
    return f"{'better' if value > 0 else 'worse'} by {number(abs(value))}"


def closing(sentence: str, verdict: Verdict) -> str:
    return f"{sentence}: {verdict.value}"
