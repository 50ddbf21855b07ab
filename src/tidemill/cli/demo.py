"""`tidemill demo`: the example on real data or on the user's own, watched while it runs, with a table at the end."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import click
from rich.text import Text

from tidemill.actions.demo import SEED, THRESHOLD, Wish, compile_demo, document, run_demo
from tidemill.actions.demo_data import inspect
from tidemill.actions.demo_results import Candidate, Demo
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened
from tidemill.cli.carrying import exit_code, watched
from tidemill.cli.interrupting import interruptible
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.errors import InputError

_LARGEST_SEED = 2**31 - 1


@click.command(
    epilog=examples(
        "tidemill demo", "tidemill demo --seed 3", "tidemill demo --data customers.csv --target left --threshold 0.8"
    )
)
@click.option("--data", metavar="FILE", default="", help="CSV file with a header, to use in place of our data.")
@click.option("--target", metavar="COLUMN", default="", help="Column of FILE that names the class of each row.")
@click.option("--seed", type=click.IntRange(0, _LARGEST_SEED), default=SEED, show_default=True, help="Of all chance.")
@click.option(
    "--threshold", type=float, default=THRESHOLD, show_default=True, help="Accuracy below which no model is stored."
)
@json_option
@click.pass_obj
def demo(given: Globals, data: str, target: str, seed: int, threshold: float, wants_json: bool) -> int:
    """Train, judge and store a real model on real data.

    Three candidates learn to tell benign tumours from malignant ones, each in a process of its own; the best one is
    stored if it is accurate enough. With --data and --target the same happens to a table of your own.
    """
    if target and not data:
        raise InputError("--target names a column of a file, and there is no file", remedy="add --data FILE")
    if not math.isfinite(threshold):
        raise InputError("--threshold must be a number", remedy="such as --threshold 0.9")
    wish = Wish(inspect(data, target) if data else None, seed, threshold)
    out = Out(given, wants_json)
    with opened(given) as app:
        out.say("The example: ", (looks.printable(_about(wish)), "bold"))
        with interruptible():
            pipeline = compile_demo()
        run = watched(out, app, pipeline, lambda watch, begun: run_demo(app, pipeline, wish, watch=watch, begun=begun))
        found, file = document(app, run.id)
    if out.wants_json:
        out.document(asdict(found))
    else:
        _tell(out, found, file)
    return exit_code(run)


def _about(wish: Wish) -> str:
    if wish.table is None:
        return "Wisconsin breast cancer data, benign or malignant"
    return f"{wish.table.path.name}, which {wish.table.target}"


def _tell(out: Out, found: Demo, file: Path) -> None:
    out.say()
    if found.data.rows is not None:
        columns = looks.plural(found.data.features or 0, "column")
        out.say(f"{looks.plural(found.data.rows, 'row')}, {columns} to learn from, seed {found.seed}")
    _tell_findings(out, found)
    if any(candidate.metrics for candidate in found.candidates):
        out.say()
        _table(out, found)
    out.say()
    match found.decision:
        case "stored":
            out.say(("Stored: ", "green"), found.reason)
        case "not stored":
            out.say(("Not stored: ", "yellow"), found.reason)
        case _:
            told = (f"{looks.word(found.state).capitalize()}: ", looks.style(found.state))
            out.console.print(out.text(told, found.reason))
    if found.model is not None:
        out.say("model   ", _near(found.model.path))
        out.say("digest  ", found.model.digest)
    out.say("results ", _near(str(file)))
    out.say("run     ", (f"tidemill show {found.run}", "bold"), f"  ({looks.duration(found.seconds)})")


def _tell_findings(out: Out, found: Demo) -> None:
    broken = [finding for finding in found.findings if finding["offending"]]
    if found.findings and not broken:
        names = ", ".join(finding["rule"] for finding in found.findings)
        out.say(("✓ ", "green"), f"the data keeps every rule: {names}")
    for finding in broken:
        out.say(("✗ ", "red"), f"{finding['rule']}: {finding['offending']} offending; demanded: {finding['demands']}")
        for example in finding["examples"]:
            out.say("    ", (example, "dim"))


def _table(out: Out, found: Demo) -> None:
    binary = any("roc_auc" in candidate.metrics for candidate in found.candidates)
    second = ("roc_auc", ">ROC AUC") if binary else ("macro_f1", ">macro F1")
    heads = ["", "candidate", ">accuracy", second[1], ">log loss", ">trained in", ""]
    out.table(heads, [_line(candidate, found, second[0]) for candidate in _ranked(found)])


def _line(candidate: Candidate, found: Demo, second: str) -> list[str | Text | tuple[str, str]]:
    best = candidate.name == found.best
    style = "bold green" if best else ""
    numbers = [candidate.metrics.get(name) for name in ("accuracy", second, "log_loss")]
    cells = ["✓" if best else "", candidate.name, *("" if number is None else f"{number:.4f}" for number in numbers)]
    cells += [looks.duration(candidate.seconds), "best" if best else ""]
    return [(cell, style) for cell in cells]


def _ranked(found: Demo) -> list[Candidate]:
    """The best one first; it was chosen among equals, so it is not only a matter of accuracy."""
    return sorted(found.candidates, key=lambda one: (one.name != found.best, -one.metrics.get("accuracy", -1.0)))


def _near(path: str) -> str:
    """The path as seen from here, if it lies below."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
