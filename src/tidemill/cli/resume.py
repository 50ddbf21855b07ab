"""`tidemill resume`: go on with a run that nobody carries any more."""

from __future__ import annotations

import click

from tidemill.actions.runs import find_run, resume_run
from tidemill.actions.show import definition_of, rows_of
from tidemill.cli.calling import examples, json_option, opened_to_read, run_argument
from tidemill.cli.carrying import carry
from tidemill.cli.main import Globals
from tidemill.cli.output import Out


@click.command(epilog=examples("tidemill resume latest", "tidemill resume 3f2a"))
@run_argument
@json_option
@click.pass_obj
def resume(given: Globals, run_id: str, wants_json: bool) -> int:
    """Go on with a run whose engine went away: what had ended stays so, what was under way is tried again.

    RUN is the id of a run, the beginning of one, or `latest`.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        run = find_run(app, run_id)
        return carry(
            out,
            app,
            definition_of(app, run),
            lambda watch, begun: resume_run(app, run.id, watch, begun),
            rows_of(app, run),
            inline=run.executor == "inline",
        )
