"""`tidemill ci`: a workflow for GitHub, and its twin on this machine."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from tidemill.actions.ci.results import (
    JobBegan,
    JobResult,
    Printed,
    Result,
    StepBegan,
    StepResult,
    Told,
    Way,
    WorkflowResult,
)
from tidemill.actions.ci.running import Wishes, run_here
from tidemill.actions.ci.stopping import Stop
from tidemill.actions.ci.workflow import Remark
from tidemill.actions.ci.writing import Written, write_workflow
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option
from tidemill.cli.main import CANCELLED, Globals
from tidemill.cli.output import Out, Part
from tidemill.core.errors import InputError

_STYLES = {"error": "red", "warning": "yellow", "notice": "cyan", "debug": "dim", "group": "bold", "script": "dim"}
_MARKS = {
    Result.SUCCESS: ("✓ ", "green"),
    Result.FAILURE: ("✗ ", "red"),
    Result.CANCELLED: ("■ ", "yellow"),
    Result.SKIPPED: ("\u2013 ", "dim"),
    Result.UNDECIDED: ("○ ", "yellow"),
}


@click.group(
    epilog=examples(
        "tidemill ci init github --min accuracy=0.85",
        "tidemill ci run --dry-run",
        "tidemill ci run --pretend docker --pretend kubectl",
    )
)
def ci() -> None:
    """Write a workflow for GitHub Actions, and run one on this machine."""


@ci.command(
    epilog=examples(
        "tidemill ci init github --min accuracy=0.85",
        "tidemill ci init github pipeline.py:churn --min accuracy=0.85 --model train",
        "tidemill ci init github --max rmse=3.5 --cron '30 4 * * 1'",
    )
)
@click.argument("service", metavar="github", type=click.Choice(["github"]))
@click.argument("target", metavar="[FILE[:PIPELINE]]", default="pipeline.py")
@click.option("--min", "minima", metavar="METRIC=NUMBER", multiple=True, help="The gate's lower bound of a metric.")
@click.option("--max", "maxima", metavar="METRIC=NUMBER", multiple=True, help="The gate's upper bound of a metric.")
@click.option("--model", metavar="TASK", default="", help="The task whose artifact is delivered.")
@click.option("--branch", metavar="NAME", default="main", show_default=True, help="The branch that is deployed.")
@click.option("--cron", metavar="CRON", default="0 2 * * *", show_default=True, help="When it runs by itself (UTC).")
@click.option("--python", metavar="VERSION", default="", help="Version of Python, instead of this one.")
@click.option("--output", metavar="FILE", default="", help="Where to write it, instead of .github/workflows/ml.yml.")
@click.option("--force", is_flag=True, help="Replace the file that is there.")
@json_option
@click.pass_obj
def init(
    given: Globals,
    service: str,
    target: str,
    minima: tuple[str, ...],
    maxima: tuple[str, ...],
    model: str,
    branch: str,
    cron: str,
    python: str,
    output: str,
    force: bool,
    wants_json: bool,
) -> None:
    """Write a workflow: train and judge at every push, each night and by hand; deliver what passes the gate.

    The pipeline is read, so that the workflow names its model; nothing is run. What a model must reach is said with
    --min and --max, unless the pipeline judges it with `tidemill.tasks.gate`; that must have passed it in any case.
    If there are tests, they are run.
    """
    out = Out(given, wants_json)
    written = write_workflow(
        Path.cwd(),
        target,
        minima=minima,
        maxima=maxima,
        model=model,
        branch=branch,
        cron=cron,
        python=python,
        output=output,
        force=force,
    )
    if wants_json:
        out.document(_written_document(written))
        return
    out.say("Made ", (str(written.path), "bold"))
    for note in written.notes:
        out.say(("note: ", "yellow"), note)
    out.say()
    out.say("Look:  ", ("tidemill ci run --dry-run", "bold"))
    out.say("Try:   ", ("tidemill ci run --pretend pip --pretend docker --pretend kubectl", "bold"))


def _written_document(written: Written) -> dict[str, Any]:
    return {
        "file": str(written.path),
        "actions": dict(written.actions),
        "looked_up": written.looked_up,
        "notes": list(written.notes),
    }


@ci.command(
    epilog=examples(
        "tidemill ci run",
        "tidemill ci run .github/workflows/ml.yml --job deploy --ref main",
        "tidemill ci run --dry-run",
        "tidemill ci run --pretend docker --pretend kubectl --secret KUBECONFIG",
    )
)
@click.argument("workflow", metavar="[WORKFLOW]", default="")
@click.option("--job", "jobs", metavar="JOB", multiple=True, help="Only this job and those it needs; may be repeated.")
@click.option("--event", metavar="EVENT", default="", help="What starts it: push unless said, such as schedule.")
@click.option("--event-file", metavar="FILE", default="", help="JSON file with what github.event holds besides.")
@click.option("--ref", metavar="BRANCH", default="", help="Branch, or refs/..., to pretend to be on.")
@click.option("--input", "inputs", metavar="NAME=VALUE", multiple=True, help="An input of workflow_dispatch.")
@click.option("--var", "variables", metavar="NAME=VALUE", multiple=True, help="A value of the context vars.")
@click.option(
    "--secret", "secrets", metavar="NAME", multiple=True, help="A secret: from the environment, or asked for."
)
@click.option(
    "--pretend", "pretended", metavar="COMMAND", multiple=True, help="Let this command only say what it would do."
)
@click.option("--artifacts", metavar="FOLDER", default="", help="Keep there what is uploaded.")
@click.option("--dry-run", "dry", is_flag=True, help="Run nothing: say which jobs and steps would run, and how.")
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    workflow: str,
    jobs: tuple[str, ...],
    event: str,
    event_file: str,
    ref: str,
    inputs: tuple[str, ...],
    variables: tuple[str, ...],
    secrets: tuple[str, ...],
    pretended: tuple[str, ...],
    artifacts: str,
    dry: bool,
    wants_json: bool,
) -> None:
    """Run a workflow of GitHub Actions on this machine, in this folder.

    WORKFLOW is a file, or a name in .github/workflows; the only one there if none is named. Steps with `run` are run
    as GitHub would. Known actions are stood in for, others are named and skipped. Secrets that the workflow names are
    taken from the environment and masked in what is printed.
    """
    given: Globals = ctx.obj
    out = Out(given, wants_json)
    wishes = Wishes(workflow, event, event_file, ref, jobs, secrets, variables, inputs, pretended, artifacts, dry)
    environment = dict(os.environ)
    if given.home:
        environment["TIDEMILL_HOME"] = str(Path(given.home).absolute())
    with _stopping() as stop:
        found, result = run_here(wishes, Path.cwd(), environment, _ask, _Teller(out), stop)
    if wants_json:
        out.document({"workflow": found.file, "name": found.name, "dry_run": dry, **_document(result)})
    else:
        _sum_up(out, result, dry)
    ctx.exit(CANCELLED if result.cancelled else 1 if result.failed else 0)


@contextmanager
def _stopping() -> Iterator[Stop]:
    """Ctrl-C and SIGTERM cancel; a second one gives up steps that always run, a third one leaves at once."""
    stop = Stop()

    def asked(number: int, frame: FrameType | None) -> None:
        stop.ask()
        if stop.count > 2:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ask(name: str) -> str:
    if not sys.stdin.isatty():
        raise InputError(f"the secret {name} is not in the environment", remedy=f"set {name}, or call it on a terminal")
    answer: str = click.prompt(f"Secret {name}", hide_input=True, err=True)
    return answer


class _Teller:
    """Says what happens as it happens."""

    def __init__(self, out: Out) -> None:
        self._out = out

    def __call__(self, told: Told) -> None:
        out = self._out
        match told:
            case JobBegan(title, place):
                out.say()
                out.say((f"Job {title}", "bold"), (f"  {place}", "dim"))
            case StepBegan(title, _):
                out.say(("● ", "cyan"), title)
            case Printed(text, kind):
                before = f"{kind}: " if kind in ("error", "warning", "notice", "debug") else ""
                out.say("    ", (before + text, _STYLES.get(kind, "")))
            case StepResult():
                out.say(*_step_line(told))
            case JobResult():
                out.say(*_job_line(told))
            case Remark(place, text, remedy):
                out.say(("note: ", "yellow"), f"{place}: {text}")
                if remedy:
                    out.say("      ", (remedy, "dim"))


def _step_line(step: StepResult) -> list[Part]:
    began = step.way is not Way.CONDITION
    parts: list[Part] = ["  ", _MARKS[step.conclusion]]
    parts.append(looks.word(step.outcome) if began else f"{step.title}: skipped")
    if step.way is Way.DRY and step.outcome is Result.SUCCESS:
        parts = ["  ", ("would run", "dim")]
    if step.note:
        parts.append((f"  {step.note}", "dim"))
    if step.way is Way.RUN and step.seconds >= 1:
        parts.append((f"  {looks.duration(step.seconds)}", "dim"))
    return parts


def _job_line(job: JobResult) -> list[Part]:
    return [_MARKS[job.result], (f"Job {job.title}: {job.result.value}", "bold"), f"  {job.note}" if job.note else ""]


def _sum_up(out: Out, result: WorkflowResult, dry: bool) -> None:
    if result.summary.strip():
        out.say()
        out.say(("Summary", "bold"))
        for line in result.summary.rstrip().splitlines():
            out.say("  ", line)
    steps = [step for job in result.jobs for step in job.steps]
    stood_in = sum(step.way is Way.STOOD_IN for step in steps)
    not_here = [step for step in steps if step.way is Way.NOT_HERE]
    out.say()
    told = looks.plural(len(result.jobs), "job") + ", " + looks.plural(len(steps), "step")
    if stood_in:
        told += f", {stood_in} of them stood in for"
    word = "Nothing was run" if dry else "Cancelled" if result.cancelled else "Failed" if result.failed else "Done"
    out.say((word, "bold"), f": {told}.")
    for step in not_here:
        out.say(("not run: ", "yellow"), f"{step.place} {step.note}")


def _document(result: WorkflowResult) -> dict[str, Any]:
    return {
        "result": "cancelled" if result.cancelled else "failure" if result.failed else "success",
        "jobs": [
            {
                "id": job.id,
                "title": job.title,
                "result": job.result.value,
                "note": job.note,
                "outputs": dict(job.outputs),
                "steps": [
                    {
                        "title": step.title,
                        "place": step.place,
                        "way": step.way.value,
                        "outcome": step.outcome.value,
                        "conclusion": step.conclusion.value,
                        "note": step.note,
                        "outputs": dict(step.outputs),
                        "seconds": step.seconds,
                    }
                    for step in job.steps
                ],
            }
            for job in result.jobs
        ],
        "notes": [{"place": one.place, "text": one.text, "remedy": one.remedy} for one in result.remarks],
        "summary": result.summary,
    }
