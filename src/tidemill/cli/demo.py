"""`tidemill demo`: the life of one model, told act by act while it happens, on real data or on the user's own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click

from tidemill.actions.demo.own_contract import contract_for
from tidemill.actions.demo.results import Demo
from tidemill.actions.demo.running import SEED, THRESHOLD, Wish, compile_demo
from tidemill.actions.demo.story import Act, Story, Teller, production, write
from tidemill.actions.demo.table import inspect
from tidemill.actions.runs import carrier, find_run
from tidemill.actions.show import show_run
from tidemill.app import App
from tidemill.cli import demo_telling as telling
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened
from tidemill.cli.carrying import FAILED, exit_code, watched
from tidemill.cli.interrupting import interruptible
from tidemill.cli.live.quiet import Quiet
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.errors import InputError
from tidemill.core.graph import Pipeline
from tidemill.core.history import RunRecord
from tidemill.core.states import RunState

_LARGEST_SEED = 2**31 - 1
_REPORT = "demo.html"


@click.command(
    epilog=examples(
        "tidemill demo", "tidemill demo --seed 3", "tidemill demo --data customers.csv --target left --threshold 0.8"
    )
)
@click.option("--data", metavar="FILE", default="", help="CSV file with a header, to use in place of our data.")
@click.option("--target", metavar="COLUMN", default="", help="Column of FILE that names the class of each row.")
@click.option("--seed", type=click.IntRange(0, _LARGEST_SEED), default=SEED, show_default=True, help="Of all chance.")
@click.option(
    "--threshold", type=float, default=THRESHOLD, show_default=True, help="Accuracy below which the gate refuses."
)
@json_option
@click.pass_obj
def demo(given: Globals, data: str, target: str, seed: int, threshold: float, wants_json: bool) -> int:
    """Tell the life of a model on real data, from its first release to a bad day.

    A model learns to tell benign tumours from malignant ones, passes a gate and becomes champion; the same again is
    reused; a better one takes its place, a worse one is refused; data that breaks its contract is stopped before
    anything learns from it. With --data and --target the same happens to a table of your own.
    """
    if target and not data:
        raise InputError("--target names a column of a file, and there is no file", remedy="add --data FILE")
    if not 0 <= threshold <= 1:
        raise InputError("--threshold is an accuracy, a number from 0 to 1", remedy="such as --threshold 0.9")
    wish = Wish(inspect(data, target) if data else None, seed, threshold)
    out = Out(given, wants_json)
    with opened(given) as app:
        out.say("The example: ", (looks.printable(telling.about(wish)), "bold"))
        with interruptible():
            pipeline = compile_demo()
            contract = contract_for(app, wish.table) if wish.table is not None else None
        with carrier(app, "processes") as carries:
            teller = Teller(app, carries, pipeline, wish, contract)
            story, last = _tell(out, app, pipeline, teller)
        file = write(app, story)
    if out.wants_json:
        out.document(story.document)
    else:
        telling.end(out, story, file)
    return _exit_code(story, last)


def _tell(out: Out, app: App, pipeline: Pipeline, teller: Teller) -> tuple[Story, RunRecord]:
    """Act after act, as far as it goes; the story, and the last run of it that was to succeed."""
    telling.heading(out, 1, teller.first().title)
    run = watched(out, app, pipeline, lambda watch, begun: teller.run(teller.first(), watch, begun))
    story = Story(teller.read(run))
    telling.first(out, story.first)
    acts: list[tuple[Callable[[], Act], Callable[[Out, Story], None]]] = [
        (teller.again, telling.again),
        (teller.better, telling.better),
        (teller.worse, telling.worse),
    ]
    for number, (act, tell) in enumerate(acts, 2):
        if run.state is not RunState.SUCCEEDED:
            return story, run
        run, told = _quietly(out, app, pipeline, teller, number, act())
        setattr(story, act().name, told)
        tell(out, story)
    if run.state is not RunState.SUCCEEDED:
        return story, run
    bad_day, story.broken = _quietly(out, app, pipeline, teller, 5, teller.broken(story))
    telling.broken(out, story)
    if bad_day.state is RunState.CANCELLED:
        return story, bad_day
    story.production = production(app, teller.model)
    best = story.better or story.first
    story.report = str(_report(app, best.run))
    telling.champion(out, story, 6)
    return story, run


def _quietly(out: Out, app: App, pipeline: Pipeline, teller: Teller, number: int, act: Act) -> tuple[RunRecord, Demo]:
    telling.heading(out, number, act.title)
    with ExitStack() as stack:
        view = stack.enter_context(Quiet(out, act.title))
        run = watched(out, app, pipeline, lambda watch, begun: teller.run(act, watch, begun), view=view)
    return run, teller.read(run)


def _report(app: App, run: str) -> Path:
    # They bring the templates of pages with them, which nothing before has waited for.
    from tidemill.cli.report.writing import write_report
    from tidemill.cli.show import header_of

    file = app.settings.home / _REPORT
    write_report(app, show_run(app, run), tuple(header_of(find_run(app, run))), file)
    return file


def _exit_code(story: Story, last: RunRecord) -> int:
    if last.state is not RunState.SUCCEEDED:
        return exit_code(last)
    return 0 if story.broken is not None and story.broken.stopped else FAILED
