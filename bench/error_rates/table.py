"""The table that people read and that docs/error-rates.md holds, and the sentences below it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from bench.error_rates.trial import TOLERANCE, Outcome, Promise, Verdict

HEADING = "| setting | rows | examples | passed | 99 % interval | promised | |"
RULE = "|---|---:|---:|---:|---:|---:|---|"


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown: one table for each test."""
    parts = []
    for test, group in groupby(outcomes, key=lambda outcome: outcome.trial.test):
        lines = [
            f"### {test}",
            "",
            "| setting | rows | examples | passed | 99 % interval | promised | |",
            "|---|" + "---:|" * 5 + "---|",
        ]
        lines += [_line(outcome) for outcome in group]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many promises are kept, and each that is not, in plain words."""
    judged = [outcome for outcome in outcomes if outcome.verdict is not Verdict.SHOWN]
    counts = {verdict: sum(outcome.verdict is verdict for outcome in judged) for verdict in Verdict}
    near = f"{counts[Verdict.NEAR]} missed by little (errors: up to {TOLERANCE:g} alpha; power: up to 5 points)"
    lines = [f"{counts[Verdict.KEPT]} of {len(judged)} promises kept, {near}, {counts[Verdict.BROKEN]} not kept:"]
    lines += [f"- {sentence(outcome)}" for outcome in judged if outcome.verdict is Verdict.BROKEN]
    return "\n".join(lines) if counts[Verdict.BROKEN] else lines[0].removesuffix(":") + "."


def sentence(outcome: Outcome) -> str:
    trial = outcome.trial
    promise = "at most" if trial.promise is Promise.AT_MOST else "about"
    return (
        f"{trial.test}, {trial.setting}, {trial.rows:,} rows: passes {outcome.rate:.2%} of the time, "
        f"promised {promise} {trial.promised:.1%}"
    )


def _line(outcome: Outcome) -> str:
    trial, interval = outcome.trial, outcome.interval
    promised = {
        Promise.AT_MOST: f"<= {trial.promised:.1%}",
        Promise.ABOUT: f"{trial.promised:.1%}",
        Promise.NONE: "-",
    }[trial.promise]
    cells = (
        trial.setting,
        f"{trial.rows:,}",
        f"{outcome.examples:,}",
        f"{outcome.rate:.2%}",
        f"{interval.low:.2%} to {interval.high:.2%}",
        promised,
        outcome.verdict.value,
    )
    return "| " + " | ".join(cells) + " |"
