"""The result of a check as one page that loads nothing, for the artifacts of a run. Whatever it shows is escaped."""

from __future__ import annotations

from html import escape

from tidemill.lifecycle.contracts.findings import ContractResult, Finding
from tidemill.lifecycle.contracts.model import Kind
from tidemill.lifecycle.contracts.words import count_text, share_text
from tidemill.lifecycle.verdicts import Verdict

_STYLE = """
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 1.5rem; max-width: 72rem; }
h1 { font-size: 1.2rem; margin: 0 0 .3rem; } p { margin: .2rem 0; }
table { border-collapse: collapse; margin-top: 1rem; width: 100%; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #8884; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: 12px ui-monospace, monospace; overflow-wrap: anywhere; }
.bad { color: #b3261e; } .odd { color: #8a5a00; } .good { color: #1b6e3c; } .dim { opacity: .7; }
@media (prefers-color-scheme: dark) { .bad { color: #ff8a80; } .odd { color: #ffc36b; } .good { color: #7fd69b; } }
"""
_WORD = {Verdict.PASS: "holds", Verdict.FAIL: "broken", Verdict.NODATA: "no data", Verdict.ERROR: "error"}


def page(result: ContractResult) -> str:
    """The page as HTML, what is broken first."""
    state = "good" if result.passed else "bad"
    word = "holds" if result.passed else "is broken" if result.verdict is Verdict.FAIL else "cannot be judged"
    notes = [f"Owner: {escape(result.owner or 'nobody is named')}", f"{result.rows:,} rows"]
    if result.quarantined:
        notes.append(f"{count_text(result.quarantined, 'row')} set aside")
    if result.warnings:
        notes.append(count_text(len(result.warnings), "warning"))
    moment = escape(result.checked_at.strftime("%Y-%m-%d %H:%M:%S %Z"))
    rows = "\n".join(_row(one) for one in sorted(result.findings, key=_rank))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>contract {escape(result.contract)}</title>"
        f"<style>{_STYLE}</style></head><body>\n"
        f'<h1>Contract {escape(result.contract)} <span class="{state}">{word}</span></h1>\n'
        f"<p>{' · '.join(notes)}</p>\n"
        f'<p class="dim">{moment} · <code>{escape(result.digest)}</code></p>\n'
        "<table><thead><tr><th>Rule</th><th>Demanded</th><th>Result</th><th>Rows</th><th>Share</th><th>Seen</th>"
        f"<th>If broken</th></tr></thead><tbody>\n{rows}\n</tbody></table>\n</body></html>\n"
    )


def _rank(found: Finding) -> int:
    return 0 if found.blocks else 2 if found.passed else 1


def _row(found: Finding) -> str:
    state = "bad" if found.blocks else "good" if found.passed else "odd"
    about = f"{escape(found.column)} " if found.column else ""
    examples = "<br>".join(f"<code>{escape(str(one))}</code>" for one in found.examples)
    seen = "<br>".join(part for part in (escape(found.seen), escape(found.note), examples) if part)
    # A mean that is wrong is not the fault of no row.
    of_rows = found.checked and Kind(found.rule).of_rows and (found.passed or found.count)
    number = f"{found.count:,} of {found.checked:,}" if of_rows else ""
    share = share_text(found.share) if of_rows else ""
    owner = f'<br><span class="dim">{escape(found.owner)}</span>' if found.owner else ""
    return (
        f'<tr><td>{about}<span class="dim">{escape(found.rule)}</span></td><td>{escape(found.demanded)}</td>'
        f'<td class="{state}">{_WORD[found.verdict]}</td><td class="n">{number}</td><td class="n">{share}</td>'
        f"<td>{seen}</td><td>{found.severity.value}{owner}</td></tr>"
    )
