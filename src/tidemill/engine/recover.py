"""Taking a run into one's hands: its lease, and its memory rebuilt from rows. Recovery is this, and nothing else."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from tidemill.core.crash import point
from tidemill.core.errors import NotFound, StateError, TidemillError
from tidemill.core.graph import Pipeline
from tidemill.core.graph_json import pipeline_digest, pipeline_from_text, pipeline_text
from tidemill.core.history import CommandKind, EventRecord, RunRecord, TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.records import Artifact
from tidemill.core.states import RunState
from tidemill.core.values import digest, references
from tidemill.core.wiring import Wiring
from tidemill.engine.carrying_over import Change, change, unsound
from tidemill.engine.held import Held
from tidemill.engine.ownership import Observer, Owner
from tidemill.engine.progress import Progress
from tidemill.engine.reopen import reopened
from tidemill.engine.restore import Before, restore
from tidemill.engine.submit import complete
from tidemill.storage.metadata import (
    artifacts,
    attempts,
    commands,
    definitions,
    effects,
    events,
    leaves,
    metrics,
    pushes,
    runs,
    task_runs,
)
from tidemill.storage.metadata.database import Connection, Database
from tidemill.storage.metadata.errors import RowDamaged
from tidemill.storage.metadata.leaves import StoredLeaves
from tidemill.storage.metadata.runs import Lease

_taken = point("lease.taken")
_OF_ONE_GENERATION = frozenset({CommandKind.CANCEL, CommandKind.MARK, CommandKind.APPROVE, CommandKind.EVENT})


def take(database: Database, run_id: str, owner: Owner) -> int | None:
    """The epoch of a lease that was free, ours already, or a dead owner's; None if somebody alive holds it."""
    with database.write() as connection:
        epoch = runs.take(connection, run_id, owner.id)
        if epoch is None:
            lease = runs.lease(connection, run_id)
            if lease is not None and lease.owner == owner.id:
                epoch = lease.epoch
            elif lease is not None and owner.is_dead(lease.owner):
                epoch = runs.steal(connection, run_id, lease.owner, lease.epoch, lease.renewals, owner.id)
    if epoch is not None:
        _taken()
    return epoch


def take_over(database: Database, run_id: str, owner: Owner, length_s: float, wait: Callable[[float], None]) -> int:
    """The epoch of a run's lease, taken from an owner that gives no sign of life for `length_s` seconds.

    `wait` sleeps for some seconds. Raises StateError if the owner is alive.
    """
    observer, waited = Observer(length_s, length_s / 2), 0.0
    while True:
        epoch = take(database, run_id, owner)
        if epoch is not None:
            return epoch
        with database.read() as connection:
            leases = [lease for lease in runs.held(connection) if lease.run == run_id]
        for lease in observer.lapsed(leases, waited):
            epoch = take_lapsed(database, lease, owner)
            if epoch is not None:
                return epoch
        if waited > length_s:
            raise StateError(
                f"run {run_id} is in the hands of an engine that is alive",
                remedy=f"`tidemill show {run_id}` shows it; `tidemill cancel {run_id}` stops it",
            )
        wait(length_s / 10)
        waited += length_s / 10


def take_lapsed(database: Database, lease: Lease, owner: Owner) -> int | None:
    """The epoch of a lease that was watched for its whole length; None if it has moved after all."""
    with database.write() as connection:
        epoch = runs.steal(connection, lease.run, lease.owner, lease.epoch, lease.renewals, owner.id)
    if epoch is not None:
        _taken()
    return epoch


def load(database: Database, run_id: str, epoch: int, now: datetime, code: Mapping[str, str] | None = None) -> Held:
    """A run and its memory, as they were last written. `code` as in `wiring_of`."""
    with _without_collection(), database.read() as connection:
        run = runs.get(connection, run_id)
        wiring = wiring_of(connection, run, code)
        rows, ended = leaves.load(connection, run_id)
        last = attempts.last_number(connection, run_id)
        if rows or ended or last:
            progress = _progress(connection, run, wiring, rows, ended, last)
        else:
            # Of a run in which nothing ever began nothing else can have been recorded.
            progress = restore(wiring, run, [], [], {}, {})
    return Held(run, wiring, progress, epoch, run.next_seq, now)


@contextmanager
def _without_collection() -> Iterator[None]:
    """What is made inside stays: looking for garbage in it, again and again, is a sixth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def reopen(
    database: Database,
    run_id: str,
    owner: Owner,
    actor: str,
    now: datetime,
    also: tuple[str, ...] = (),
    code: Mapping[str, str] | None = None,
    newest: Pipeline | None = None,
    read: Pipeline | None = None,
) -> Held:
    """A finished run goes on with what failed, keeping what succeeded. Raises StateError if it is not finished.

    With `newest` it goes on by that definition, where tasks are the same if they have the same path. Raises StateError
    if rows of the run would stand for something else there, and InputError if it has parameters without a value.
    `read` is what its file says now: the graph stays, and the code by which the rest runs is recorded.
    """
    epoch = take(database, run_id, owner)
    if epoch is None:
        raise StateError(f"run {run_id} is held by another engine", remedy=f"see `tidemill show {run_id}`")
    try:
        return _reopen(database, run_id, owner, epoch, actor, now, also, code, newest, read)
    except TidemillError:
        with database.write() as connection:
            runs.release(connection, run_id, owner.id, epoch)
        raise


def _reopen(
    database: Database,
    run_id: str,
    owner: Owner,
    epoch: int,
    actor: str,
    now: datetime,
    also: tuple[str, ...],
    code: Mapping[str, str] | None,
    newest: Pipeline | None,
    read: Pipeline | None,
) -> Held:
    with database.write() as connection:
        run = runs.get(connection, run_id)
        if not run.state.final:
            raise StateError(f"run {run_id} is {run.state.value}", remedy=f"`tidemill resume {run_id}` goes on with it")
        wiring, changed = wiring_of(connection, run, code), Change()
        rows = task_runs.load(connection, run_id)
        payload: dict[str, Any] = {}
        if newest is not None:
            run, wiring, changed, payload = _redefined(connection, run, wiring, newest, rows, now)
        elif read is not None:
            run, wiring, payload = _with_code_of(connection, run, wiring, read, now)
        if run.state is RunState.SUCCEEDED and not also and not changed.added:
            raise StateError(
                f"run {run_id} succeeded, so there is nothing to try again",
                remedy=f"`tidemill retry {run_id} --also TASK` runs a task and what follows it once more",
            )
        # What is asked for by name is not answered with what it gave before.
        run = replace(run, refresh=tuple(dict.fromkeys([*run.refresh, *also])))
        runs.redefine(connection, run)
        old, tried = run.state, attempts.of_run(connection, run.id)
        known, before = _made(connection, run, rows, set())
        run, fresh, progress = reopened(wiring, run, rows, tried, known, now, also, before, changed.added)
        runs.change(connection, run, old)
        task_runs.save(connection, run.team, fresh)
        metrics.forget(connection, run_id, (*changed.removed, *changed.reshaped))
        metrics.save(connection, run.team, wiring, fresh)
        # What was wished of the run before it ended, and came too late, is not meant for what now begins.
        late = [wish.id for wish in commands.pending(connection, [run_id]) if wish.kind in _OF_ONE_GENERATION]
        commands.consume(connection, late)
        again = len(fresh)
        payload |= {"by": actor, "generation": run.generation, "again": again, "kept": len(rows) - again}
        if not runs.guard(connection, run_id, owner.id, epoch, run.next_seq + 1):
            raise StateError(f"run {run_id} was taken over meanwhile", remedy=f"see `tidemill show {run_id}`")
        events.append(connection, run.team, [EventRecord(run_id, run.next_seq, now, "run.reopened", payload=payload)])
    return Held(run, wiring, progress, epoch, run.next_seq + 1, now)


def _redefined(
    connection: Connection, run: RunRecord, old: Wiring, newest: Pipeline, rows: Sequence[TaskRecord], now: datetime
) -> tuple[RunRecord, Wiring, Change, dict[str, Any]]:
    """The run with another definition: that one, how it differs, and what the event says of it."""
    wiring = Wiring(newest)
    bad = unsound(old, wiring, rows)
    if bad:
        path, why = next(iter(bad.items()))
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise StateError(
            f"run {run.id} cannot go on with the newest graph: {path}: {why}{more}",
            remedy=f"`tidemill retry {run.id}` goes on with the graph it was made with; "
            f"`tidemill rerun {run.id} --from {path}` makes a new run by the newest one",
        )
    known = {parameter.name for parameter in newest.params}
    params = complete(newest, {name: value for name, value in run.params.items() if name in known})
    digest_now, changed = pipeline_digest(newest), change(old, wiring)
    definitions.put(connection, run.team, digest_now, newest.name, pipeline_text(newest), now)
    payload = {
        "definition": digest_now,
        "definition_before": run.definition,
        "added": list(changed.added),
        "removed": list(changed.removed),
    }
    return replace(run, definition=digest_now, params=params), wiring, changed, payload


def _with_code_of(
    connection: Connection, run: RunRecord, old: Wiring, read: Pipeline, now: datetime
) -> tuple[RunRecord, Wiring, dict[str, Any]]:
    """The run with its graph and the code of `read`, by which repeated tasks run; as it was if that is the same."""
    functions = {name: read.functions.get(name, "") for name in old.pipeline.functions}
    if functions == old.pipeline.functions:
        return run, old, {}
    code: Any = read.labels.get("code") or {}
    uses = {name: names for name, names in code.get("uses", {}).items() if name in functions}
    used = {part for names in uses.values() for part in names}
    if functions.keys() != read.functions.keys():
        code = {
            **code,
            "uses": uses,
            "parts": {name: one for name, one in code.get("parts", {}).items() if name in used},
        }
    pipeline = replace(old.pipeline, functions=functions, labels={**old.pipeline.labels, "code": code})
    digest_now = pipeline_digest(pipeline)
    definitions.put(connection, run.team, digest_now, pipeline.name, pipeline_text(pipeline), now)
    payload = {"definition": digest_now, "definition_before": run.definition}
    return replace(run, definition=digest_now), Wiring(pipeline), payload


def wiring_of(connection: Connection, run: RunRecord, code: Mapping[str, str] | None = None) -> Wiring:
    """The run's definition. `code` are the fingerprints of the code as it is now, if it may have changed since.

    A function that has changed loses its fingerprint: what it gives now belongs to no key of this definition.
    """
    stored = definitions.get(connection, run.team, run.definition)
    pipeline = pipeline_from_text(stored)
    if digest(json.loads(stored)) != run.definition:
        raise RowDamaged(
            f"the stored definition of run {run.id} is not what was stored",
            remedy="run the pipeline again from its file",
        )
    if code is not None:
        kept = {name: mark if code.get(name) == mark else "" for name, mark in pipeline.functions.items()}
        pipeline = replace(pipeline, functions=kept)
    return Wiring(pipeline)


def intact(connection: Connection, run: RunRecord) -> bool:
    """Whether the text of the run's definition is what was stored, even if this version cannot read it."""
    try:
        return digest(json.loads(definitions.get(connection, run.team, run.definition))) == run.definition
    except (NotFound, ValueError, RecursionError):
        return False


def _progress(
    connection: Connection, run: RunRecord, wiring: Wiring, rows: list[TaskRecord], ended: StoredLeaves, last: int
) -> Progress:
    out, pushed = attempts.open_of(connection, run.id), pushes.of_open(connection, run.id)
    known, before = _made(connection, run, rows, ended.references())
    return restore(wiring, run, rows, out, known, pushed, before, ended, last)


def _made(
    connection: Connection, run: RunRecord, rows: list[TaskRecord], named: set[str]
) -> tuple[dict[str, Artifact], Before]:
    """What this run made, and what it took over from the cache; and what else was recorded of who did what.

    `named` are artifacts that are named by what is not among `rows`.
    """
    made = artifacts.of_run(connection, run.id)
    found = {artifact.id: artifact for _, artifact in made}
    old = task_runs.superseded(connection, run.id) if any(row.generation for row in rows) else []
    named |= {ref.id for row in (*rows, *old) for value in row.outputs.values() for ref in references(value)}
    found.update(artifacts.get_many(connection, run.team, sorted(named - found.keys())))
    makers = {artifact.id: Key(by.path, instance_from(by.instance)) for by, artifact in made}
    acted = {
        (Key(path, instance_from(instance)), generation)
        for path, instance, generation in effects.had_by(connection, run.id)
    }
    return found, Before(makers, acted, old)
