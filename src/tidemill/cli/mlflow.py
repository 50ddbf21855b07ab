"""`tidemill mlflow`: what is recorded here, shown by a tracking server of MLflow."""

from __future__ import annotations

from typing import Any

import click

from tidemill.actions.mirror import sync as mirror
from tidemill.cli import looks
from tidemill.cli.calling import RUN_HELP, examples, json_option, opened_to_read
from tidemill.cli.collecting import Progress
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.errors import InputError
from tidemill.lifecycle.mirrors.mirroring import Done

INCOMPLETE = 1


@click.group(epilog=examples("tidemill mlflow sync", "tidemill mlflow sync --run latest"))
def mlflow() -> None:
    """Show runs and registered models in MLflow.

    The setting mlflow_uri says where; `run`, `model promote` and `model rollback` then mirror at their end.
    """


@mlflow.command(
    epilog=examples(
        "tidemill mlflow sync",
        "tidemill mlflow sync --run latest",
        "TIDEMILL_MLFLOW_URI=http://localhost:5000 tidemill mlflow sync --model churn",
    )
)
@click.option("--run", "run_id", default="", metavar="RUN", help=f"Only this run and what it registered. {RUN_HELP}")
@click.option("--model", default="", metavar="NAME", help="Only this registered model.")
@json_option
@click.pass_obj
def sync(given: Globals, run_id: str, model: str, wants_json: bool) -> int:
    """Mirror what the tracking server does not show yet: runs, models, versions, aliases.

    What is there already is left as it is, so it may be called at any time and as often as one likes. Nothing that is
    not Tidemill's is touched, and nothing is removed. The exit code is 1 if something could not be mirrored.
    """
    if run_id and model:
        raise InputError("--run and --model are two ways to say what", remedy="leave out one of them")
    out = Out(given, wants_json)
    with opened_to_read(given) as app, Progress(out) as told:
        address, done = mirror(app, run_id, model, told)
    if wants_json:
        out.document(document_of(address, done))
    else:
        _show(out, address, done)
    return INCOMPLETE if done.troubles else 0


def document_of(address: str, done: Done) -> dict[str, Any]:
    return {
        "server": address,
        "runs": {"new": done.new_runs, "changed": done.changed_runs, "same": done.same_runs},
        "versions": {"new": done.new_versions, "same": done.same_versions},
        "aliases": done.aliases,
        "notes": done.notes,
        "troubles": done.troubles,
    }


def _show(out: Out, address: str, done: Done) -> None:
    said = [
        f"{looks.plural(number, word)} {what}"
        for number, word, what in (
            (len(done.new_runs), "run", "new"),
            (len(done.changed_runs), "run", "changed"),
            (len(done.new_versions), "model version", "new"),
        )
        if number
    ]
    before = [
        looks.plural(number, word)
        for number, word in ((done.same_runs, "run"), (done.same_versions, "model version"))
        if number
    ]
    out.say("Mirrored to ", (address, "bold"), ": ", ", ".join(said) or "nothing was missing")
    if before:
        out.say((f"there already: {', '.join(before)}", "dim"))
    for line in done.aliases:
        out.say("  ", line)
    for line in done.notes:
        out.say(("note: ", "yellow"), line)
    for line in done.troubles:
        out.say(("left: ", "red"), line)
