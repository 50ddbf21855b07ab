"""`tidemill run --sweep`: many runs of one pipeline as an experiment, watched together and compared in the end."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tidemill.actions.comparing import Comparison, compared
from tidemill.actions.documents import run_header
from tidemill.actions.runs import Running
from tidemill.actions.sweep import Sweep
from tidemill.actions.sweep_runs import (
    Member,
    Stand,
    Wanted,
    cancel_rest,
    carry_sweep,
    members,
    outdated,
    submit_sweep,
)
from tidemill.app import App
from tidemill.cli import looks
from tidemill.cli.carrying import FAILED, signals
from tidemill.cli.compare import comparison_document, show_comparison
from tidemill.cli.live.crowd import CrowdLines, CrowdScreen, CrowdView, SilentCrowd, counted
from tidemill.cli.main import CANCELLED
from tidemill.cli.mirrored import mirror_after
from tidemill.cli.output import Out
from tidemill.core.errors import Unfinished
from tidemill.core.graph import Pipeline
from tidemill.core.values import encode
from tidemill.executors.early import Early

SHOWN = 20
"""Rows of the table at the end."""


def run_sweep(
    out: Out,
    app: App,
    pipeline: Pipeline,
    sweep: Sweep,
    wanted: Wanted,
    *,
    early: Early | None = None,
    detach: bool = False,
) -> int:
    """Carry, or only submit, all combinations; show how they stand, and in the end which was the best. The exit code.

    0 when all succeeded, 4 when some were cancelled here, else 1.
    """
    found = members(app, sweep, wanted)
    _say_begin(out, pipeline, found, wanted)
    if detach:
        submit_sweep(app, pipeline, found, wanted)
        _say_submitted(out, found, wanted)
        return 0
    cancelled = _carried(out, app, pipeline, found, wanted, early)
    comparison = compared(app, [one.run for one in found if one.run is not None])
    if out.wants_json:
        out.document({**_document(found, wanted), **comparison_document(comparison)})
    else:
        _say_end(out, found, wanted, comparison)
    mirror_after(app, [one.run.id for one in found if one.run is not None])
    if cancelled:
        return CANCELLED
    return 0 if all(one.stand is Stand.SUCCEEDED for one in found) else FAILED


def _carried(
    out: Out, app: App, pipeline: Pipeline, found: Sequence[Member], wanted: Wanted, early: Early | None
) -> bool:
    """Whether it was cancelled before its end."""
    running: list[Running] = []
    inline = wanted.executor == "inline"
    # What inline tasks print must not get into a document.
    aside = contextlib.redirect_stdout(sys.stderr) if out.wants_json else contextlib.nullcontext()
    with _view(out, pipeline, found, wanted, inline) as view, signals(view.note, running, inline), aside:
        try:
            carry_sweep(app, pipeline, found, wanted, view.tell, view.watch, running.append, early)
        except Unfinished as left:
            remedy = f"the same command with --experiment {wanted.experiment} goes on"
            raise Unfinished(left.message, place=f"experiment {wanted.experiment}", remedy=remedy) from None
        except KeyboardInterrupt:
            if not running:
                raise
            cancel_rest(app, found)
            return True
    return bool(running and running[0].asked)


@contextmanager
def _view(out: Out, pipeline: Pipeline, found: Sequence[Member], wanted: Wanted, inline: bool) -> Iterator[CrowdView]:
    if out.wants_json:
        yield SilentCrowd()
    elif out.live:
        with CrowdScreen(out, f"{pipeline.name}  {wanted.experiment}", found) as screen:
            yield screen
    else:
        with CrowdLines(out, len(found), inline) as lines:
            yield lines


# --- what is said -----------------------------------------------------------------------------------------------------


def _say_begin(out: Out, pipeline: Pipeline, found: Sequence[Member], wanted: Wanted) -> None:
    before = [one for one in found if one.before]
    runs = looks.plural(len(found), "run")
    out.say("Experiment ", (wanted.experiment, "bold"), f": {runs} of {pipeline.name}" + _done_before(before))
    old = outdated(pipeline, found)
    if old:
        are = f"{looks.plural(old, 'run')} of it {'is' if old == 1 else 'are'}"
        out.say(("note", "yellow"), f": {are} of an earlier definition of the pipeline; another name begins anew")


def _done_before(before: Sequence[Member]) -> str:
    if not before:
        return ""
    failed = sum(one.stand is Stand.FAILED for one in before)
    told = f", {len(before)} of them ended before"
    return told + (f", {failed} failed (--retry-failed runs those again)" if failed else "")


def _say_submitted(out: Out, found: Sequence[Member], wanted: Wanted) -> None:
    if out.wants_json:
        heads: list[Any] = [run_header(one.run) for one in found if one.run is not None]
        out.document({**_document(found, wanted), "runs": heads})
        return
    waiting = sum(one.run is not None and not one.run.state.final for one in found)
    out.say(f"{looks.plural(waiting, 'run')} to be carried by `tidemill engine`.")
    out.say("  look       ", (_look(wanted), "bold"))


def _say_end(out: Out, found: Sequence[Member], wanted: Wanted, comparison: Comparison) -> None:
    out.say()
    show_comparison(out, _cut(comparison))
    if len(comparison.runs) > SHOWN:
        out.say((f"… and {len(comparison.runs) - SHOWN} more runs", "dim"))
    out.say()
    stands = {one.stand for one in found}
    style = "bold green" if stands == {Stand.SUCCEEDED} else "bold red" if Stand.FAILED in stands else "bold yellow"
    out.say((counted(found), style), f"  experiment {wanted.experiment}")
    out.say("  look       ", (_look(wanted), "bold"))
    failed = [one for one in found if one.stand is Stand.FAILED and one.run is not None]
    if failed and failed[0].run is not None:
        out.say("  failed     ", (f"tidemill show {failed[0].run.id}", "bold"))
        out.say("  try again  ", f"the same command with --experiment {wanted.experiment} --retry-failed")
    if stands - {Stand.SUCCEEDED, Stand.FAILED}:
        out.say("  go on      ", f"the same command with --experiment {wanted.experiment}")


def _look(wanted: Wanted) -> str:
    return f"tidemill compare --experiment {wanted.experiment}"


def _cut(comparison: Comparison) -> Comparison:
    """The first rows of a comparison, in which the best is that of all."""
    if len(comparison.runs) <= SHOWN:
        return comparison
    return replace(
        comparison,
        runs=comparison.runs[:SHOWN],
        params={name: values[:SHOWN] for name, values in comparison.params.items()},
        tags={name: values[:SHOWN] for name, values in comparison.tags.items()},
        metrics=comparison.metrics[:SHOWN],
    )


def _document(found: Sequence[Member], wanted: Wanted) -> dict[str, Any]:
    counts = {stand.value: sum(one.stand is stand for one in found) for stand in Stand}
    return {
        "experiment": wanted.experiment,
        "counts": {stand: number for stand, number in counts.items() if number},
        "combinations": [
            {
                "number": one.combination.number,
                "params": encode(dict(one.combination.swept)),
                "run": one.run.id if one.run is not None else None,
                "stand": one.stand.value,
                "before": one.before,
            }
            for one in found
        ],
    }
