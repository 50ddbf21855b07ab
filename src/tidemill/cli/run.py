"""`tidemill run`: a file becomes a run, carried to its end in this process.

The processes that read the file and run its tasks are begun before anything else is loaded.
"""

from __future__ import annotations

import click

from tidemill import plugins
from tidemill.actions.reading import reading
from tidemill.cli.calling import cache_options, examples, json_option, param_options, settings_of
from tidemill.cli.interrupting import interruptible
from tidemill.cli.main import Globals, loading
from tidemill.core.errors import InputError


@click.command(
    epilog=examples(
        "tidemill run pipeline.py",
        "tidemill run churn.py:nightly -p threshold=0.9 -p depths=5,10,20",
        'tidemill run churn.py --sweep "depth=5,10,20 x rate=0.1,0.01" --experiment depths',
        "tidemill run churn.py --detach                       # an engine carries it",
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
@cache_options
@click.option("--sweep", default="", metavar="TEXT", help="Run all combinations of these values, side by side.")
@click.option("--experiment", default="", metavar="NAME", help="Name of the sweep; the same name goes on with it.")
@click.option("--retry-failed", is_flag=True, help="Of a sweep: what failed before is run again, too.")
@click.option("--request-key", default="", metavar="KEY", help="The same key gives the same run, however often called.")
@click.option("--detach", is_flag=True, help="Only submit it: an engine (`tidemill engine`) carries it.")
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
    no_cache: bool,
    refresh: tuple[str, ...],
    sweep: str,
    experiment: str,
    retry_failed: bool,
    request_key: str,
    detach: bool,
    debug: bool,
    wants_json: bool,
) -> int:
    """Run the pipeline of FILE and watch it; its exit code says how the run ended.

    A file with several pipelines needs the name of one. Ctrl-C cancels the run cleanly.

    A sweep runs all combinations: "depth=5,10,20 x rate=0.1,0.01" makes six. Values may be ranges, 1..5 or
    0.1..0.5 step 0.1, and zip(depth=5,10; rate=0.1,0.01) goes through several parameters at once.
    """
    if (experiment or retry_failed) and not sweep:
        option = "--experiment" if experiment else "--retry-failed"
        raise InputError(f"{option} is for a sweep", remedy='add --sweep "NAME=VALUE,VALUE"; --tag notes something')
    if sweep and (debug or request_key):
        option = "--debug" if debug else "--request-key"
        raise InputError(f"{option} is for one run, and --sweep makes many", remedy="leave out one of them")
    if debug and executor not in ("", "inline"):
        raise InputError("--debug runs tasks inline", remedy="leave out --executor, or --debug")
    if debug and detach:
        raise InputError("--debug runs tasks here, and --detach elsewhere", remedy="leave out one of them")
    settings = settings_of(given)
    chosen = "inline" if debug else executor or settings.executor
    warm = chosen == "processes" and not detach
    with interruptible(), reading(target, settings if warm else None) as begun:
        with loading():
            from tidemill.cli.running import Wanted, run_definition

            if warm:
                plugins.load("executors", chosen)

        wanted = Wanted(
            target,
            params,
            params_file,
            chosen,
            seed,
            tags,
            no_cache,
            refresh,
            request_key,
            detach,
            debug,
            wants_json,
            sweep,
            experiment,
            retry_failed,
        )
        return run_definition(given, settings, begun, wanted)
