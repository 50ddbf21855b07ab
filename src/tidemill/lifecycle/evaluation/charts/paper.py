"""What every chart is drawn on: sheet, colours in light and dark, text, axes. Texts from outside are escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill.lifecycle.evaluation.charts.numerals import marks, ticks

WIDTH = 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 18.0, 80.0, 50.0

STYLE = """\
.chart{--ink:#1b2733;--soft:#566676;--line:#e3e9ee;--axis:#9aa8b5;--page:#ffffff;--c0:#2b7abf;--c1:#c4661f;\
--c2:#2c8a57;--c3:#8456b8;--c4:#c8372d;--c5:#16858c;--c6:#9a7414;--c7:#64748b}
@media (prefers-color-scheme:dark){.chart{--ink:#e4ebf2;--soft:#9fb0bf;--line:#26323d;--axis:#5d6d7c;--page:#12181f;\
--c0:#5aa5e6;--c1:#e8935a;--c2:#4fb87d;--c3:#b48be0;--c4:#f0695f;--c5:#45b8bf;--c6:#d9b04a;--c7:#94a3b8}}
.chart text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:var(--ink)}
.chart .title{font-size:16px;font-weight:600}
.chart .soft,.chart .tick{fill:var(--soft)}
.chart .tick,.chart .small{font-size:11px}
.chart .tick{font-variant-numeric:tabular-nums}
.chart .strong{font-weight:600}
.chart .halo{paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}
.chart .sheet{fill:var(--page)}
.chart .grid{stroke:var(--line);stroke-width:1;fill:none}
.chart .axis{stroke:var(--axis);stroke-width:1;fill:none}
.chart .guide{stroke:var(--soft);stroke-width:1;stroke-dasharray:4 4;fill:none}
.chart .curve{fill:none;stroke-width:1.75;stroke-linejoin:round}
.chart .bar{stroke-width:1.25;fill:none}
.chart .dots{fill:none;stroke-linecap:round;stroke-width:4;stroke-opacity:.42}
"""
"""Of all charts; a page with several needs it once."""

COLOURS = 8
_FEW_DOTS = 250


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. `words` says what it shows, for those who do not see it; `drawn` says what was left out."""

    name: str
    title: str
    words: str
    body: str
    height: int
    drawn: str = ""

    def svg(self) -> str:
        """A file of its own."""
        return self._framed(f"<style>{STYLE}</style>", ' xmlns="http://www.w3.org/2000/svg"')

    def inline(self) -> str:
        """For an HTML page that has `STYLE`."""
        return self._framed("", "")

    def _framed(self, style: str, space: str) -> str:
        told = f"{self.words} {self.drawn}".strip()
        return (
            f'<svg{space} class="chart" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" height="{self.height}" '
            f'role="img" aria-label="{safe(self.title)}"><desc>{safe(told)}</desc>{style}'
            f'<rect class="sheet" width="{WIDTH}" height="{self.height}"/>\n{self.body}\n</svg>\n'
        )


def colour(place: int) -> str:
    return f"var(--c{place % COLOURS})"


def text(x: float, y: float, words: str, kind: str = "", more: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{_at(x)}" y="{_at(y)}"{named}{more}>{safe(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str, more: str = "") -> str:
    return f'<path class="{kind}" d="M{_at(x1)} {_at(y1)}L{_at(x2)} {_at(y2)}"{more}/>'


def _at(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def safe(words: str) -> str:
    """Escaped, and without what XML cannot hold; halves of surrogate pairs are not printable either."""
    return escape("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words))


def shortened(words: Any, most: int = 16) -> str:
    plain = str(words)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def headed(title: str, *lines: str) -> str:
    """The title and up to two lines below it."""
    said = [text(18, 28, title, "title")]
    said += [text(18, 46 + 15 * number, shortened(words, 78), "soft") for number, words in enumerate(lines) if words]
    return "".join(said)


@dataclass(frozen=True, slots=True)
class Plane:
    """Where data is drawn: from data to places on the sheet. `x` and `y` are (least, most)."""

    x: tuple[float, float]
    y: tuple[float, float]
    left: float = _LEFT
    top: float = _TOP
    width: float = WIDTH - _LEFT - _RIGHT
    height: float = 320.0

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def sheet(self) -> int:
        """How high the sheet is with the axis and its name below."""
        return round(self.bottom + _BOTTOM)

    def across(self, values: Any) -> NDArray[np.float64]:
        low, high = self.x
        return np.asarray(self.left + (np.asarray(values, dtype=float) - low) / (high - low) * self.width)

    def up(self, values: Any) -> NDArray[np.float64]:
        low, high = self.y
        return np.asarray(self.bottom - (np.asarray(values, dtype=float) - low) / (high - low) * self.height)

    def axes(self, x_name: str, y_name: str, x_marks: bool = True) -> str:
        """Grid, marks and the names of both axes; of the lower one only if `x_marks`."""
        at_x, at_y = ticks(*self.x), ticks(*self.y)
        parts = []
        grid = "".join(f"M{_at(float(self.across(one)))} {_at(self.top)}V{_at(self.bottom)}" for one in at_x)
        grid += "".join(f"M{_at(self.left)} {_at(float(self.up(one)))}H{_at(self.right)}" for one in at_y)
        parts.append(f'<path class="grid" d="{grid}"/>')
        parts.append(line(self.left, self.bottom, self.right, self.bottom, "axis"))
        for one, mark in zip(at_y, marks(at_y), strict=True):
            parts.append(text(self.left - 7, float(self.up(one)) + 4, mark, "tick", ' text-anchor="end"'))
        turned = f'text-anchor="middle" transform="rotate(-90 15 {_at(self.top + self.height / 2)})"'
        parts.append(text(15, self.top + self.height / 2, shortened(y_name, 44), "soft", f" {turned}"))
        if x_marks:
            parts.append(self.lower_axis(x_name))
        return "".join(parts)

    def lower_axis(self, name: str) -> str:
        at_x = ticks(*self.x)
        parts = [
            text(float(self.across(one)), self.bottom + 16, mark, "tick", ' text-anchor="middle"')
            for one, mark in zip(at_x, marks(at_x), strict=True)
        ]
        middle = self.left + self.width / 2
        parts.append(text(middle, self.bottom + 36, shortened(name, 60), "soft", ' text-anchor="middle"'))
        return "".join(parts)


def route(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """The `d` of a line through places on the sheet."""
    if not len(x):
        return ""
    first, *steps = _steps(x, y)
    return f"M{first}" + ("l" + " ".join(steps) if steps else "")


def dots(x: NDArray[np.float64], y: NDArray[np.float64], stroke: str, layers: int = 8) -> Iterable[str]:
    """Points as round ends of lines without length, which is the shortest way to write them. Points of different layers
    darken each other where they lie together, so that crowded places show.
    """
    strength = "" if len(x) > _FEW_DOTS else ' style="stroke-opacity:.8"'
    for layer in range(min(layers, len(x))):
        places = "".join(f"m{step}h0" for step in _steps(x[layer::layers], y[layer::layers]))
        yield f'<path class="dots" stroke="{stroke}"{strength} d="{places}"/>'


def _steps(x: NDArray[np.float64], y: NDArray[np.float64]) -> Iterable[str]:
    """From place to place, which is half as long as where they are; in tenths, so that rounding does not add up."""
    across = np.diff(np.rint(np.asarray(x) * 10), prepend=0.0) / 10
    up = np.diff(np.rint(np.asarray(y) * 10), prepend=0.0) / 10
    return [f"{_at(a)} {_at(b)}" for a, b in zip(across.tolist(), up.tolist(), strict=True)]


def legend(entries: Sequence[tuple[str, str]], right: float, bottom: float) -> str:
    """(stroke, words) of each line, the last one at `bottom`, all ending at `right`."""
    parts = []
    for number, (stroke, words) in enumerate(reversed(entries)):
        y = bottom - 16 * number
        parts.append(f'<path class="curve" stroke="{stroke}" d="M{_at(right - 16)} {_at(y - 4)}h16"/>')
        parts.append(text(right - 22, y, words, "small halo", ' text-anchor="end"'))
    return "".join(parts)
