"""Verdicts on a terminal: a mark and a word, and a line for each decision of a run. Loads nothing that judges."""

from __future__ import annotations

from collections.abc import Sequence

from tidemill.actions.verdicts import Line
from tidemill.cli import looks
from tidemill.cli.output import Out

MARKS = {"PASS": ("✓", "green"), "FAIL": ("✗", "red"), "ERROR": ("✗", "red"), "NODATA": ("○", "yellow")}
_WORTH_TELLING = 12
"""In less room nothing of a sentence would be understood."""


def verdict_part(verdict: str) -> tuple[str, str]:
    """A verdict with its mark, for `say` and `table`."""
    mark, style = MARKS.get(verdict, ("○", ""))
    return f"{mark} {verdict}", style


def tell_verdicts(out: Out, found: Sequence[Line], width: int) -> None:
    """The decisions of a run, each behind a label of this width."""
    for one in found:
        word, style = verdict_part(one.verdict)
        label = f"  {one.kind:<{width}}  "
        about = f"  {one.model} {one.id}"
        left = max(out.width - len(label) - len(word) - len(about) - 2, 0)
        reason = f"  {looks.cut(one.reason, left)}" if left >= _WORTH_TELLING and one.reason else ""
        out.say((label, "dim"), (word, style), about, (reason, "dim"))
