"""The confusion matrix: which class was taken for which, in rows and in shares of the true class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.charts.numerals import count, number, percent
from tidemill.lifecycle.evaluation.charts.paper import WIDTH, Chart, colour, headed, safe, shortened, text
from tidemill.lifecycle.evaluation.metrics_labels import accuracy, confusion

MOST = 10
"""Classes that have a row of their own; the rest is taken together."""

_LEFT, _TOP, _RIGHT = 112.0, 112.0, 18.0
_TURNED, _RIGHT_TURNED = 44.0, 46.0
"""Names of columns that have no room stand aslant, and need some above and to the right."""

_ROOMY = 48.0
_DARKEST = 0.5


def confusion_chart(answers: Answers) -> Chart | None:
    """None for answers that are no classes."""
    if not answers.classes or not len(answers):
        return None
    counts, names, folded = _folded(confusion(answers), answers.classes)
    many = len(names)
    wide = (WIDTH - _LEFT - _RIGHT) / many
    turned = max(map(len, names)) > max(4, int(wide / 7))
    if turned:
        wide = (WIDTH - _LEFT - _RIGHT_TURNED) / many
    top = _TOP + (_TURNED if turned else 0.0)
    high = min(wide, 92.0)
    parts = []
    rows = counts.sum(axis=1)
    for row in range(many):
        y = top + row * high
        middle = y + high / 2
        parts.append(_name(_LEFT - 10, middle + 4, names[row], 12, "end"))
        parts.append(text(_LEFT - 10, middle + 18, f"{count(int(rows[row]))} rows", "tick", ' text-anchor="end"'))
        for column in range(many):
            parts.append(_cell(counts, names, row, column, _LEFT + column * wide, y, wide, high))
    for column in range(many):
        x, y = _LEFT + (column + 0.5) * wide, top - 9
        slanted = f' transform="rotate(-40 {x:.1f} {y:.1f})"' if turned else ""
        parts.append(_name(x, y, names[column], 12 if turned else 99, "start" if turned else "middle", slanted))
    at = (_LEFT - 10, top - 12, "end") if turned else (_LEFT + many * wide / 2, top - 27, "middle")
    parts.append(text(at[0], at[1], "predicted", "soft", f' text-anchor="{at[2]}"'))
    middle = top + many * high / 2
    parts.append(text(15, middle, "true", "soft", f' text-anchor="middle" transform="rotate(-90 15 {middle:.1f})"'))
    shares = "percentages" if wide >= _ROOMY else "below: %"
    told = f"accuracy {accuracy(answers):.3f}; {shares} of the rows of each true class"
    rest = f"; {folded} less frequent classes are taken together" if folded else ""
    body = headed("Confusion matrix", told, f"{number(len(answers))} rows{rest}") + "".join(parts)
    words = f"Confusion matrix of {many} classes over {number(len(answers))} rows: {told}{rest}."
    return Chart("confusion", "Confusion matrix", words, body, round(top + many * high + 20))


def _folded(counts: NDArray[np.int64], classes: tuple[Any, ...]) -> tuple[NDArray[np.int64], list[str], int]:
    """Counts and names with at most `MOST` rows, and how many classes the last one stands for."""
    if len(classes) <= MOST:
        return counts, [str(one) for one in classes], 0
    frequent = np.argsort(-(counts.sum(axis=1) + counts.sum(axis=0)), kind="stable")[: MOST - 1]
    place = np.full(len(classes), MOST - 1)
    chosen = np.sort(frequent)
    place[chosen] = np.arange(MOST - 1)
    small = np.zeros((MOST, MOST), dtype=np.int64)
    np.add.at(small, (place[:, None], place[None, :]), counts)
    folded = len(classes) - MOST + 1
    return small, [*(str(classes[one]) for one in chosen), f"{folded} others"], folded


def _cell(
    counts: NDArray[np.int64], names: list[str], row: int, column: int, x: float, y: float, wide: float, high: float
) -> str:
    many, whole = int(counts[row, column]), int(counts[row].sum())
    share = many / whole if whole else 0.0
    fill = colour(0) if row == column else colour(1)
    told = safe(f"true {names[row]}, predicted {names[column]}: {many:,} of {whole:,}")
    middle, centre = x + wide / 2, y + high / 2
    place = f'x="{x + 1:.1f}" y="{y + 1:.1f}" width="{wide - 2:.1f}" height="{high - 2:.1f}"'
    strength = f'fill="{fill}" fill-opacity="{0.05 + (_DARKEST - 0.05) * share:.3f}"'
    parts = [f'<rect {place} rx="2" {strength}><title>{told}</title></rect>']
    anchor = ' text-anchor="middle"'
    if high >= 32:
        parts.append(text(middle, centre - 1, count(many) if wide < 64 else number(many), "strong", anchor))
        if whole:
            parts.append(
                text(
                    middle,
                    centre + 14,
                    percent(share) if wide >= _ROOMY else percent(share).removesuffix(" %"),
                    "small",
                    anchor,
                )
            )
    else:
        parts.append(text(middle, centre + 4, count(many), "small", anchor))
    return "".join(parts)


def _name(x: float, y: float, name: str, most: int, anchor: str, more: str = "") -> str:
    """Cut to the room there is; the whole name is what the pointer shows."""
    drawn = text(x, y, shortened(name, most), "strong", f' text-anchor="{anchor}"{more}')
    return drawn if len(name) <= most else f"<g><title>{safe(name)}</title>{drawn}</g>"
