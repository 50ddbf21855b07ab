"""What a collection would do, without doing anything."""

from __future__ import annotations

from dataclasses import dataclass

from tidemill.actions.collecting.decide import Plan, Policy, decide
from tidemill.actions.collecting.facts import Told, Trees, gather
from tidemill.actions.collecting.stored import loose, loose_bytes, unreadable_note
from tidemill.app import App
from tidemill.engine.ownership import Owner
from tidemill.storage.logs.files import log_path


@dataclass(frozen=True, slots=True)
class Foreseen:
    """`objects` and `bytes` are of stored content that no record names, `spared` of them too young to go.

    `log_bytes` are those of the runs that go.
    """

    plan: Plan
    objects: int
    bytes: int
    spared: int
    log_bytes: int
    notes: tuple[str, ...]


def foresee(app: App, owner: Owner, policy: Policy, told: Told, alone: bool = False) -> Foreseen:
    """What would go and why. `alone` as in `stored.loose_bytes`."""
    judged = loose_bytes(app, policy, alone)
    found = gather(app, owner, Trees(app), told)
    plan = decide(found.facts, policy, app.clock.now())
    objects = freed = spared = 0
    notes = list(judged.notes)
    if found.unreadable:
        notes.append(unreadable_note(found))
    elif judged.may_go:
        for _, size in loose(app, judged, found, told):
            objects, freed, spared = (objects, freed, spared + 1) if size < 0 else (objects + 1, freed + size, spared)
    logs = sum(_log_bytes(app, going.name) for going in plan.runs)
    return Foreseen(plan, objects, freed, spared, logs, tuple(notes))


def _log_bytes(app: App, run: str) -> int:
    folder = log_path(app.settings.logs, run, "any").parent
    return sum(file.stat().st_size for file in folder.glob("*")) if folder.is_dir() else 0
