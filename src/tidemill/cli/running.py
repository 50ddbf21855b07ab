"""What `tidemill run` does once the definition is being read: the run is submitted and, unless detached, carried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidemill.actions.compile import pipeline_of
from tidemill.actions.naming import to_refresh
from tidemill.actions.parameters import read_pairs, read_parameters
from tidemill.actions.pools import pool_warnings
from tidemill.actions.reading import Reading
from tidemill.actions.runs import start_run, submit_run
from tidemill.app import App
from tidemill.cli.calling import opened
from tidemill.cli.carrying import carry
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.graph import Pipeline
from tidemill.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command."""

    target: str
    params: tuple[str, ...]
    params_file: str
    executor: str
    seed: int | None
    tags: tuple[str, ...]
    no_cache: bool
    refresh: tuple[str, ...]
    request_key: str
    detach: bool
    debug: bool
    json: bool
    sweep: str = ""
    experiment: str = ""
    retry_failed: bool = False


def run_definition(given: Globals, settings: Settings, begun: Reading, wanted: Wanted) -> int:
    """The exit code of the command."""
    noted = read_pairs(wanted.tags, "tag")
    pipeline = pipeline_of(begun)
    values = read_parameters(pipeline, wanted.params, wanted.params_file)
    out = Out(given, wanted.json)
    with opened(given, settings) as app:
        for warning in pool_warnings(app, pipeline):
            out.say(("note", "yellow"), f": {warning}")
        if wanted.sweep:
            return _sweep(out, app, pipeline, values, noted, wanted, begun)
        submission: dict[str, Any] = {
            "seed": wanted.seed,
            "tags": noted,
            "refresh": to_refresh(pipeline, wanted.no_cache, wanted.refresh),
            "request_key": wanted.request_key,
            "entry": wanted.target,
        }
        if wanted.detach:
            submitted = submit_run(app, pipeline, values, executor=wanted.executor, **submission)
            if wanted.json:
                from tidemill.actions.documents import run_header

                out.document(run_header(submitted))
            else:
                out.say("Run ", (submitted.id, "bold"), f" of {submitted.pipeline} is {submitted.state.value}.")
                follow = (f"tidemill show {submitted.id}", "bold")
                out.say("`tidemill engine` carries it; ", follow, " says how it stands.")
            return 0
        return carry(
            out,
            app,
            pipeline,
            lambda watch, running: start_run(
                app,
                pipeline,
                values,
                executor=wanted.executor,
                watch=watch,
                begun=running,
                debug=wanted.debug,
                early=begun.early,
                **submission,
            ),
            debug=wanted.debug,
            inline=wanted.executor == "inline",
        )


def _sweep(
    out: Out,
    app: App,
    pipeline: Pipeline,
    values: Mapping[str, Any],
    tags: Mapping[str, str],
    wanted: Wanted,
    begun: Reading,
) -> int:
    # What a single run does without is not loaded for it.
    from tidemill.actions import sweep, sweep_runs
    from tidemill.cli.sweeping import run_sweep

    combinations = sweep.read_sweep(pipeline, wanted.sweep, values)
    more = {
        "seed": wanted.seed,
        "refresh": to_refresh(pipeline, wanted.no_cache, wanted.refresh),
        "entry": wanted.target,
    }
    name = sweep_runs.named(pipeline, wanted.experiment, tags)
    asked = sweep_runs.Wanted(name, wanted.executor, wanted.retry_failed, tags, more)
    return run_sweep(out, app, pipeline, combinations, asked, early=begun.early, detach=wanted.detach)
