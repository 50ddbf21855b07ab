"""`tidemill rerun`: a new run that begins with some tasks of another and takes over the rest."""

from __future__ import annotations

import click

from tidemill.actions.rerun import Rerun, plan_rerun
from tidemill.actions.rerun import rerun as run_again
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened_to_read, run_argument
from tidemill.cli.carrying import carry
from tidemill.cli.main import Globals
from tidemill.cli.output import Out

_SHOWN = 8


@click.command(
    epilog=examples(
        "tidemill rerun latest --from train",
        "tidemill rerun 3f2a --from train -p depth=8",
        "tidemill rerun 3f2a --from split --from report",
    )
)
@run_argument
@click.option(
    "--from", "begin_with", multiple=True, required=True, metavar="TASK", help="A task to run again; may be repeated."
)
@click.option(
    "-p",
    "--param",
    "params",
    metavar="NAME=VALUE",
    multiple=True,
    help="Another value of a parameter; may be repeated.",
)
@json_option
@click.pass_obj
def rerun(given: Globals, run_id: str, begin_with: tuple[str, ...], params: tuple[str, ...], wants_json: bool) -> int:
    """Start a new run that runs TASK and all that follows it again, and takes over the rest from RUN.

    The new run has the parameters, dates and seed of RUN and the pipeline as its file says it now. What cannot be taken
    over runs again too, and it is said why. RUN stays as it is; `retry` goes on with a run itself.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        plan = plan_rerun(app, run_id, begin_with, params)
        _tell(out, plan)
        return carry(
            out,
            app,
            plan.pipeline,
            lambda watch, begun: run_again(app, plan, watch, begun),
            plan.carried.kept,
            inline=plan.of.executor == "inline",
        )


def _tell(out: Out, plan: Rerun) -> None:
    kept = list(dict.fromkeys(row.path for row in plan.carried.kept))
    out.say("Taken over from run ", (plan.of.id, "bold"), f": {_named(kept)}")
    follows = [path for path, why in plan.carried.again.items() if not why and path not in plan.begin_with]
    after = f", and what follows: {_named(follows)}" if follows else ""
    out.say(f"Run again: {_named(plan.begin_with)}{after}")
    reasons = [(path, why) for path, why in plan.carried.again.items() if why]
    for path, why in reasons[:_SHOWN]:
        out.say("  also ", (path, "bold"), f": {why}")
    if len(reasons) > _SHOWN:
        out.say((f"  and {looks.plural(len(reasons) - _SHOWN, 'more task')}", "dim"))
    for one in plan.code[:_SHOWN]:
        out.say(("  note ", "yellow"), f"{one}; what was made by it is taken over all the same")


def _named(paths: tuple[str, ...] | list[str]) -> str:
    if not paths:
        return "nothing"
    shown = ", ".join(paths[:_SHOWN])
    return shown + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")
