"""`tidemill gate`: demands on the numbers of a run or a file, with an exit code for those who wait."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from tidemill.actions.ci.bounds import GateReport, bounds_from, by_name, number_shown
from tidemill.actions.ci.gate_check import judge, thresholds_of
from tidemill.actions.ci.gate_output import github_output, junit, markdown, outputs
from tidemill.cli.calling import examples, json_option, opened_to_read
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.errors import InputError
from tidemill.lifecycle.verdicts import Verdict

_LOOKS = {
    Verdict.PASS: ("✓ PASS", "green"),
    Verdict.FAIL: ("✗ FAIL", "red"),
    Verdict.NODATA: ("○ NODATA", "yellow"),
    Verdict.ERROR: ("■ ERROR", "red"),
}


@click.group(
    epilog=examples(
        "tidemill gate check latest --min accuracy=0.85", "tidemill gate check metrics.json --max log_loss=0.3"
    )
)
def gate() -> None:
    """Hold recorded numbers against bounds, for scripts and CI.

    A gate that compares a model with the champion is a task of a pipeline: `tidemill.tasks.gate`.
    """


@gate.command(
    epilog=examples(
        "tidemill gate check latest --min accuracy=0.85",
        "tidemill gate check metrics.json --min test.accuracy=0.85 --max log_loss=0.3 --junit gate.xml",
        "tidemill gate check 3f2a --rule gate.yaml",
    )
)
@click.argument("what", metavar="RUN|FILE")
@click.option("--min", "minima", metavar="NAME=NUMBER", multiple=True, help="The metric is at least this.")
@click.option("--max", "maxima", metavar="NAME=NUMBER", multiple=True, help="The metric is at most this.")
@click.option("--rule", metavar="FILE", default="", help="YAML of a gate; of it the thresholds are judged.")
@click.option("--ignore-decisions", is_flag=True, help="Judge the bounds alone, whatever the run's own gates decided.")
@click.option("--junit", "junit_file", metavar="FILE", default="", help="Write the checks as JUnit XML too.")
@click.option("--summary", metavar="FILE", default="", help="Append a table in Markdown to this file too.")
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    what: str,
    minima: tuple[str, ...],
    maxima: tuple[str, ...],
    rule: str,
    ignore_decisions: bool,
    junit_file: str,
    summary: str,
    wants_json: bool,
) -> None:
    """Judge metrics by bounds: exit code 0 if all hold, 1 if not.

    RUN is the id of a run, the beginning of one, or `latest`; FILE is JSON, flat or nested. A metric is named as in
    the file, or by its last part; of a run by its name, or its task and name, such as evaluate.accuracy. What is
    missing, null or not a number is NODATA, which never passes; nor does a run that has not succeeded, or one in which
    a gate (`tidemill.tasks.gate`) decided anything but PASS. Such a run needs no bounds.

    In GitHub Actions the verdict and the metrics become outputs of the step, and the table part of its summary.
    """
    given: Globals = ctx.obj
    bounds = bounds_from(minima, maxima)
    notes: tuple[str, ...] = ()
    if rule:
        # It knows the metrics, and so loads numpy, which a gate without a rule can do without.
        from tidemill.lifecycle.evaluation.gate_yaml import read_gate

        more, notes = thresholds_of(read_gate(rule))
        bounds += more
        if not bounds:
            raise InputError(
                "the rule has no thresholds", place=rule, remedy="judge it in a pipeline, by the task gate"
            )
    report = judge(what, bounds, notes, lambda: opened_to_read(given), ignore_decisions=ignore_decisions)
    _leave(report, junit_file, summary)
    out = Out(given, wants_json)
    if wants_json:
        out.document(_document(report))
    else:
        _show(out, report)
    ctx.exit(0 if report.verdict.passed else 1)


def _leave(report: GateReport, junit_file: str, summary: str) -> None:
    """Write what others read."""
    if junit_file:
        _write(junit_file, junit(report), "w")
    tables = {summary, os.environ.get("GITHUB_STEP_SUMMARY", "")} - {""}
    for path in sorted(tables):
        _write(path, markdown(report), "a")
    if os.environ.get("GITHUB_OUTPUT"):
        _write(os.environ["GITHUB_OUTPUT"], github_output(outputs(report)), "a")


def _write(path: str, text: str, mode: str) -> None:
    try:
        with Path(path).open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"the file cannot be written: {error.strerror or error}", place=path) from None


def _show(out: Out, report: GateReport) -> None:
    out.say(("gate of ", "dim"), report.source)
    out.table(
        ("VERDICT", "METRIC", ">VALUE", "DEMANDED", "WHY"),
        (
            (
                _LOOKS[one.verdict],
                one.metric,
                "" if one.value is None else number_shown(one.value),
                one.demanded,
                "" if one.verdict.passed else one.sentence,
            )
            for one in report.checks
        ),
        give=1,
    )
    for note in report.notes:
        out.say(("note: ", "yellow"), note)
    word, style = _LOOKS[report.verdict]
    out.say((word, f"bold {style}"))


def _document(report: GateReport) -> dict[str, Any]:
    return {
        "source": report.source,
        "verdict": report.verdict.value,
        "passed": report.verdict.passed,
        "checks": [
            {
                "metric": one.metric,
                "verdict": one.verdict.value,
                "demanded": one.demanded,
                "value": None if one.value is None or one.value != one.value else one.value,
                "reason": one.sentence,
            }
            for one in report.checks
        ],
        "metrics": dict(by_name(report.numbers)),
        "notes": list(report.notes),
    }
