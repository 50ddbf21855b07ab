"""The card of a version on a terminal of 80 columns, and the lines that use the model. Nothing is loaded here."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from tidemill.actions.artifact_documents import task_text
from tidemill.actions.models.card import Card, Checked, Data
from tidemill.actions.wording import value_text
from tidemill.cli import looks
from tidemill.cli.output import Out
from tidemill.core.models import AliasMove
from tidemill.storage.metadata.artifacts import TaskKey

FEW = 12
_INDENT = 14
_VERDICTS = {"PASS": "green", "FAIL": "red", "ERROR": "red", "NODATA": "yellow"}
_MARKS = {"PASS": "✓", "FAIL": "✗", "ERROR": "✗"}
_LOADS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sklearn": (
        ".skops",
        (
            "import skops.io",
            'types = skops.io.get_untrusted_types(file="{file}")  # look at them first',
            'model = skops.io.load("{file}", trusted=types)',
        ),
    ),
    "joblib": (".joblib", ("import joblib", 'model = joblib.load("{file}")  # runs code from the file')),
    "pickle": (".pkl", ("import pickle", 'model = pickle.load(open("{file}", "rb"))  # runs code from the file')),
    "json": (".json", ("import json", 'model = json.load(open("{file}"))')),
    "numpy": (".npy", ("import numpy", 'model = numpy.load("{file}")')),
    "arrow": (".arrow", ("import pandas", 'model = pandas.read_feather("{file}")')),
}


def show_card(out: Out, card: Card) -> None:
    """Print it."""
    aliases = ", ".join(move.alias for move in card.has)
    out.say((card.label, "bold"), (f"  {aliases}", "green") if aliases else ("  no alias", "dim"))
    if card.version.description:
        for line in card.version.description.splitlines()[:FEW]:
            for part in _wrapped(out, line, 2):
                out.say("  ", part)
    for label, text, style in _header(card):
        for number, part in enumerate(_wrapped(out, text, _INDENT)):
            out.say((f"  {label:12}" if number == 0 else " " * _INDENT, "dim"), (part, style))
    _numbers(out, card)
    _gate(out, card)
    _made_from(out, card)
    if card.moves:
        _head(out, "history of its aliases")
        for move in card.moves[-FEW:]:
            out.say(f"  {looks.moment(move.moved_at)}  ", (move_text(card.version.version, move), ""))
    _head(out, "to use it")
    command, lines = use_lines(card)
    out.say("  ", command)
    for line in lines:
        out.say((f"  >>> {line}", "cyan"))
    out.say(("  in a task: ", "dim"), f'champion("{card.version.name}") of tidemill.tasks')


def use_lines(card: Card) -> tuple[str, tuple[str, ...]]:
    """The command that fetches the content, and lines of Python that load it."""
    name = f"{card.version.name}-{card.version.version}"
    codec = card.artifact.codec if card.artifact is not None else ""
    suffix, lines = _LOADS.get(codec, ("", ()))
    file = name + suffix
    return f"tidemill artifact get model:{card.label} --to {file}", tuple(line.format(file=file) for line in lines)


def move_text(version: int, move: AliasMove) -> str:
    """`champion, by ann: promote` as seen from a version, which got the alias or lost it."""
    if move.version == version:
        what = f"became {move.alias}" + (f" instead of {move.before}" if move.before else "")
    else:
        what = f"was {move.alias} no more" + (f": version {move.version} is" if move.version else "")
    why = ("override: " if move.overrode else "") + (
        move.reason or (f"decision {move.decision}" if move.decision else "")
    )
    return f"{what} ({move.kind.value} by {move.actor}" + (f": {why})" if why else ")")


def data_text(data: Data) -> str:
    """`200 rows, 4 columns` as far as it is known."""
    known = data.artifact.metadata
    rows, columns = known.get("rows"), known.get("columns_total")
    parts = [f"{rows:,} rows"] if isinstance(rows, int) else []
    parts += [looks.plural(columns, "column")] if isinstance(columns, int) else []
    return ", ".join(parts)


def content_text(card: Card) -> str:
    """Whether the content is there and whole, in words."""
    if card.content:
        return card.content
    told = "whole, with the digest" if card.verified else "there, too large to be read for this; digest"
    return f"{told} {card.version.digest.rpartition(':')[2][:16]}"


def contract_text(checked: Checked) -> str:
    """`customers of data@example.org: 5 rules held for 3,000 rows`."""
    result = checked.result
    findings = [one for one in result.get("findings", ()) if isinstance(one, Mapping)]
    # By verdict, not by count: a rule may allow some rows to break it.
    broken = [one for one in findings if one.get("verdict") not in ("PASS", None)]
    held = f"{looks.plural(len(findings) - len(broken), 'rule')} held" + (f", {len(broken)} did not" if broken else "")
    rows = result.get("rows")
    on = f" for {rows:,} rows" if isinstance(rows, int) else ""
    out = f", {result['quarantined']:,} set aside" if result.get("quarantined") else ""
    return f"{result.get('contract')} of {result.get('owner') or 'nobody named'}: {held}{on}{out}"


def commit_text(known: Mapping[str, Any]) -> str:
    """The commit, with what is to be known of it; "" if there was none."""
    commit = str(known.get("commit", ""))
    if not commit:
        return ""
    branch = known.get("branch", "")
    changed = ", with changes that are in no commit" if known.get("changed") else ""
    return f"commit {commit[:12]}" + (f" on {branch}" if branch not in ("", "HEAD") else "") + changed


def by_text(card: Card, task: TaskKey) -> str:
    """A task run, with its run if that is another than the one that registered the version."""
    run = "" if task.run == card.version.run else f" of run {task.run}"
    return task_text(task) + run


def _header(card: Card) -> Iterator[tuple[str, str, str]]:
    """Label, text, style."""
    yield "content", content_text(card), "red" if card.content else "green" if card.verified else ""
    for label, text in facts_of(card):
        yield label, text, ""


def facts_of(card: Card) -> Iterator[tuple[str, str]]:
    """What is to be known of a version, beside its content: label and text."""
    version, artifact = card.version, card.artifact
    if artifact is not None:
        yield "type", str(card.metadata.get("type") or artifact.type)
        unsafe = "" if artifact.safe else ", loading it runs code from the file"
        yield "format", f"{artifact.codec or 'unknown'}, {looks.size(artifact.size) or 'empty'}{unsafe}"
    library = card.metadata.get("library")
    if isinstance(library, Mapping) and library:
        yield "libraries", ", ".join(f"{name} {number}" for name, number in library.items())
    if card.made_by is not None:
        yield "made by", f"{task_text(card.made_by)} of run {card.made_by.run}"
    where = f", {version.path} of run {version.run}" if version.run else ""
    yield "registered", f"{looks.moment(version.created_at)} by {version.actor}{where}"
    known = card.known
    told = ", ".join(f"{name} = {value_text(value)}" for name, value in known.get("params", {}).items())
    yield "pipeline", str(known.get("pipeline", "")) + (f" with {looks.cut(told, 300)}" if told else "")
    if commit_text(known.get("facts", {})):
        yield "code", commit_text(known["facts"])
    settings = card.metadata.get("params")
    if isinstance(settings, Mapping) and settings:
        told = ", ".join(f"{name}={value_text(value)}" for name, value in settings.items() if value is not None)
        yield "settings", looks.cut(told, 300)


def _numbers(out: Out, card: Card) -> None:
    judged, before = _numbers_in(card, "metrics"), _numbers_in(card, "champion_metrics")
    given = dict(card.known.get("metrics", {}))
    if judged:
        _head(out, "metrics, as the gate measured them")
        names = list(judged)[: 2 * FEW]
        if before:
            rows = [(f"  {name}", number_text(judged[name]), number_text(before.get(name, ""))) for name in names]
            out.table(("  METRIC", ">THIS", ">CHAMPION OF THEN"), rows)
        else:
            out.table(("  METRIC", ">THIS"), [(f"  {name}", number_text(judged[name])) for name in names])
    sources = [("given when it was registered", given)] if given and not judged else []
    sources += [(f"by {by_text(card, one.by)}", dict(one.numbers)) for one in card.measured]
    seen = [judged, given if judged else {}]
    for title, numbers in sources:
        if not numbers or numbers in seen:
            continue
        seen.append(numbers)
        _head(out, f"metrics {title}")
        out.table(
            ("  METRIC", ">VALUE"),
            [(f"  {name}", number_text(value)) for name, value in list(numbers.items())[: 2 * FEW]],
        )
        if len(numbers) > 2 * FEW:
            out.say((f"  and {len(numbers) - 2 * FEW} more; --json has them", "dim"))


def _numbers_in(card: Card, key: str) -> dict[str, Any]:
    found = card.judgement.get(key)
    return dict(found) if isinstance(found, Mapping) else {}


def number_text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _gate(out: Out, card: Card) -> None:
    if card.decision is None:
        return
    verdict = card.decision.about.verdict
    _head(out, "gate")
    out.say("  ", (verdict, f"bold {_VERDICTS.get(verdict, '')}".strip()), f"  decision {card.decision.id}")
    checks = [check for check in card.judgement.get("checks", ()) if isinstance(check, Mapping)]
    for check in checks[: 2 * FEW]:
        word = str(check.get("verdict", ""))
        mark = f"  {_MARKS.get(word, '?')} "
        for number, part in enumerate(_wrapped(out, looks.cut(str(check.get("sentence", "")), 500), len(mark))):
            out.say((" " * len(mark) if number else mark, _VERDICTS.get(word, "")), part)
    if not checks:
        for reason in list(card.judgement.get("reasons", ()))[:FEW]:
            out.say("  ", looks.cut(str(reason), 500))
    if len(checks) > 2 * FEW:
        out.say((f"  and {len(checks) - 2 * FEW} more: tidemill decision show {card.decision.id}", "dim"))


def _made_from(out: Out, card: Card) -> None:
    if card.data:
        _head(out, "made from")
        out.table(
            ("  TYPE", "MADE BY", "WHAT", ">SIZE", "CONTENT"),
            (
                (
                    f"  {one.artifact.type.rpartition('.')[2]}",
                    by_text(card, one.by),
                    f"snapshot {one.snapshot}" if one.snapshot else data_text(one),
                    looks.size(one.artifact.size),
                    (one.artifact.uri or one.artifact.digest.rpartition(":")[2][:12], "dim"),
                )
                for one in card.data[:FEW]
            ),
            give=1,
        )
        if len(card.data) > FEW:
            out.say((f"  and {len(card.data) - FEW} more: tidemill lineage model:{card.label} --up", "dim"))
    for checked in card.contracts:
        out.say(("  contract  ", "dim"), contract_text(checked))
    steps = [step for step in card.steps if step.function]
    if steps:
        _head(out, "by this code")
        out.table(
            ("  TASK", "FUNCTION", "FINGERPRINT"),
            (
                (f"  {by_text(card, step.by)}", step.function, (step.fingerprint.rpartition(":")[2][:12], "dim"))
                for step in steps[:FEW]
            ),
            give=1,
        )


def _wrapped(out: Out, text: str, indent: int) -> list[str]:
    return textwrap.wrap(out.safe(text), max(out.width - indent, 40)) or [""]


def _head(out: Out, text: str) -> None:
    out.say()
    out.say((text, "bold"))
