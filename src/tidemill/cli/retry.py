"""`tidemill retry`: reopen a finished run."""

from __future__ import annotations

import click

from tidemill.actions.runs import find_run, retry_run
from tidemill.actions.show import definition_of, rows_of
from tidemill.cli.calling import examples, json_option, opened_to_read, run_argument
from tidemill.cli.carrying import carry
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.errors import NotFound, did_you_mean
from tidemill.core.graph import walk_nodes
from tidemill.core.states import TaskState


@click.command(epilog=examples("tidemill retry latest", "tidemill retry 3f2a --also load"))
@run_argument
@click.option(
    "--also", multiple=True, metavar="TASK", help="A task to run again although it succeeded; with what follows."
)
@json_option
@click.pass_obj
def retry(given: Globals, run_id: str, also: tuple[str, ...], wants_json: bool) -> int:
    """Run again what failed or was cancelled in a finished run, with all that follows; keep what succeeded.

    RUN is the id of a run, the beginning of one, or `latest`.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        run = find_run(app, run_id)
        pipeline = definition_of(app, run)
        known = [path for path, _ in walk_nodes(pipeline.root)]
        for task in also:
            if task not in known:
                raise NotFound(f"pipeline {pipeline.name} has no task {task!r}", remedy=did_you_mean(task, known))
        kept = [row for row in rows_of(app, run) if row.state in (TaskState.SUCCEEDED, TaskState.SKIPPED)]
        return carry(
            out,
            app,
            pipeline,
            lambda watch, begun: retry_run(app, run.id, also, watch, begun),
            [row for row in kept if row.path not in also],
            inline=run.executor == "inline",
        )
