"""Where a command writes: a console for people, or one JSON document for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tidemill.cli import looks
from tidemill.cli.main import Globals

Part: TypeAlias = str | Text | tuple[str, str]
"""A piece of a line; a pair is a text and its style."""

_ENDLESS = 1000
_GAP = 2
_LAST = 12
"""Columns that the last cell of a line gets before names are cut; what is longer goes on below."""

_NAME = 12
"""Columns that are left of a name that is cut: the id of a run is whole."""

_NARROW = 24
"""Columns below which a cell is not wrapped in its place, but in lines of its own."""

_INDENT = 4
_LINES = 8
"""So many lines of one cell are shown."""


class Out:
    """Text goes to standard output unless a document is wanted: then nothing but the document does."""

    def __init__(self, given: Globals, wants_json: bool = False) -> None:
        self.wants_json = wants_json
        self.color = given.color
        # Kept, because tasks that run in this process have their own idea of standard output.
        self.console = Console(
            file=sys.stdout,
            no_color=None if given.color else True,
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=False,
        )

    @property
    def width(self) -> int:
        """Columns of the terminal; a pipe has as many as are wanted, unless COLUMNS says otherwise."""
        return self.console.width if self.console.is_terminal or os.environ.get("COLUMNS") else _ENDLESS

    @property
    def live(self) -> bool:
        """Whether the screen may be drawn over."""
        return self.console.is_terminal and not self.console.is_dumb_terminal and not self.wants_json

    def document(self, document: Mapping[str, Any]) -> None:
        self.console.file.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")

    def say(self, *parts: Part) -> None:
        """One line for people, made of texts, or of (text, style); nothing if a document is wanted."""
        if not self.wants_json:
            self.console.print(self.text(*parts), soft_wrap=True)

    def text(self, *parts: Part) -> Text:
        """The parts put together, without what steers a terminal."""
        line = Text()
        for part in parts:
            match part:
                case Text():
                    line.append_text(part)
                case (text, style):
                    line.append(self.safe(text), style=style)
                case str():
                    line.append(self.safe(part))
        return line

    def fit(self, line: Text, width: int) -> None:
        """Cut a line that is wider than so many columns, with a mark that the terminal has."""
        if line.cell_len > width:
            line.truncate(max(width - 1, 0), overflow="crop")
            line.append(self.safe("…"))

    def safe(self, text: str) -> str:
        return looks.plain_marks(looks.printable(text), self.console.encoding)

    def state(self, state: Any) -> tuple[str, str]:
        """A state with its mark, for `say` and `table`."""
        return f"{looks.mark(state)} {looks.word(state)}", looks.style(state)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[Part]], give: int = 0) -> None:
        """Aligned columns, a head that begins with ">" over numbers.

        Where the line is too short the last column goes on in the lines below, and then the column `give`, which holds
        names, is cut.
        """
        if self.wants_json:
            return
        cells = [[self.text((head.lstrip(">"), "bold")) for head in heads]]
        cells += [[self.text(cell) for cell in row] for row in rows]
        widths = _fitted([max(row[n].cell_len for row in cells) for n in range(len(heads))], self.width, give)
        for row in cells:
            more = [] if heads[-1].startswith(">") else self._wrapped(row, widths)
            line = Text()
            for cell, head, width in zip(row, heads, widths, strict=True):
                self.fit(cell, width)
                (cell.pad_left if head.startswith(">") else cell.pad_right)(width - cell.cell_len)
                line.append_text(cell).append("  ")
            for shown in (line, *more):
                shown.rstrip()
                self.console.print(shown, soft_wrap=True)

    def _wrapped(self, row: list[Text], widths: list[int]) -> list[Text]:
        """The lines below a row that its last cell needs, which keeps what fits beside the others, if anything."""
        cell, width = row[-1], widths[-1]
        if cell.cell_len <= width:
            return []
        apart = width < max(_NARROW, *map(cell_len, cell.plain.split()))
        indent = _INDENT if apart else sum(widths[:-1]) + _GAP * (len(widths) - 1)
        lines = list(cell.wrap(self.console, max(self.width - indent, _NARROW)))
        if len(lines) > _LINES:
            lines[_LINES - 1].append(self.safe("…"))
        first, *below = [Text(), *lines[:_LINES]] if apart else lines[:_LINES]
        row[-1] = first
        for line in (first, *below):
            line.rstrip()
        return [Text(" " * indent).append_text(line) for line in below]

    @property
    def shows_colors(self) -> bool:
        """Whether colours that a task printed may reach the terminal."""
        return self.color and self.console.is_terminal and not self.console.is_dumb_terminal


def _fitted(widths: list[int], room: int, give: int) -> list[int]:
    """The widths as they fit in a line: the last one gives way first, then the one that may."""
    *before, last = widths
    left = room - sum(before) - _GAP * len(before)
    if last > left:
        last = max(left, min(last, _LAST))
    over = sum(before) + _GAP * len(before) + last - room
    if over > 0 and before:
        before[give] = max(before[give] - over, min(before[give], _NAME))
    return [*before, last]
