"""`tidemill compare`: runs side by side, with the best of each metric, and a plot."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tidemill.actions.comparing import AT_MOST, Best, Comparison, Measure, compare_runs
from tidemill.actions.documents import Document, run_header
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened_to_read
from tidemill.cli.main import Globals
from tidemill.cli.output import Out, Part
from tidemill.cli.plots import bars, marks_for, scatter
from tidemill.cli.values import cell, number
from tidemill.core.errors import InputError, NotFound, did_you_mean
from tidemill.core.states import RunState
from tidemill.core.values import MISSING, encode

BEST = "*"
_GAP = 2
_PLOTTED = 40
"""Bars in one plot."""


@click.command(
    epilog=examples(
        "tidemill compare 3f2a 81bc latest",
        "tidemill compare --experiment depths --plot accuracy",
        'tidemill compare --filter "pipeline = churn and created >= today" --sort loss',
        "tidemill compare --experiment depths --minimize rows_lost",
    )
)
@click.argument("run_ids", nargs=-1, metavar="[RUN]...")
@click.option("--filter", "condition", default="", metavar="EXPR", help="The runs for which this holds, as of `runs`.")
@click.option("--experiment", default="", metavar="NAME", help="The runs of an experiment.")
@click.option("--sort", default="", metavar="METRIC", help="Best first by this metric.")
@click.option("--minimize", multiple=True, metavar="METRIC", help="The lowest value is the best; may be repeated.")
@click.option("--maximize", multiple=True, metavar="METRIC", help="The highest value is the best; may be repeated.")
@click.option("--plot", default="", metavar="METRIC", help="Draw this metric too.")
@json_option
@click.pass_obj
def compare(
    given: Globals,
    run_ids: tuple[str, ...],
    condition: str,
    experiment: str,
    sort: str,
    minimize: tuple[str, ...],
    maximize: tuple[str, ...],
    plot: str,
    wants_json: bool,
) -> None:
    """Compare runs: parameters and tags that differ, metrics with the best of each, durations.

    RUN is the id of a run, the beginning of one, or `latest`. The highest value of a metric is the best, or the lowest
    if its name says loss, error, latency and such; --minimize and --maximize say otherwise. A plot shows a bar for each
    run, or points over a parameter if that is the only one that differs and it is a number.
    """
    if run_ids and (condition or experiment):
        raise InputError(
            "runs are named, and chosen by a condition besides",
            remedy="leave out the ids, or --filter and --experiment",
        )
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        found = compare_runs(
            app,
            run_ids,
            filter=condition,
            experiment=experiment,
            minimize=minimize,
            maximize=maximize,
            sort=sort,
        )
    if wants_json:
        out.document(comparison_document(found))
        return
    drawn = _measure(found, plot) if plot else None
    show_comparison(out, found)
    if drawn is not None:
        out.say()
        draw(out, found, drawn)


def show_comparison(out: Out, found: Comparison) -> None:
    """The table, in as many parts as it takes to fit, and what is the same in all runs."""
    columns = _columns(out, found)
    key = ("RUN", [(run.id, "bold") for run in found.runs])
    room = out.width - _width(out, key[0], key[1])
    part: list[tuple[str, list[Part]]] = []
    used = 0
    for head, cells in columns:
        wide = _width(out, head, cells) + _GAP
        if part and used + wide > room:
            _table(out, [key, *part])
            out.say()
            part, used = [], 0
        part.append((head, cells))
        used += wide
    _table(out, [key, *part])
    if any(measure.winners for measure in found.measures):
        lowest = [measure.name for measure in found.measures if measure.best is Best.LOWEST]
        rule = f"; lowest of {', '.join(lowest)}" if lowest else ""
        ordered = f"; sorted by {found.sorted_by}" if found.sorted_by else ""
        out.say((f"{BEST} best{rule}{ordered}", "dim"))
    if not found.measures:
        out.say(("These runs have no metrics: a task gives some by returning `Metrics`.", "dim"))
    if found.same:
        out.say(("the same in all: ", "dim"), ", ".join(f"{name}={cell(value)}" for name, value in found.same.items()))
    if found.more:
        out.say((f"There are more: these are the oldest {AT_MOST}. --filter chooses.", "yellow"))
    for note in found.notes:
        out.say(("note", "yellow"), f": {note}")


def _columns(out: Out, found: Comparison) -> list[tuple[str, list[Part]]]:
    columns: list[tuple[str, list[Part]]] = []
    if any(run.state is not RunState.SUCCEEDED for run in found.runs):
        columns.append(
            (
                "STATE",
                [(f"{looks.mark(run.state)} {looks.word(run.state)}", looks.style(run.state)) for run in found.runs],
            )
        )
    if len({run.pipeline for run in found.runs}) > 1:
        columns.append(("PIPELINE", [looks.cut(run.pipeline, 24) for run in found.runs]))
    for name, values in found.params.items():
        numeric = all(_is_number(value) or value is MISSING for value in values)
        columns.append((f">{name}" if numeric else name, [cell(value) for value in values]))
    columns += [(f"tag {name}", [cell(value) for value in values]) for name, values in found.tags.items()]
    for measure in found.measures:
        winners = measure.winners
        columns.append(
            (
                f">{measure.name}  ",
                [
                    (f"{number(value)} {BEST}", "bold green") if n in winners else f"{_shown(measure, n)}  "
                    for n, value in enumerate(measure.values[: len(found.runs)])
                ],
            )
        )
    took = [looks.duration(looks.between(run.started_at, run.ended_at)) for run in found.runs]
    return [*columns, (">TOOK", list(took))]


def _shown(measure: Measure, n: int) -> str:
    return number(measure.values[n]) if measure.there[n] else ""


def _width(out: Out, head: str, cells: Sequence[Part]) -> int:
    return max(len(head.lstrip(">")), *(out.text(one).cell_len for one in cells))


def _table(out: Out, columns: Sequence[tuple[str, Sequence[Part]]]) -> None:
    out.table([head for head, _ in columns], list(zip(*[cells for _, cells in columns], strict=True)))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- the plot ---------------------------------------------------------------------------------------------------------


def _measure(found: Comparison, name: str) -> Measure:
    known = {measure.name: measure for measure in found.measures}
    bare = name.removeprefix("metrics.")
    if bare not in known:
        hint = did_you_mean(bare, known)
        raise NotFound(f"these runs have no metric {name!r}", remedy=hint or "a task gives some by returning `Metrics`")
    return known[bare]


def draw(out: Out, found: Comparison, measure: Measure) -> None:
    """Points over the one numeric parameter that differs, or a bar for each run."""
    marks = marks_for(out.console.encoding)
    width = min(out.width, 80)
    if len(found.params) == 1 and len(found.runs) > 1:
        ((name, values),) = found.params.items()
        if all(_is_number(value) for value in values):
            for line in scatter([float(value) for value in values], measure.values, width, name, measure.name, marks):
                out.say(line)
            return
    labels = [
        " ".join(f"{name}={cell(values[n])}" for name, values in found.params.items()) or run.id
        for n, run in enumerate(found.runs)
    ]
    shown = min(len(labels), _PLOTTED)
    winners = frozenset(n for n in measure.winners if n < shown)
    out.say((measure.name, "bold"))
    names = [out.safe(label) for label in labels[:shown]]
    for line in bars(names, measure.values[:shown], winners, width, marks, measure.there[:shown]):
        out.say(line)
    if shown < len(labels):
        out.say((f"… and {len(labels) - shown} more runs", "dim"))


# --- the document -----------------------------------------------------------------------------------------------------


def comparison_document(found: Comparison) -> Document:
    """Keys as docs/reference/cli.md says."""
    rows = []
    for n, run in enumerate(found.runs):
        best = [measure.name for measure in found.measures if n in measure.winners]
        rows.append({**run_header(run), "metrics": encode(dict(found.metrics[n])), "best": best})
    return {
        "runs": rows,
        "params": list(found.params),
        "tags": list(found.tags),
        "metrics": [
            {
                "name": measure.name,
                "best": measure.best.value,
                "values": [
                    encode(value) if there else None for value, there in zip(measure.values, measure.there, strict=True)
                ],
            }
            for measure in found.measures
        ],
        "same": encode(dict(found.same)),
        "sorted_by": found.sorted_by,
        "more": found.more,
        "notes": list(found.notes),
    }
