"""A preview on a terminal: tables, numbers, the first lines of a text. All of it came from a task: made harmless."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tidemill.cli import looks
from tidemill.cli.output import Out
from tidemill.core.previews import (
    ArrayPreview,
    ColumnPreview,
    FolderPreview,
    FramePreview,
    ImagePreview,
    MetricsPreview,
    NoPreview,
    ObjectPreview,
    Preview,
    TextPreview,
    ValuePreview,
)

ROWS = 10
LINES = 24
COLUMN = 24
_GAP = 2
_WIDE = 110
_WIDEST = 1000


def show_preview(out: Out, preview: Preview, get: str) -> None:
    """Print it; `get` is the command that fetches the content."""
    match preview:
        case FramePreview():
            _frame(out, preview)
        case ArrayPreview():
            _array(out, preview)
        case ImagePreview(format=kind, width=width, height=height):
            measures = f", {width} x {height} pixels" if width and height else ""
            out.say(f"  {kind.upper()} image{measures}; to look at it: ", (get, "bold"))
        case TextPreview():
            _text(out, preview, get)
        case FolderPreview():
            _folder(out, preview)
        case ValuePreview():
            _value(out, preview)
        case ObjectPreview():
            out.say(f"  {preview.type}")
            _pairs(out, preview.settings.items())
        case MetricsPreview():
            _pairs(out, ((name, number(value)) for name, value in preview.numbers.items()))
        case NoPreview(reason=reason):
            out.say((f"  no preview: {reason}", "dim"))


def number(value: Any) -> str:
    """A number of a statistic, or the text it already is."""
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)


def _frame(out: Out, frame: FramePreview) -> None:
    described = [column for column in frame.columns if not column.index]
    left_out = frame.columns_total - len(described)
    out.say(f"  {looks.plural(frame.rows, 'row')} x {looks.plural(frame.columns_total, 'column')}")
    if frame.head and frame.columns:
        out.say()
        _head(out, frame)
    if described:
        out.say()
        _statistics(out, described)
    if left_out > 0:
        out.say((f"  and {looks.plural(left_out, 'column')} more", "dim"))
    if frame.sampled is not None:
        out.say((f"  Statistics are of {frame.sampled} rows, evenly spaced, out of {frame.rows}.", "dim"))


def _head(out: Out, frame: FramePreview) -> None:
    """The first rows, as many columns as there is room for."""
    rows = frame.head[:ROWS]
    cells = [[column.name, *(row[n] for row in rows if n < len(row))] for n, column in enumerate(frame.columns)]
    shown = [[looks.cut(out.safe(text), COLUMN) for text in column] for column in cells]
    room, fitting = out.width - _GAP, 0
    for column in shown:
        room -= max(map(len, column)) + _GAP
        if room < 0 and fitting:
            break
        fitting += 1
    right = [_is_number(column.type) for column in frame.columns]
    # The first column stands apart from the edge.
    shown[0] = [f"  {text}" for text in shown[0]]
    out.table(
        [f">{column[0]}" if right[n] else _not_right(column[0]) for n, column in enumerate(shown[:fitting])],
        [
            [(column[row], "dim" if frame.columns[n].index else "") for n, column in enumerate(shown[:fitting])]
            for row in range(1, len(shown[0]))
        ],
    )
    notes = []
    if frame.rows > len(rows):
        notes.append(f"the first {len(rows)} of {frame.rows} rows")
    if fitting < len(shown):
        notes.append(f"{fitting} of {len(shown)} columns")
    if notes:
        out.say((f"  ({', '.join(notes)})", "dim"))


def _not_right(head: str) -> str:
    """A head that begins with what would align it otherwise gets a space before that."""
    return f" {head}" if head.startswith(">") else head


def _is_number(kind: str) -> bool:
    return kind.lower().lstrip("u").startswith(("int", "float", "double", "decimal"))


def _statistics(out: Out, columns: Sequence[ColumnPreview]) -> None:
    wide = out.width >= _WIDE
    out.table(
        ("  COLUMN", "TYPE", ">NULLS", ">DISTINCT", ">MIN", ">MAX", ">MEAN"),
        (
            (
                f"  {looks.cut(out.safe(column.name), COLUMN)}",
                (looks.cut(out.safe(column.type), 20 if wide else 12), "dim"),
                number(column.nulls),
                number(column.distinct),
                _extreme(column.least, wide),
                _extreme(column.most, wide),
                looks.cut(number(column.mean), 10),
            )
            for column in columns
        ),
    )


def _extreme(found: Any, wide: bool) -> str:
    """A number or a moment; where there is little room, of a moment the day."""
    text = number(found)
    if isinstance(found, str) and not wide:
        text = text.partition(" ")[0]
    return looks.cut(text, 26 if wide else 11)


def _array(out: Out, array: ArrayPreview) -> None:
    shape = " x ".join(map(str, array.shape)) or "a single item"
    out.say(f"  {shape} of {array.type}")
    told = [("min", array.least), ("max", array.most), ("mean", array.mean), ("NaN", array.nans or None)]
    _pairs(out, ((name, number(value)) for name, value in told if value is not None))
    if array.first:
        out.say(("  first  ", "dim"), looks.cut(out.safe(", ".join(array.first)), max(out.width - 9, 20)))
    if array.sampled is not None:
        out.say((f"  Statistics are of {array.sampled} items, evenly spaced.", "dim"))


def _text(out: Out, text: TextPreview, get: str) -> None:
    lines = text.text.splitlines()
    _lines(out, lines)
    if text.cut or len(lines) > LINES:
        out.say(("  The rest of it: ", "dim"), (get, "bold"))


def _folder(out: Out, folder: FolderPreview) -> None:
    more = " or more" if folder.uncounted else ""
    out.say(f"  {looks.plural(folder.files, 'file')}{more}, {looks.size(folder.size) or '0 B'}")
    if folder.entries:
        out.say()
        shown = folder.entries[:LINES]
        out.table((">  SIZE", "PATH"), ((looks.size(one.size) or "0 B", one.path) for one in shown), give=1)
        if folder.files > len(shown):
            out.say((f"  and {folder.files - len(shown)} more", "dim"))


def _value(out: Out, value: ValuePreview) -> None:
    length = f" of {value.length}" if value.length is not None else ""
    out.say(f"  {value.type}{length}" + (", of which this is the beginning" if value.cut else ""))
    match value.sample:
        case dict(found):
            _pairs(out, ((name, _json(item)) for name, item in found.items()))
        case list(found):
            lines = [_json(item) for item in found]
            _lines(out, lines if any(isinstance(item, dict | list | str) for item in found) else [", ".join(lines)])
        case found:
            _lines(out, [_json(found)])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _lines(out: Out, lines: Sequence[str]) -> None:
    for text in lines[:LINES]:
        line = out.text("  ", text[:_WIDEST])
        out.fit(line, out.width)
        out.say(line)


def _pairs(out: Out, pairs: Iterable[tuple[str, str]]) -> None:
    found = [(looks.cut(out.safe(name), COLUMN * 2), value) for name, value in pairs]
    widest = max((len(name) for name, _ in found), default=0)
    for name, value in found:
        line = out.text("  ", (name.ljust(widest), "dim"), "  ", value[:_WIDEST])
        out.fit(line, out.width)
        out.say(line)
