"""`tidemill doctor`: whether everything is in order."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tidemill.actions.doctor import Examination, Level, examine
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option
from tidemill.cli.main import Globals
from tidemill.cli.output import Out

UNHEALTHY = 1

_MARKS = {Level.FINE: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.PROBLEM: ("✗", "red")}


@click.command(epilog=examples("tidemill doctor", "tidemill --home /data/home doctor --json"))
@json_option
@click.pass_obj
def doctor(given: Globals, wants_json: bool) -> int:
    """Say whether everything is in order: Python, packages, home, database, disk, executors, runs, settings.

    The exit code is 1 if there is a problem.
    """
    environment = dict(os.environ)
    if given.home:
        environment["TIDEMILL_HOME"] = str(Path(given.home).absolute())
    found = examine(environment, "option --home" if given.home else "")
    out = Out(given, wants_json)
    if wants_json:
        out.document(_document(found))
    else:
        _tell(out, found)
    return 0 if found.healthy else UNHEALTHY


def _tell(out: Out, found: Examination) -> None:
    for finding in found.findings:
        out.say(_MARKS[finding.level], f" {finding.name:10} {finding.text}")
        if finding.remedy:
            out.say(f"{'':13}", (finding.remedy, "dim" if finding.level is Level.FINE else "bold"))
    if found.settings:
        out.say()
        out.table(("SETTING", "VALUE", "FROM"), ((one.name, one.value, one.source) for one in found.settings))
    out.say()
    out.say(verdict(found))


def verdict(found: Examination) -> str:
    levels = [finding.level for finding in found.findings]
    problems, warnings = levels.count(Level.PROBLEM), levels.count(Level.WARNING)
    told = [f"Problems: {problems}"] if problems else []
    told += [f"{looks.plural(warnings, 'thing')} to look at"] if warnings else []
    return ", and ".join(told) or "Everything is in order."


def _document(found: Examination) -> dict[str, object]:
    return {
        "healthy": found.healthy,
        "findings": [
            {"name": one.name, "level": one.level.value, "text": one.text, "remedy": one.remedy}
            for one in found.findings
        ],
        "settings": [{"name": one.name, "value": one.value, "source": one.source} for one in found.settings],
    }
