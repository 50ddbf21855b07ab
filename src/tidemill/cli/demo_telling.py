"""The acts of the demo as people read them, in 80 columns."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from tidemill.actions.demo.breaking import UNITS
from tidemill.actions.demo.results import Candidate, Demo
from tidemill.actions.demo.running import Wish
from tidemill.actions.demo.story import Story
from tidemill.cli import looks
from tidemill.cli.output import Out

_INDENT = "   "


def about(wish: Wish) -> str:
    if wish.table is None:
        return "Wisconsin breast cancer data, benign or malignant"
    return f"{wish.table.path.name}, which {wish.table.target}"


def heading(out: Out, number: int, title: str) -> None:
    out.say()
    out.say((f"{number}. {title}", "bold"))


def first(out: Out, found: Demo) -> None:
    """The table of those that competed, what the contract and the gate said, what was registered."""
    out.say()
    if found.data.rows is not None:
        columns = looks.plural(found.data.features or 0, "column")
        out.say(f"{_INDENT}{looks.plural(found.data.rows, 'row')}, {columns}, seed {found.seed}")
    if found.findings and not found.stopped:
        rules = looks.plural(len(found.findings), "rule")
        out.say(_INDENT, ("✓ ", "green"), f"the data keeps its contract: {rules}, owner {found.owner}")
    if any(candidate.metrics for candidate in found.candidates):
        _table(out, found)
    _gate(out, found)
    _registered(out, found)


def again(out: Out, story: Story) -> None:
    found = story.again
    if found is None:
        return
    took = f"{looks.duration(found.seconds)} after {looks.duration(story.first.seconds)}"
    out.say(
        f"{_INDENT}{found.reused} of {found.reused + found.computed} tasks are reused: ",
        (took, "bold"),
        "; the gate decides anew",
    )
    _ended(out, found)


def better(out: Out, story: Story) -> None:
    _compared(out, story.better)


def worse(out: Out, story: Story) -> None:
    _compared(out, story.worse)


def broken(out: Out, story: Story) -> None:
    found, spoiled = story.broken, story.spoiled
    if found is None or spoiled is None:
        return
    done = [f"{spoiled.column} is {UNITS} times too large"] if spoiled.column else []
    done += [f"{looks.plural(spoiled.empty, 'row')} of the target are empty"] if spoiled.empty else []
    out.say(f"{_INDENT}{'; '.join(done)}")
    if not found.stopped:
        _ended(out, found)
        return
    out.say(_INDENT, ("✓ stopped before training: ", "green"), f"{found.owner} is to be told")
    _reason(out, found)


def champion(out: Out, story: Story, number: int) -> None:
    """What is in production, and how to ask how it was made."""
    heading(out, number, "What is in production, and how was it made?")
    live = story.production
    if live is None:
        out.say(f"{_INDENT}nothing: the gate has refused every model")
        return
    ref = f"{live.name}@champion"
    rows = next((one for one in reversed(live.data) if one["rows"] is not None), None)
    trained = next((one for one in live.code if one["task"] == "train"), None)
    chosen = {name: live.parameters[name] for name in ("candidates", "columns", "holdout", "seed")}
    facts = [
        ("since", f"{looks.moment(live.since)}, by {live.actor}"),
        ("data", f"{rows['rows']} rows of {rows['task']}, {rows['digest'][:24]}" if rows else ""),
        ("code", f"{trained['function']}, fingerprint {trained['fingerprint'][:12]}" if trained else ""),
        ("parameters", ", ".join(f"{name} {_short(value)}" for name, value in chosen.items())),
        ("decision", f"{live.decision}: {live.verdict}"),
    ]
    out.say(_INDENT, (f"{live.name} version {live.version}", "bold green"))
    for label, text in facts:
        _wrapped(out, f"{label:12}", text, "")
    out.say()
    for command, what in (
        (f"tidemill model show {ref}", "its card"),
        (f"tidemill lineage model:{ref}", "what it was made from"),
        (f"tidemill decision show {live.decision}", "number by number"),
        (f"tidemill decision replay {live.decision}", "the same, from the evidence"),
        (f"tidemill model rollback {live.name} --reason ...", "to the one before"),
    ):
        out.say(f"{_INDENT}{command:45}  ", (what, "dim"))


def _short(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) if 0 < len(value) <= 3 else f"{len(value)} of them" if value else "all"
    return str(value)


def _wrapped(out: Out, label: str, text: str, style: str) -> None:
    """A label and what follows it, in lines of at most 80 columns."""
    room = max(min(out.width, 80) - len(_INDENT) - len(label), 20)
    for number, line in enumerate(Text(out.safe(text)).wrap(out.console, room)):
        out.say(_INDENT, (label if number == 0 else " " * len(label), "dim"), (line.plain.rstrip(), style))


def end(out: Out, story: Story, file: Path) -> None:
    out.say()
    if story.report:
        out.say("report  ", (_near(story.report), "bold"), "  (open it in a browser)")
    out.say("results ", _near(str(file)))
    last = story.broken or story.worse or story.better or story.again or story.first
    total = sum(one.seconds for one in (story.first, story.again, story.better, story.worse, story.broken) if one)
    out.say("runs    ", ("tidemill runs", "bold"), f"  (the last is {last.run}; {looks.duration(total)} in all)")


def _compared(out: Out, found: Demo | None) -> None:
    if found is None:
        return
    _gate(out, found)
    _registered(out, found)


def _gate(out: Out, found: Demo) -> None:
    if not found.verdict:
        return
    good = found.decision == "registered"
    out.say(_INDENT, (f"gate: {found.verdict}", "green" if good else "yellow"), f"  {found.best}")
    for reason in found.reasons:
        _wrapped(out, "   ", reason, "dim")


def _registered(out: Out, found: Demo) -> None:
    model = found.model
    match found.decision:
        case "registered" if model is not None:
            mark = "registered as" if model.is_new else "is registered already, as"
            out.say(_INDENT, (f"✓ {mark} ", "green"), (f"{model.name} version {model.version}", "bold"), ", champion")
        case "refused":
            out.say(_INDENT, ("✗ refused: ", "yellow"), "the champion stays")
        case _:
            _ended(out, found)


def _ended(out: Out, found: Demo) -> None:
    if found.state != "succeeded":
        out.say(_INDENT, (looks.word(found.state).capitalize(), looks.style(found.state)))
        _reason(out, found)


def _reason(out: Out, found: Demo) -> None:
    for line in found.reason.splitlines():
        _wrapped(out, "  " + " " * (len(line) - len(line.lstrip())), line.strip(), "dim")


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
