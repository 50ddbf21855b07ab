"""A judgement as Markdown: the verdict, what decided it, and a table of every check. For people only."""

from __future__ import annotations

from tidemill.lifecycle.evaluation.judging_parts import Check, Judgement
from tidemill.lifecycle.evaluation.judging_words import number


def judgement_text(found: Judgement, model: str, decision: str = "", version: int = 0) -> str:
    """One page: verdict, reasons, checks."""
    against = f"compared with version {version}" if version else "there is no champion yet"
    lines = [f"# {found.verdict.value}: {model}", "", f"{against}; {found.n} rows; decision `{decision or 'none'}`", ""]
    lines += [f"- {reason}" for reason in found.reasons]
    lines += [
        "",
        "| check | verdict | candidate | champion | gain | interval | p | rows |",
        "|---|---|--:|--:|--:|---|--:|--:|",
    ]
    lines += [_row(check) for check in found.checks]
    return "\n".join(lines) + "\n"


def _row(check: Check) -> str:
    interval = f"[{_cell(check.low)}, {_cell(check.high)}]" if check.low is not None else ""
    told = "" if check.counts else " (does not count)"
    name = check.name.replace("|", "\\|")
    cells = (
        name,
        check.verdict.value + told,
        _cell(check.candidate),
        _cell(check.champion),
        _cell(check.difference),
        interval,
        _cell(check.p),
        str(check.n) if check.n else "",
    )
    return f"| {' | '.join(cells)} |"


def _cell(value: float | None) -> str:
    return "" if value is None else number(value)
