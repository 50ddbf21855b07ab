"""What the gates of a run have decided themselves, as checks beside the bounds: what is not PASS does not pass."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tidemill.actions.ci.bounds import Checked
from tidemill.core.decisions import Decision
from tidemill.core.history import TaskRecord
from tidemill.lifecycle.decisions.chain import damage_of
from tidemill.lifecycle.registry.entering import GATE, reasons_in
from tidemill.lifecycle.verdicts import Verdict
from tidemill.storage.metadata import decisions, effects, task_runs
from tidemill.storage.metadata.database import Connection

_TAKEN = re.compile(r"run ([^\s,]+), ")


def decisions_of(connection: Connection, team: str, run: str) -> list[Decision]:
    """Those that the gates of a run made, without those of task runs that were run anew since.

    What was taken over from other runs comes with what was decided there.
    """
    known: dict[str, Decision] = {}
    wanted: list[tuple[str, frozenset[str]]] = [(run, frozenset())]
    seen = set(wanted)
    while wanted:
        id, paths = wanted.pop()
        rows = task_runs.load(connection, id)
        for one in _made_in(connection, team, id, rows):
            if not paths or one.about.path in paths:
                known[one.id] = one
        taken: dict[str, set[str]] = {}
        for row in rows:
            source = _TAKEN.match(row.reused_from)
            if source is not None and (not paths or row.path in paths):
                taken.setdefault(source[1], set()).add(row.path)
        more = {(other, frozenset(some)) for other, some in taken.items()} - seen
        seen |= more
        wanted += sorted(more, key=lambda one: one[0])
    return sorted(known.values(), key=lambda one: one.about.number)


def _made_in(connection: Connection, team: str, run: str, rows: Sequence[TaskRecord]) -> list[Decision]:
    found = decisions.listing(connection, team, kind=GATE, run=run)
    if not found:
        return []
    newest = {(row.path, row.instance): row.generation for row in rows}
    old: set[object] = set()
    for path, instance, generation in effects.had_by(connection, run):
        if generation < newest.get((path, instance), generation):
            answers = effects.of_task(connection, run, path, instance, generation).values()
            old |= {one.answer.get("id") for one in answers if isinstance(one.answer, dict)}
    return [one for one in found if one.id not in old]


def check_decisions(made: Sequence[Decision]) -> tuple[Checked, ...]:
    """One for each decision, with its verdict and its first reason."""
    return tuple(_checked(one) for one in made)


def _checked(one: Decision) -> Checked:
    name = f"gate of {one.about.model}"
    if damage := damage_of(one):
        return Checked(name, Verdict.ERROR, "PASS", None, f"decision {one.id} cannot be trusted: {damage}")
    verdict = Verdict.__members__.get(one.about.verdict, Verdict.ERROR)
    why = "" if verdict.passed else ": ".join(["", *reasons_in(one)[:1]])
    return Checked(name, verdict, "PASS", None, f"decision {one.id} says {one.about.verdict}{why}")
