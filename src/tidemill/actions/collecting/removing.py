"""Carrying a plan out: runs with all that hangs on them, kept results, records of artifacts, and bytes last of all.

Why nothing is lost whoever works meanwhile, and wherever this dies: docs/decisions/0006-collection.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tidemill.actions.collecting.decide import Policy, decide
from tidemill.actions.collecting.facts import Gathered, Told, Trees, gather, keep_of
from tidemill.actions.collecting.stored import Loose, bury, loose, loose_bytes, unreadable_note
from tidemill.actions.runs import actor
from tidemill.app import App
from tidemill.core.crash import point
from tidemill.engine.ownership import Owner
from tidemill.engine.recover import take
from tidemill.storage.artifacts.files import remove
from tidemill.storage.logs.files import log_path
from tidemill.storage.metadata import removing, runs

_run_taken = point("gc.run-taken")
_run_removed = point("gc.run-removed")
_part_removed = point("gc.part-removed")
_records_removed = point("gc.records-removed")
_before_bytes = point("gc.before-bytes")
_bytes_removed = point("gc.bytes-removed")

ROWS_AT_ONCE = 500
"""So many rows of one table go in one write, which others wait for."""

_DIGESTS_AT_ONCE = 100


@dataclass(slots=True)
class Collected:
    """What has gone. `left`: runs that were to go and did not, with the reason; `spared`: young bytes nobody needs."""

    runs: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    expired: int = 0
    ended: int = 0
    artifacts: int = 0
    definitions: int = 0
    objects: int = 0
    bytes: int = 0
    spared: int = 0
    remains: int = 0
    notes: list[str] = field(default_factory=list)


def carry_out(app: App, owner: Owner, policy: Policy, told: Told, alone: bool = False) -> Collected:
    """Collect by the policy, until all that may go has gone. `alone` as in `loose_bytes`."""
    done = Collected()
    now = app.clock.now()
    trees = Trees(app)
    done.remains = bury(app, owner, policy.grace)
    _empty_removed(app, told)
    plan = decide(gather(app, owner, trees, told).facts, policy, now)
    for number, going in enumerate(plan.runs):
        told("runs removed", number, len(plan.runs))
        reason = _remove_run(app, owner, going.name, going.why, now)
        if reason:
            done.left[going.name] = reason
        else:
            done.runs.append(going.name)
    _empty_removed(app, told)
    _end_entries(app, policy, [one.name for one in plan.ending], [one.name for one in plan.expired], now, done)
    loose = loose_bytes(app, policy, alone)
    found = gather(app, owner, trees, told)
    _remove_records(app, decide(found.facts, Policy(grace=policy.grace), now).artifacts, now - policy.grace, done)
    _remove_bytes(app, loose, gather(app, owner, trees, told), done, told)
    return done


# --- runs -------------------------------------------------------------------------------------------------------------


def _remove_run(app: App, owner: Owner, run_id: str, why: str, now: datetime) -> str:
    """Why the run stays after all, or ""."""
    epoch = take(app.database, run_id, owner)
    if epoch is None:
        return "somebody has just taken it, or removed it"
    _run_taken()
    with app.database.write() as connection:
        record = runs.get(connection, run_id)
        if not record.state.final or keep_of(record.tags):
            runs.release(connection, run_id, owner.id, epoch)
            return "it was reopened, or is to be kept, by now"
        # In the very write that ends the lease: whoever wants to retry it either has it before, or finds no run.
        gone = removing.remove_run(connection, app.settings.team, run_id, owner.id, epoch, why, actor(), now)
        if not gone:
            runs.release(connection, run_id, owner.id, epoch)
    _run_removed()
    return "" if gone else "somebody has just taken it, or a run that follows on it goes on"


def _empty_removed(app: App, told: Told) -> None:
    """Delete what hangs on removed runs, also on those of a collection that died."""
    with app.database.read() as connection:
        left = removing.half_removed(connection, app.settings.team)
    if not left:
        return
    with app.database.write() as connection:
        removing.remove_commands(connection, left)
    for number, run in enumerate(left):
        told("runs emptied", number, len(left))
        gone = 1
        while gone:
            with app.database.write() as connection:
                gone = removing.empty(connection, run, ROWS_AT_ONCE)
            _part_removed()
        remove(log_path(app.settings.logs, run, "any").parent)
        with app.database.write() as connection:
            removing.mark_emptied(connection, run)


def _end_entries(
    app: App, policy: Policy, ending: Sequence[str], expired: Sequence[str], now: datetime, done: Collected
) -> None:
    with app.database.write() as connection:
        done.expired = removing.remove_expired(connection, app.settings.team, expired, now - policy.grace)
    if policy.cache_older_than is not None:
        with app.database.write() as connection:
            limit = now - policy.cache_older_than
            done.ended = removing.end_entries(connection, app.settings.team, ending, limit, now)


# --- records and bytes ------------------------------------------------------------------------------------------------


def _remove_records(app: App, ids: Sequence[str], before: datetime, done: Collected) -> None:
    for start in range(0, len(ids), ROWS_AT_ONCE):
        with app.database.write() as connection:
            removing.alone(connection)
            gone = removing.remove_artifacts(connection, app.settings.team, ids[start : start + ROWS_AT_ONCE])
        done.artifacts += len(gone)
        _records_removed()
    with app.database.write() as connection:
        removing.alone(connection)
        done.definitions = removing.remove_definitions(connection, app.settings.team, before)


def _remove_bytes(app: App, judged: Loose, found: Gathered, done: Collected, told: Told) -> None:
    done.notes += judged.notes
    if found.unreadable:
        done.notes.append(unreadable_note(found))
    if not judged.may_go or found.unreadable:
        return
    some: dict[str, int] = {}
    for digest, size in loose(app, judged, found, told):
        if size < 0:
            done.spared += 1
            continue
        some[digest] = size
        if len(some) == _DIGESTS_AT_ONCE:
            _delete(app, judged, some, done)
            some = {}
    _delete(app, judged, some, done)


def _delete(app: App, judged: Loose, some: dict[str, int], done: Collected) -> None:
    with app.database.read() as connection:
        named = removing.digests_named(connection, some.keys())
    _before_bytes()
    for digest, size in some.items():
        if digest in named or not app.artifacts.delete(digest, untouched_since=judged.limit):
            done.spared += 1
            continue
        done.objects += 1
        done.bytes += size
        _bytes_removed()
