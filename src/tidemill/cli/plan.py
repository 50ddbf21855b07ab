"""`tidemill plan`: what a run would do, before anything runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click

from tidemill.actions.compile import compile_pipeline
from tidemill.actions.naming import to_refresh
from tidemill.actions.parameters import read_parameters
from tidemill.actions.plan import plan as make_plan
from tidemill.cli import looks
from tidemill.cli.calling import (
    cache_options,
    examples,
    json_option,
    opened,
    param_options,
    settings_of,
)
from tidemill.cli.interrupting import interruptible
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.planning.dryrun import PlanLine


@click.command(epilog=examples("tidemill plan pipeline.py", "tidemill plan churn.py -p threshold=0.9"))
@click.argument("target", metavar="FILE[:PIPELINE]")
@param_options
@cache_options
@json_option
@click.pass_obj
def plan(
    given: Globals,
    target: str,
    params: tuple[str, ...],
    params_file: str,
    no_cache: bool,
    refresh: tuple[str, ...],
    wants_json: bool,
) -> None:
    """Say what would run, what would be reused or why not, and what nobody can say yet. Nothing runs.

    A result is reused if its task says `@task(cache=True)`, and its code, its inputs and the files among them are what
    they were; other tasks run each time.
    """
    out = Out(given, wants_json)
    settings = settings_of(given)
    with interruptible():
        pipeline = compile_pipeline(target)
        values = read_parameters(pipeline, params, params_file)
    with opened(given, settings) as app:
        lines = make_plan(app, pipeline, values, to_refresh(pipeline, no_cache, refresh))
    if wants_json:
        out.document({"pipeline": pipeline.name, "lines": [_document(line) for line in lines]})
        return
    out.say((pipeline.name, "bold"), "  would do this now:")
    out.say()
    out.table(("TASK", "WOULD", "BECAUSE"), (row for line in lines for row in _rows(out, line)))
    out.say()
    out.say(_summary(lines))


def _document(line: PlanLine) -> dict[str, object]:
    return {
        "path": line.path,
        "action": line.action,
        "reason": line.reason,
        "waiting_for": line.waiting_for,
        "count": line.count,
    }


def _rows(out: Out, line: PlanLine) -> Iterator[tuple[Any, ...]]:
    """A line, and below it the further reasons, one each."""
    first, *more = _why(line)
    yield _name(line), _action(out, line), (first, "dim")
    for reason in more:
        yield "", "", (reason, "dim")


def _name(line: PlanLine) -> str:
    return "  " * line.depth + looks.cut(line.path.rpartition("/")[2], 34)


def _action(out: Out, line: PlanLine) -> tuple[str, str]:
    count = "?" if line.count is None else line.count
    words = {"map": f"run {looks.TIMES}{count}", "undecided": "undecided", "enter": "enter"}
    return words.get(line.action, line.action), looks.style(line.action)


def _why(line: PlanLine) -> list[str]:
    waits = f"waits for {line.waiting_for}" if line.waiting_for else ""
    if line.action == "undecided" and line.waiting_for:
        waits = f"depends on {line.waiting_for}"
    if line.action == "map" and line.count is None:
        waits = f"its length {waits or 'is not known yet'}"
    return [part for part in (*line.reason.split("; "), waits) if part] or [""]


def _summary(lines: Sequence[PlanLine]) -> str:
    counts: Counter[str] = Counter()
    for line in lines:
        if line.action == "map" and line.count is None:
            counts["run of a length that is not known yet"] += 1
        elif line.action != "enter":
            counts["run" if line.action == "map" else line.action] += line.count or 1
    return "In all: " + (", ".join(f"{number} {action}" for action, number in counts.items()) or "nothing")
