"""Numbers as a chart writes them, and round places for the marks of an axis. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def ticks(low: float, high: float, wanted: int = 5) -> tuple[float, ...]:
    """Round numbers from `low` to `high`, about as many as wanted; at least one."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return (low,)
    rough = span / max(wanted, 1)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * size for factor in _STEPS if factor * size >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(0.0 if number == 0 else number * step for number in range(first, last + 1)) or (low,)


def marks(values: Sequence[float]) -> tuple[str, ...]:
    """The numbers of one axis, all with the same digits; thousands and millions as 20k and 1.5M."""
    largest = max((abs(value) for value in values), default=0.0)
    divisor, letter = next(((size, letter) for size, letter in _PREFIXES if largest >= 10 * size), (1.0, ""))
    if largest and largest < 1e-4:
        places = next((n for n in range(1, 16) if len({f"{value:.{n}e}" for value in values}) == len(values)), 16)
        return tuple(f"{value:.{places}e}".replace("-", MINUS) if value else "0" for value in values)
    scaled = [value / divisor for value in values]
    apart = min((abs(b - a) for a, b in itertools.pairwise(scaled)), default=largest or 1.0)
    digits = next(
        (places for places in range(12) if all(abs(one - round(one, places)) < 1e-3 * apart for one in scaled)), 12
    )
    return tuple((f"{value:,.{digits}f}" + (letter if value else "")).replace("-", MINUS) for value in scaled)


def number(value: float) -> str:
    """A figure in a sentence: four digits that count at least, and no exponent where people would not use one."""
    if not math.isfinite(value):
        return "undefined" if math.isnan(value) else str(value)
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}".replace("-", MINUS)
    size = abs(value)
    text = f"{value:,.0f}" if 1e3 <= size < 1e12 else f"{value:.4g}"
    return text.replace("-", MINUS)


def count(many: float) -> str:
    """A number of rows in little room: 950, 12.4k, 3.1M."""
    for size, letter in _PREFIXES:
        if many >= 10 * size or (many >= size and size > 1e3):
            return f"{many / size:.1f}".removesuffix(".0") + letter
    return f"{many:,.0f}"


def percent(share: float) -> str:
    """A share without false digits: 93 %, 0.4 %, <0.1 %, and never 100 % of less than all."""
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    if share < 0.001:
        return "<0.1 %"
    if share < 0.1:
        return f"{100 * share:.1f} %"
    return f"{min(100 * share, 99.9):.1f} %" if share > 0.99 else f"{100 * share:.0f} %"
