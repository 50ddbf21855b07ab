"""`tidemill runs`: the newest runs of the home, or those that fulfil a condition."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from tidemill.actions.documents import listing_document
from tidemill.actions.listing import Listing, list_runs
from tidemill.actions.show import Carried, carriers
from tidemill.cli import looks
from tidemill.cli.calling import examples, has_home, json_option, opened, settings_of
from tidemill.cli.main import Globals
from tidemill.cli.output import Out, Part
from tidemill.cli.values import cell, head
from tidemill.core.errors import InputError
from tidemill.core.filters import Space
from tidemill.core.history import RunRecord
from tidemill.core.states import RunState

_ROW_HEADS = {"state": "STATE", "pipeline": "PIPELINE", "started": "STARTED", "duration": ">TOOK"}
"""What every run has, where a column asks for it in another place."""


@click.command(
    epilog=examples(
        "tidemill runs --pipeline churn --state failed --limit 5",
        'tidemill runs --filter "metrics.accuracy > 0.9 and params.depth = 10"',
        "tidemill runs --filter \"created > '2 days ago'\" --sort metrics.loss",
        "tidemill runs --filter \"tags.stage in ('test', 'live') and not state = failed\"",
        "tidemill runs --sort duration --desc --columns params.depth,tags.stage",
    )
)
@click.option("--pipeline", default="", metavar="NAME", help="Only runs of this pipeline.")
@click.option("--state", default="", metavar="STATE", help="Only runs in this state, such as running or failed.")
@click.option("--experiment", default="", metavar="NAME", help="Only runs of this experiment.")
@click.option("--filter", "condition", default="", metavar="EXPR", help="Only runs for which this holds (see below).")
@click.option("--sort", default="", metavar="NAME", help="Order by this, lowest first, in place of newest first.")
@click.option("--desc", is_flag=True, help="Highest first.")
@click.option(
    "--columns",
    default=None,
    metavar="NAMES",
    help="What to show, with commas, in place of what filter and order name.",
)
@click.option("--limit", type=int, default=20, show_default=True, metavar="N", help="How many at most.")
@json_option
@click.pass_obj
def runs(
    given: Globals,
    pipeline: str,
    state: str,
    experiment: str,
    condition: str,
    sort: str,
    desc: bool,
    columns: str | None,
    limit: int,
    wants_json: bool,
) -> None:
    """List the newest runs, the newest one first.

    A filter joins comparisons with and, or, not and parentheses. Names are params.NAME, tags.NAME, metrics.NAME (or
    metrics.TASK.NAME, metrics.TASK[INDEX].NAME), id, pipeline, state, actor, created, started and duration;
    comparisons are = != < <= > >=, in (...), like 'night%', contains 'x', is missing and is nan.

    Texts stand in quotes, durations are written as 90s or '1h 30m', dates as 2026-01-31, today or '2 days ago'. A
    comparison with what a run has not is false.
    """
    if desc and not sort:
        raise InputError("--desc is for an order", remedy="add --sort NAME; `--sort created` gives the oldest first")
    out = Out(given, wants_json)
    settings = settings_of(given)
    names = None if columns is None else [name.strip() for name in columns.split(",") if name.strip()]
    found = Listing((), False)
    carried: dict[str, Carried] = {}
    if has_home(settings):
        with opened(given, settings) as app:
            found = list_runs(
                app,
                pipeline,
                state,
                limit,
                filter=condition,
                experiment=experiment,
                sort=sort,
                descending=desc,
                columns=names,
            )
            carried = {} if wants_json else carriers(app, found.runs)
    if wants_json:
        out.document(listing_document(found))
        return
    if not found.runs:
        wanted = " ".join(part for part in (f"of {pipeline}" if pipeline else "", looks.word(state)) if part)
        such = (f" of experiment {experiment}" if experiment else "") + " for which the filter holds" * bool(condition)
        out.say(f"There are no runs{' ' + wanted if wanted else ''}{such} in {settings.home}.")
        _say_notes(out, found)
        if not condition:
            out.say("`tidemill run FILE` starts one; `tidemill init NAME` makes a project to begin with.")
        return
    _table(out, found)
    _say_notes(out, found)
    for run in found.runs:
        if carried.get(run.id) == "gone":
            go_on = (f"tidemill resume {run.id}", "bold")
            out.say(("note", "yellow"), f": run {run.id} stands still, its engine is gone: ", go_on, " goes on")
    if found.more:
        out.say(("There are more: `tidemill runs --limit N` shows them.", "dim"))


def _say_notes(out: Out, found: Listing) -> None:
    for note in found.notes:
        out.say(("note", "yellow"), f": {note}")


def _table(out: Out, found: Listing) -> None:
    now = datetime.now(UTC)
    named = bool(found.names)
    asked = [name.key if name.space is Space.FIELD else "" for name in found.names]
    heads = [
        "RUN",
        *([] if "state" in asked else ["STATE"]),
        *([] if "pipeline" in asked else ["PIPELINE"]),
        *(
            _ROW_HEADS.get(key) or head(name, [values[n] for values in found.values])
            for n, (name, key) in enumerate(zip(found.names, asked, strict=True))
        ),
        *([] if "started" in asked else ["STARTED"]),
        *([] if "duration" in asked else [">TOOK"]),
    ]
    rows: list[list[Part]] = []
    for run, values in zip(found.runs, found.values, strict=True):
        took = looks.duration(looks.between(run.started_at, run.ended_at or now))
        # Reopening a run starts it again; the list is by when runs were made.
        started = looks.day_and_time(run.created_at if run.generation else run.started_at or run.created_at)
        row: list[Part] = [
            (run.id, "bold"),
            *([] if "state" in asked else [out.state(run.state)]),
            *([] if "pipeline" in asked else [looks.cut(run.pipeline, 16 if named else 24)]),
            *(_cell(out, key, value, took) for key, value in zip(asked, values, strict=True)),
            *([] if "started" in asked else [started]),
            *([] if "duration" in asked else [took]),
        ]
        rows.append(row if named else [*row, (_cause(run), "dim")])
    out.table(heads if named else [*heads, "CAUSE"], rows, give=2)


def _cell(out: Out, field: str, value: object, took: str) -> Part:
    match field:
        case "duration":
            return took
        case "state":
            return out.state(RunState(str(value)))
    return cell(value)


def _cause(run: RunRecord) -> str:
    return looks.cut(run.cause.message, 200) if run.cause is not None and run.state is not RunState.SUCCEEDED else ""
