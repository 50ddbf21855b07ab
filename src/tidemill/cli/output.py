"""Where a command writes: a console for people, or one JSON document for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tidemill.cli import looks
from tidemill.cli.main import Globals


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
        return self.console.width

    @property
    def live(self) -> bool:
        """Whether the screen may be drawn over."""
        return self.console.is_terminal and not self.console.is_dumb_terminal and not self.wants_json

    def document(self, document: Mapping[str, Any]) -> None:
        self.console.file.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")

    def say(self, *parts: str | Text | tuple[str, str]) -> None:
        """One line for people, made of texts, or of (text, style); nothing if a document is wanted."""
        if not self.wants_json:
            self.console.print(self.text(*parts), soft_wrap=True)

    def text(self, *parts: str | Text | tuple[str, str]) -> Text:
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

    def safe(self, text: str) -> str:
        return looks.plain_marks(looks.printable(text), self.console.encoding)

    def state(self, state: Any) -> tuple[str, str]:
        """A state with its mark, for `say` and `table`."""
        return f"{looks.mark(state)} {looks.word(state)}", looks.style(state)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str | Text | tuple[str, str]]]) -> None:
        """Aligned columns; a head that begins with ">" is of numbers, the last column is cut where the line ends."""
        if self.wants_json:
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        last = len(heads) - 1
        for position, head in enumerate(heads):
            right = head.startswith(">")
            table.add_column(
                head.lstrip(">"),
                justify="right" if right else "left",
                no_wrap=True,
                overflow="ellipsis" if position == last else "fold",
                min_width=None if position == last else 1,
            )
        for row in rows:
            table.add_row(*(self.text(cell) for cell in row))
        self.console.print(table)

    @property
    def shows_colors(self) -> bool:
        """Whether colours that a task printed may reach the terminal."""
        return self.color and self.console.is_terminal and not self.console.is_dumb_terminal
