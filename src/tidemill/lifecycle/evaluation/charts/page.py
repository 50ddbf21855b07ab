"""One page with the metrics and every chart: HTML that loads and runs nothing. Texts from outside are escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.charts.numerals import number
from tidemill.lifecycle.evaluation.charts.paper import STYLE, Chart, safe
from tidemill.lifecycle.evaluation.metrics import Direction, metric, why_undefined
from tidemill.lifecycle.evaluation.problems import Problem

LARGEST = 60_000
"""Characters: a longer page would be cut where a run is shown. Charts that do not fit are named instead."""

_PAGE_STYLE = """\
:root{color-scheme:light dark;--ink:#1b2733;--soft:#566676;--line:#dde4ea;--page:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e4ebf2;--soft:#9fb0bf;--line:#2b3743;--page:#12181f}}
body{margin:0 auto;max-width:1020px;padding:20px 18px 40px;color:var(--ink);background:var(--page);\
font:14.5px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}
h1{font-size:21px;margin:0}p{margin:2px 0 14px;color:var(--soft)}
table{border-collapse:collapse;font-size:13.5px;width:100%;margin:0 0 18px}
th{text-align:left;font-weight:500;color:var(--soft);font-size:12.5px}
th,td{padding:4px 10px 4px 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right}td.n{font-variant-numeric:tabular-nums;font-weight:600;white-space:nowrap}
td.n,th.n{padding-right:22px}
td.s{color:var(--soft)}
.charts{display:flex;flex-wrap:wrap;gap:14px;align-items:flex-start}
.charts>svg{flex:1 1 400px;min-width:0;max-width:490px;height:auto;border:1px solid var(--line);border-radius:8px}
"""

_WORDS = {Direction.HIGHER: "higher is better", Direction.LOWER: "lower is better"}


def page(answers: Answers, measured: Mapping[str, float], charts: Mapping[str, Chart], target: str) -> str:
    """The whole file as text; `measured` are metrics by name as `measure` gives them."""
    head = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>Evaluation of {safe(target)}</title><style>{_PAGE_STYLE}{STYLE}</style></head><body>",
        f"<h1>Evaluation: {safe(target)}</h1><p>{safe(_about(answers))}</p>",
        '<table><thead><tr><th>metric</th><th></th><th class="n">value</th><th></th></tr></thead><tbody>',
        *(_row(name, value, answers) for name, value in measured.items()),
        "</tbody></table>",
    ]
    tail = "</body></html>\n"
    room = LARGEST - sum(map(len, head)) - len(tail) - 200
    drawn, without = [], []
    for chart in charts.values():
        picture = chart.inline()
        if len(picture) > room:
            without.append(chart.title)
            continue
        room -= len(picture)
        drawn.append(picture)
    rest = f"<p>Too large for this page: {safe(', '.join(without))}.</p>" if without else ""
    return "\n".join([*head, '<div class="charts">', *drawn, "</div>", rest, tail])


def _about(answers: Answers) -> str:
    rows = f"{len(answers):,} row" + ("" if len(answers) == 1 else "s")
    match answers.problem:
        case Problem.REGRESSION:
            return f"A regression, on {rows}."
        case Problem.BINARY:
            positive = int((answers.truth == 1).sum())
            return f"A binary problem, on {rows}: {positive:,} of them are {answers.positive}, which is looked for."
        case Problem.MULTICLASS:
            return f"A problem of {len(answers.classes)} classes, on {rows}."


def _row(name: str, value: float, answers: Answers) -> str:
    one = metric(name, answers.problem)
    why = why_undefined(one, answers) if math.isnan(value) else _WORDS[one.direction]
    return (
        f'<tr><td>{safe(name)}</td><td class="s">{safe(one.title)}</td><td class="n">{number(value)}</td>'
        f'<td class="s">{safe(why)}</td></tr>'
    )
