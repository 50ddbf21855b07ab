"""`tidemill approve`: a person's yes or no."""

from __future__ import annotations

import click

from tidemill.actions.signals import Told
from tidemill.actions.signals import approve as answer
from tidemill.cli.calling import examples, json_option, opened_to_read, run_argument
from tidemill.cli.main import Globals
from tidemill.cli.output import Out


@click.command(
    epilog=examples("tidemill approve latest release", "tidemill approve 3f2a release --no --comment 'too slow'")
)
@run_argument
@click.argument("task", metavar="TASK")
@click.option("--no", is_flag=True, help="Refuse: the task fails, and is not tried again.")
@click.option("--comment", default="", metavar="TEXT", help="Recorded with the answer.")
@json_option
@click.pass_obj
def approve(given: Globals, run_id: str, task: str, no: bool, comment: str, wants_json: bool) -> None:
    """Answer a task that waits for approval. TASK is written as `show` writes it.

    RUN is the id of a run, the beginning of one, or `latest`.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        told = answer(app, run_id, task, not no, comment)
    if wants_json:
        out.document(told_document(told))
    else:
        out.say(f"Task {told.tasks[0]} of run {told.run.id} was told ", ("no" if no else "yes", "bold"), ".")
        say_if_nobody_listens(out, told)


def told_document(told: Told) -> dict[str, object]:
    """What was told to which tasks, as JSON."""
    return {"run": told.run.id, "tasks": [str(key) for key in told.tasks], "carried": told.carried}


def say_if_nobody_listens(out: Out, told: Told) -> None:
    """The command that makes the run go on, if no engine carries it."""
    if told.carried != "alive":
        out.say("No engine carries this run now: ", (f"tidemill resume {told.run.id}", "bold"), " goes on with it.")
