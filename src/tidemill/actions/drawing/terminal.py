"""A pipeline as text: one line for each node, scopes as indented boxes, what it waits for at the right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidemill.actions.drawing.figure import Box, Figure

_MARKS = {"task": "●", "scope": "▣", "wait": "◷", "import": "↓", "container": "■"}
_FEWEST = 12


@dataclass(frozen=True, slots=True)
class _Line:
    rails: str
    mark: str
    name: str
    notes: str
    reads: str


def draw_terminal(figure: Figure, width: int = 80) -> list[str]:
    """Lines of at most `width` characters; every node stands below all that it waits for."""
    lines = list(_lines(figure.boxes, ""))
    head = _cut(f"{figure.name}({', '.join(figure.params)})", width)
    names = min(max((len(line.rails) + 2 + len(line.name) for line in lines), default=0), max(width // 2, _FEWEST))
    reads = min(max((len(line.reads) for line in lines), default=0), width * 3 // 10)
    notes = min(max((len(line.notes) for line in lines), default=0), max(width - names - reads - 4, _FEWEST))
    return [head, "", *(_put(line, names, notes, width) for line in lines)]


def _lines(boxes: Sequence[Box], rails: str) -> Iterator[_Line]:
    for position, box in enumerate(boxes):
        last = position == len(boxes) - 1
        reads = ", ".join(box.reads)
        yield _Line(rails, _MARKS[box.kind], box.name, ", ".join(box.notes), f"← {reads}" if reads else "")
        if box.inside:
            yield from _framed(box, rails)
            if not last and not boxes[position + 1].inside:
                continue


def _framed(box: Box, rails: str) -> Iterator[_Line]:
    inner = list(_lines(box.inside, rails + "│ "))
    yield from inner[:-1]
    end = inner[-1]
    # The frame closes at the last line inside it, however deep that is.
    yield _Line(rails + "╰ " + end.rails[len(rails) + 2 :], end.mark, end.name, end.notes, end.reads)


def _put(line: _Line, names: int, notes: int, width: int) -> str:
    left = _cut(f"{line.rails}{line.mark} {line.name}", names)
    text = left.ljust(names)
    if line.notes:
        text += "  " + (_cut(line.notes, notes) if line.reads else line.notes)
    if line.reads:
        text = text.ljust(names + 2 + notes if notes else names) + "  " + line.reads
    return _cut(text, width).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
