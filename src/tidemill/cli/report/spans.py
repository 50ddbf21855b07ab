"""A timeline: one row for each node, and in it when its attempts were out. Pure; moments are seconds from the start.

However many there are, a row stays low: what does not fit beside each other is drawn as how much there was at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 720.0
LANES = 4
"""So many bars above each other; of more the row tells how many were out at each moment."""
ROWS = 120
_HIGH, _GAP, _LEFT, _TOP = 12.0, 5.0, 190.0, 26.0
_COLUMNS = 240
_STEPS = (1, 2, 5)
_WORST = ("failed", "upstream_failed", "cancelled", "retrying", "running", "suspended", "succeeded", "skipped")


@dataclass(frozen=True, slots=True)
class Span:
    begin: float
    end: float
    state: str
    told: str


def draw_timeline(rows: Mapping[str, Sequence[Span]], seconds: float) -> str:
    """SVG without a root style: classes are those of the page. Rows beyond `ROWS` are left out, the shortest first."""
    whole = max(seconds, 1e-3)
    shown = _longest(rows)
    lines: list[str] = []
    top = _TOP
    for name, spans in shown.items():
        height = _HIGH * min(_most(spans), LANES)
        lines.append(
            f'<text class="t-name" x="{_LEFT - 8:.0f}" y="{top + height / 2 + 4:.1f}" text-anchor="end">'
            f"{escape(_cut(name))}<title>{escape(name)}</title></text>"
        )
        lines += _bars(spans, whole, top) if _most(spans) <= LANES else _heat(spans, whole, top, height)
        top += height + _GAP
    width = _LEFT + WIDTH + 20
    head = [f'<svg class="timeline" viewBox="0 0 {width:.0f} {top + 4:.0f}" role="img" aria-label="timeline">']
    return "\n".join([*head, *_scale(whole, top), *lines, "</svg>"])


def _longest(rows: Mapping[str, Sequence[Span]]) -> dict[str, Sequence[Span]]:
    if len(rows) <= ROWS:
        return dict(rows)
    kept = set(sorted(rows, key=lambda name: -_length(rows[name]))[:ROWS])
    return {name: spans for name, spans in rows.items() if name in kept}


def _length(spans: Sequence[Span]) -> float:
    return max(span.end for span in spans) - min(span.begin for span in spans)


def _most(spans: Sequence[Span]) -> int:
    """How many are out at the same time, at most."""
    changes = sorted([(span.begin, 1) for span in spans] + [(span.end, -1) for span in spans])
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return max(most, 1)


def _bars(spans: Sequence[Span], whole: float, top: float) -> Iterator[str]:
    ends: list[float] = []
    for span in sorted(spans, key=lambda span: span.begin):
        lane = next((number for number, end in enumerate(ends) if end <= span.begin), len(ends))
        ends[lane : lane + 1] = [span.end]
        x, width = _at(span.begin, whole), max(_at(span.end, whole) - _at(span.begin, whole), 1.5)
        yield (
            f'<rect class="bar s-{span.state}" x="{x:.1f}" y="{top + lane * _HIGH:.1f}" width="{width:.1f}"'
            f' height="{_HIGH - 2:.0f}" rx="2"><title>{escape(span.told)}</title></rect>'
        )


def _heat(spans: Sequence[Span], whole: float, top: float, height: float) -> Iterator[str]:
    """Columns as high as many were out; a column has the colour of the worst of them."""
    step = whole / _COLUMNS
    counts, worst = [0] * _COLUMNS, [len(_WORST)] * _COLUMNS
    for span in spans:
        first = min(int(span.begin / step), _COLUMNS - 1)
        for column in range(first, min(int(span.end / step), _COLUMNS - 1) + 1):
            counts[column] += 1
            worst[column] = min(worst[column], _rank(span.state))
    most = max(counts)
    for column, number in enumerate(counts):
        if number:
            high = max(height * number / most, 1.5)
            yield (
                f'<rect class="bar s-{_WORST[worst[column]]}" x="{_LEFT + column * WIDTH / _COLUMNS:.1f}"'
                f' y="{top + height - high:.1f}" width="{WIDTH / _COLUMNS:.2f}" height="{high:.1f}">'
                f"<title>{number} at once</title></rect>"
            )


def _rank(state: str) -> int:
    return _WORST.index(state) if state in _WORST else len(_WORST) - 1


def _scale(whole: float, bottom: float) -> Iterator[str]:
    """A line at each round number of seconds, minutes or hours."""
    wanted = whole / 6
    units = [(1e-3, "ms"), (1.0, "s"), (60.0, "m"), (3600.0, "h"), (86400.0, "d")]
    unit, word = max((one for one in units if one[0] <= max(whole, 1e-3)), key=lambda one: one[0])
    tens = [step * 10.0**power for power in range(-2, 4) for step in _STEPS]
    step = next((number for number in tens if number * unit >= wanted), tens[-1]) * unit
    number = 0
    while number * step <= whole * 1.0001:
        x = _at(number * step, whole)
        yield f'<line class="t-line" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6:.0f}" y2="{bottom:.0f}"/>'
        yield f'<text class="t-tick" x="{x:.1f}" y="14" text-anchor="middle">{number * step / unit:g} {word}</text>'
        number += 1


def _at(seconds: float, whole: float) -> float:
    return _LEFT + WIDTH * min(max(seconds / whole, 0.0), 1.0)


def _cut(name: str) -> str:
    return name if len(name) <= 28 else "…" + name[-27:]
