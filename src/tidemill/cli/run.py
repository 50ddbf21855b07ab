"""`tidemill run`: a file becomes a run, carried to its end in this process."""

from __future__ import annotations

import click

from tidemill.actions.compile import compile_pipeline
from tidemill.actions.parameters import read_pairs, read_parameters
from tidemill.actions.pools import pool_warnings
from tidemill.actions.runs import start_run
from tidemill.cli.calling import examples, json_option, opened, param_options, settings_of
from tidemill.cli.carrying import carry, interruptible
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.errors import InputError


@click.command(
    epilog=examples(
        "tidemill run pipeline.py",
        "tidemill run churn.py:nightly -p threshold=0.9 -p depths=5,10,20",
        "tidemill run churn.py --executor inline --debug      # breakpoint() works",
    )
)
@click.argument("target", metavar="FILE[:PIPELINE]")
@param_options
@click.option("--executor", default="", metavar="NAME", help="Where tasks run: processes (the default) or inline.")
@click.option(
    "--seed", type=click.IntRange(0), default=None, help="Source of all randomness; drawn if it is not given."
)
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A note on the run; may be repeated.")
@click.option("--request-key", default="", metavar="KEY", help="The same key gives the same run, however often called.")
@click.option("--debug", is_flag=True, help="Run tasks here, one by one, with the terminal as theirs.")
@json_option
@click.pass_obj
def run(
    given: Globals,
    target: str,
    params: tuple[str, ...],
    params_file: str,
    executor: str,
    seed: int | None,
    tags: tuple[str, ...],
    request_key: str,
    debug: bool,
    wants_json: bool,
) -> int:
    """Run the pipeline of FILE and watch it; its exit code says how the run ended.

    A file with several pipelines needs the name of one. Ctrl-C cancels the run cleanly.
    """
    if debug and executor not in ("", "inline"):
        raise InputError("--debug runs tasks inline", remedy="leave out --executor, or --debug")
    noted = read_pairs(tags, "tag")
    settings = settings_of(given)
    with interruptible():
        pipeline = compile_pipeline(target)
        values = read_parameters(pipeline, params, params_file)
    chosen = "inline" if debug else executor or settings.executor
    out = Out(given, wants_json)
    with opened(given, settings) as app:
        for warning in pool_warnings(app, pipeline):
            out.say(("note", "yellow"), f": {warning}")
        return carry(
            out,
            app,
            pipeline,
            lambda watch, begun: start_run(
                app,
                pipeline,
                values,
                executor=chosen,
                watch=watch,
                begun=begun,
                debug=debug,
                seed=seed,
                tags=noted,
                request_key=request_key,
                entry=target,
            ),
            debug=debug,
            inline=chosen == "inline",
        )
