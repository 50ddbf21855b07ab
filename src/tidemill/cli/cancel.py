"""`tidemill cancel`: ask for a run to be stopped."""

from __future__ import annotations

import click

from tidemill.actions.documents import run_header
from tidemill.actions.runs import cancel_run
from tidemill.cli.calling import examples, json_option, opened_to_read, run_argument
from tidemill.cli.main import Globals
from tidemill.cli.output import Out


@click.command(epilog=examples("tidemill cancel latest", "tidemill cancel 3f2a --reason 'wrong data'"))
@run_argument
@click.option("--reason", default="", metavar="TEXT", help="Recorded with the run.")
@json_option
@click.pass_obj
def cancel(given: Globals, run_id: str, reason: str, wants_json: bool) -> None:
    """Cancel a run: what runs is asked to stop, what waits does not start, teardowns still run.

    RUN is the id of a run, the beginning of one, or `latest`.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        run = cancel_run(app, run_id, reason)
    if wants_json:
        out.document(run_header(run))
    elif run.state.final:
        out.say(f"Run {run.id} is ", out.text(out.state(run.state)), ".")
    else:
        out.say(f"Run {run.id} was asked to stop; ", (f"tidemill show {run.id}", "bold"), " says when it has.")
