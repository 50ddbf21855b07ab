"""`tidemill runs`: the newest runs of the home."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from tidemill.actions.documents import listing_document
from tidemill.actions.listing import Listing, list_runs
from tidemill.cli import looks
from tidemill.cli.calling import examples, has_home, json_option, opened, settings_of
from tidemill.cli.main import Globals
from tidemill.cli.output import Out


@click.command(epilog=examples("tidemill runs", "tidemill runs --pipeline churn --state failed --limit 5"))
@click.option("--pipeline", default="", metavar="NAME", help="Only runs of this pipeline.")
@click.option("--state", default="", metavar="STATE", help="Only runs in this state, such as running or failed.")
@click.option("--limit", type=int, default=20, show_default=True, metavar="N", help="How many at most.")
@json_option
@click.pass_obj
def runs(given: Globals, pipeline: str, state: str, limit: int, wants_json: bool) -> None:
    """List the newest runs, the newest one first."""
    out = Out(given, wants_json)
    settings = settings_of(given)
    found = Listing((), False)
    if has_home(settings):
        with opened(given, settings) as app:
            found = list_runs(app, pipeline, state, limit)
    if wants_json:
        out.document(listing_document(found))
        return
    if not found.runs:
        wanted = " ".join(part for part in (f"of {pipeline}" if pipeline else "", looks.word(state)) if part)
        out.say(f"There are no runs{' ' + wanted if wanted else ''} in {settings.home}.")
        out.say("`tidemill run FILE` starts one.")
        return
    now = datetime.now(UTC)
    out.table(
        ("RUN", "STATE", "PIPELINE", "STARTED", ">TOOK", "CAUSE"),
        (
            (
                (run.id, "bold"),
                out.state(run.state),
                looks.cut(run.pipeline, 24),
                looks.day_and_time(run.started_at or run.created_at),
                looks.duration(looks.between(run.started_at, run.ended_at or now)),
                (looks.cut(run.cause.message, 200) if run.cause is not None else "", "dim"),
            )
            for run in found.runs
        ),
        give=2,
    )
    if found.more:
        out.say(("There are more: `tidemill runs --limit N` shows them.", "dim"))
