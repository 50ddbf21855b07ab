"""A pipeline as one SVG file that needs nothing else: no script, no font, no address. Names are escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from tidemill.actions.drawing.figure import Box, Figure
from tidemill.actions.drawing.layout import Layout, lay_out

_PAD = 16.0
_MARGIN = 24.0
_NAME = 7.4  # width of a letter of a name, in units of the picture
_NOTE = 6.0
_LINE = 17.0
_LONGEST_NAME = 34
_LONGEST_NOTE = 44

_ARROWHEAD = """<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" \
orient="auto"><path class="head" d="M0 0 L8 4 L0 8 z"/></marker></defs>"""
_STYLE = """
  .drawn .page { fill: #ffffff }
  .drawn text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; fill: #1b2733 }
  .drawn .title { font-size: 18px; font-weight: 600 }
  .drawn .params, .drawn .note { font-size: 11px; fill: #5b6b7a }
  .drawn .name { font-size: 13px; font-weight: 600 }
  .drawn .task, .drawn .back { fill: #f3f8fc; stroke: #4a86b8; stroke-width: 1.3 }
  .drawn .wait { fill: #fbf5ff; stroke: #9061c2; stroke-width: 1.3 }
  .drawn .import { fill: #f2fbf5; stroke: #3f9463; stroke-width: 1.3 }
  .drawn .container { fill: #fff8ef; stroke: #c07a2c; stroke-width: 1.3 }
  .drawn .setup, .drawn .teardown { stroke-dasharray: 5 3 }
  .drawn .scope { fill: #7d8ea0; fill-opacity: 0.07; stroke: #9aa8b5; stroke-width: 1.2; stroke-dasharray: 6 4 }
  .drawn .edge { fill: none; stroke: #8796a5; stroke-width: 1.4 }
  .drawn .head { fill: #8796a5 }
  @media (prefers-color-scheme: dark) {
    .drawn .page { fill: #12181f } .drawn text { fill: #e4ebf2 } .drawn .params, .drawn .note { fill: #93a3b3 }
    .drawn .task, .drawn .back { fill: #17293a } .drawn .wait { fill: #261a33 }
    .drawn .import { fill: #14291d } .drawn .container { fill: #2f2213 }
  }
"""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A box with its size, and the layout of what is inside it."""

    box: Box
    width: float
    height: float
    head: float = 0.0
    inside: tuple[_Drawn, ...] = ()
    layout: Layout | None = None


def draw_svg(figure: Figure, style: str = "") -> str:
    """The whole file as text. `style` is more CSS, for kinds of boxes that are not known here."""
    drawn = tuple(map(_measured, figure.boxes))
    layout = _arranged(drawn)
    title, params = figure.name, _cut(", ".join(figure.params), 120)
    head = 34.0 + (18.0 if params else 0.0)
    width = max(layout.width, len(title) * 11.0, len(params) * _NOTE) + 2 * _MARGIN
    height = layout.height + head + 2 * _MARGIN
    left = (width - layout.width) / 2
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    label = f"aria-label={quoteattr(_clean(title))}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="drawn" {size} role="img" {label}>',
        f"<style>{_STYLE}{style}</style>",
        _ARROWHEAD,
        f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>',
        _text(_MARGIN, _MARGIN + 14, title, "title"),
    ]
    if params:
        lines.append(_text(_MARGIN, _MARGIN + 34, params, "params"))
    lines += _painted(drawn, layout, left, _MARGIN + head)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _measured(box: Box) -> _Drawn:
    notes = [_cut(note, _LONGEST_NOTE) for note in box.notes]
    wide = max(len(_cut(box.name, _LONGEST_NAME)) * _NAME, *(len(note) * _NOTE for note in notes), 0.0) + 2 * _PAD
    head = 14.0 + _LINE + 14.0 * len(notes)
    if not box.inside:
        return _Drawn(box, max(wide, 92.0), head + 6.0)
    inside = tuple(map(_measured, box.inside))
    layout = _arranged(inside)
    return _Drawn(
        box, max(wide, layout.width + 2 * _PAD), head + layout.height + _PAD + 4.0, head + 4.0, inside, layout
    )


def _arranged(drawn: Sequence[_Drawn]) -> Layout:
    return lay_out(
        {one.box.name: (one.width, one.height) for one in drawn}, {one.box.name: one.box.ups for one in drawn}
    )


def _painted(drawn: Sequence[_Drawn], layout: Layout, left: float, top: float) -> Iterator[str]:
    for points in layout.routes.values():
        yield f'<path class="edge" marker-end="url(#head)" d="{_curve(points, left, top)}"/>'
    for one in drawn:
        place = layout.places[one.box.name]
        yield from _box(one, left + place.x - one.width / 2, top + place.y - one.height / 2)


def _box(one: _Drawn, x: float, y: float) -> Iterator[str]:
    box = one.box
    yield f"<g><title>{escape(_clean(_told(box)))}</title>"
    if box.mapped:
        # A second sheet behind the first one: there are many of it.
        kind = "scope" if box.inside else f"back {box.kind}"
        yield _rect(x + 5, y - 5, one.width, one.height, kind)
    yield _rect(x, y, one.width, one.height, f"{box.kind} {box.role}".strip())
    middle = x + one.width / 2
    anchor = "" if box.inside else ' text-anchor="middle"'
    at = x + _PAD if box.inside else middle
    yield _text(at, y + 14 + 9, _cut(box.name, _LONGEST_NAME), "name", anchor)
    for number, note in enumerate(box.notes):
        yield _text(at, y + 14 + 9 + 15 + 14 * number, _cut(note, _LONGEST_NOTE), "note", anchor)
    if one.layout is not None:
        yield from _painted(one.inside, one.layout, x + (one.width - one.layout.width) / 2, y + one.head)
    yield "</g>"


def _told(box: Box) -> str:
    return "\n".join([box.path, *box.notes, *([f"after {', '.join(box.reads)}"] if box.reads else [])])


def _rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="7"/>'


def _text(x: float, y: float, text: str, kind: str, anchor: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{anchor}>{escape(_clean(text))}</text>'


def _curve(points: Sequence[tuple[float, float]], left: float, top: float) -> str:
    """Straight where it goes straight down, an S between; it ends where its head begins."""
    x, y = left + points[0][0], top + points[0][1]
    said = [f"M{x:.1f} {y:.1f}"]
    for position, (to_x, to_y) in enumerate(points[1:], 2):
        to_x, to_y = left + to_x, top + to_y - (2 if position == len(points) else 0)
        half = (to_y - y) / 2
        if to_x == x:
            said.append(f"V{to_y:.1f}")
        else:
            said.append(f"C{x:.1f} {y + half:.1f} {to_x:.1f} {to_y - half:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return " ".join(said)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _clean(text: str) -> str:
    """Without the characters that no XML file may hold."""
    return "".join(letter for letter in text if letter in "\n\t" or (letter.isprintable() and letter != "\ufffe"))
