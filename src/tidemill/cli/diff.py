"""`tidemill diff`: what differs between two runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import click

from tidemill.actions.diff import Given, RunDiff, TaskPair, diff_runs
from tidemill.actions.differing import first_difference
from tidemill.actions.wording import value_text
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened_to_read
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.records import Artifact
from tidemill.core.values import MISSING, ArtifactRef, encode

FEW = 5
"""Of one task so many instances are shown one by one, unless all are wanted."""

_MOST = 40
_ARROW = " → "


@click.command(epilog=examples("tidemill diff 3f2a latest", "tidemill diff 3f2a 77c0 --all"))
@click.argument("first", metavar="RUN1")
@click.argument("second", metavar="RUN2")
@click.option("--all", "everything", is_flag=True, help="What is the same too, and every instance of every map.")
@json_option
@click.pass_obj
def diff(given: Globals, first: str, second: str, everything: bool, wants_json: bool) -> None:
    """Say what differs between two runs: parameters, code, graph, and each task's state, inputs, outputs and metrics.

    A run is named by its id, the beginning of one, or `latest`. Values are compared by value, artifacts by content.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        found = diff_runs(app, first, second, everything)
    out.document(_document(found)) if wants_json else _tell(out, found, everything)


def _tell(out: Out, found: RunDiff, everything: bool) -> None:
    old, new = found.runs
    pipelines = old.pipeline if old.pipeline == new.pipeline else f"{old.pipeline}{_ARROW}{new.pipeline}"
    out.say((pipelines, "bold"), f"  run {old.id}{_ARROW}run {new.id}")
    if everything or old.state is not new.state:
        out.say(("  state  ", "dim"), out.state(old.state), _ARROW, out.state(new.state))
    took = [looks.duration(looks.between(run.started_at, run.ended_at)) or "?" for run in found.runs]
    out.say(("  took   ", "dim"), f"{took[0]}{_ARROW}{took[1]}")
    if everything or old.seed != new.seed:
        out.say(("  seed   ", "dim"), f"{old.seed}{_ARROW}{new.seed}" if old.seed != new.seed else str(old.seed))
    if found.params:
        out.say(("parameters", "bold"))
        for name, pair in found.params.items():
            texts = ["none" if one is MISSING else value_text(one, 400) for one in pair]
            _line(out, f"  {name}", texts[0], texts[1])
    if found.code:
        out.say(("code", "bold"))
        for one in found.code[: None if everything else _MOST]:
            out.say(f"  {one.how:8}", one.name, (f"  {one.place}", "dim"))
    if not found.graph.nothing:
        out.say(("graph", "bold"))
        for word, paths in _ways(found):
            if paths:
                shown = paths if everything else paths[:_MOST]
                more = f" and {len(paths) - len(shown)} more" if len(shown) < len(paths) else ""
                out.say(f"  {word:8}", ", ".join(shown) + more)
    _tasks(out, found, everything)


def _tasks(out: Out, found: RunDiff, everything: bool) -> None:
    differ = [pair for pair in found.tasks if pair.differs]
    if not differ:
        word = "The tasks do not differ" if found.same else "There are no tasks"
        out.say(("tasks", "bold"), f"  {word}: {found.same} are the same" if found.same else f"  {word}")
    else:
        out.say(("tasks", "bold"), f"  {len(differ)} differ, {found.same} are the same")
    groups = [list(some) for _, some in groupby(found.tasks, key=lambda pair: pair.name.partition("[")[0])]
    for number, group in enumerate(groups):
        if not everything and number >= _MOST:
            rest = sum(map(len, groups[number:]))
            out.say((f"  and {looks.plural(rest, 'more task')}: --all shows them", "dim"))
            return
        for pair in group if everything else group[:FEW]:
            _task(out, pair)
        if not everything and len(group) > FEW:
            out.say((f"  and {len(group) - FEW} more of {group[0].name.partition('[')[0]}: --all shows them", "dim"))


def _task(out: Out, pair: TaskPair) -> None:
    one, other = pair.states
    seconds = [looks.duration(each) or "-" for each in pair.seconds]
    took = (f"  {seconds[0]}{_ARROW}{seconds[1]}", "dim") if pair.seconds != (None, None) else ""
    if one is None or other is None:
        there = other if one is None else one
        assert there is not None
        which = "second" if one is None else "first"
        out.say("  ", (pair.name, "bold"), f"  only in the {which} run: ", out.state(there))
        return
    states = [out.state(one)] if one is other else [out.state(one), _ARROW, out.state(other)]
    told = ["  ", *states] if one is not other or not pair.differs else []
    out.say("  ", (pair.name, "bold"), *told, took)
    for name, given in pair.inputs.items():
        _values(out, f"    input {name}", *given)
    for name, given in pair.outputs.items():
        _values(out, f"    output {name}", *given)
    for name, (old, new) in pair.metrics.items():
        _line(out, f"    {name}", _number(old), _number(new), _moved(old, new))
    cause = pair.tasks[1].record.cause if pair.tasks[1] is not None and pair.tasks[1].record is not None else None
    if cause is not None and one is not other:
        out.say("    ", (looks.cut(cause.message, 400), "dim"))


def _values(out: Out, label: str, old: Given, new: Given) -> None:
    """A plain value that is large by the first place where it differs."""
    if not old.artifacts and not new.artifacts and isinstance(old.value, list | dict):
        found = first_difference(old.value, new.value)
        if found is not None and found.where:
            _line(out, f"{label} at {found.where}", found.recorded, found.now)
            return
    _line(out, label, _text(old), _text(new))


def _line(out: Out, label: str, old: str, new: str, more: str = "") -> None:
    """In one line if there is room, else below each other."""
    if old == new:
        room = max(min(out.width, 120) - len(label) - len(more) - 12, 20)
        out.say(f"{label}  {looks.cut(old, room)}", (f"  the same{more}", "dim"))
        return
    tail = f"  {more}" if more else ""
    if len(label) + len(old) + len(new) + len(tail) + 5 <= min(out.width, 120):
        out.say(f"{label}  {old}{_ARROW}{new}", (tail, "dim"))
        return
    indent = " " * (len(label) - len(label.lstrip()) + 2)
    out.say(label)
    for mark, text in (("-", old), ("+", new)):
        out.say(f"{indent}{mark} {looks.cut(text, max(min(out.width, 120) - len(indent) - 2, 20))}")


def _text(given: Given) -> str:
    if given.value is MISSING:
        return "none"
    if isinstance(given.value, ArtifactRef) and given.value.id in given.artifacts:
        return _artifact(given.artifacts[given.value.id])
    if given.artifacts:
        several = [_artifact(one) for one in given.artifacts.values()]
        return several[0] if len(several) == 1 else f"{len(several)} artifacts: {'; '.join(several)}"
    return value_text(given.value, 400)


def _artifact(artifact: Artifact) -> str:
    """`DataFrame 20 x 3, 2.4 kB, 5f3a9e01`."""
    about = artifact.metadata
    shape = about.get("shape") or [about.get("rows"), about.get("columns")]
    sides = [len(side) if isinstance(side, list | dict) else side for side in shape if side is not None]
    parts = [" ".join([artifact.type.rpartition(".")[2], " x ".join(map(str, sides))]).strip()]
    parts += [part for part in (looks.size(artifact.size), artifact.digest[-8:] or artifact.uri) if part]
    return ", ".join(parts)


def _number(number: float | None) -> str:
    return "none" if number is None else f"{number:.6g}"


def _moved(old: float | None, new: float | None) -> str:
    if old is None or new is None or old == new:
        return ""
    by = f"{new - old:+.4g}"
    return f"({by}, {(new - old) / abs(old):+.1%})" if old else f"({by})"


def _ways(found: RunDiff) -> Iterator[tuple[str, Sequence[str]]]:
    yield "added", found.graph.added
    yield "removed", found.graph.removed
    yield "changed", (*found.graph.reshaped, *found.graph.edited)


def _document(found: RunDiff) -> dict[str, Any]:
    from tidemill.actions.documents import run_header

    def plain(given: Given) -> Any:
        if given.value is MISSING:
            return None
        return {"value": encode(given.value), "digests": [one.digest or one.uri for one in given.artifacts.values()]}

    return {
        "runs": [run_header(run) for run in found.runs],
        "params": {
            name: [None if one is MISSING else {"value": encode(one)} for one in pair]
            for name, pair in found.params.items()
        },
        "code": [{"name": one.name, "how": one.how, "place": one.place} for one in found.code],
        "graph": {word: list(paths) for word, paths in _ways(found)},
        "tasks": [
            {
                "task": pair.name,
                "differs": pair.differs,
                "states": [state.value if state is not None else None for state in pair.states],
                "seconds": list(pair.seconds),
                "inputs": {name: [plain(one) for one in both] for name, both in pair.inputs.items()},
                "outputs": {name: [plain(one) for one in both] for name, both in pair.outputs.items()},
                "metrics": {name: encode(list(both)) for name, both in pair.metrics.items()},
            }
            for pair in found.tasks
        ],
        "same": found.same,
    }
