"""An attempt as it was recorded, and the run around it as it stood when that attempt began: what a replay is given.

Reads rows, and changes none: the memory that is built here belongs to no engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tidemill.actions.logs import find_log
from tidemill.actions.runs import find_run
from tidemill.app import App
from tidemill.core.bindings import Const
from tidemill.core.errors import StateError
from tidemill.core.graph import HookEvent
from tidemill.core.history import AttemptRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Key, instance_from, instance_text
from tidemill.core.records import Artifact, RunCommand, Ticket
from tidemill.core.states import AttemptState, RunState
from tidemill.core.types import Type
from tidemill.core.values import references
from tidemill.core.wiring import Wiring, ancestors
from tidemill.engine.decide import decide
from tidemill.engine.held import Held
from tidemill.engine.moves import AttemptStarted, Begin
from tidemill.engine.observing import observed
from tidemill.engine.progress import Progress
from tidemill.engine.recover import wiring_of
from tidemill.engine.restore import Before, restore
from tidemill.engine.tickets import ticket_for
from tidemill.engine.unit import Unit
from tidemill.planning.cachekey import FILE
from tidemill.planning.facts import CacheMiss
from tidemill.planning.step import End, Execute, repeat
from tidemill.storage.metadata import artifacts, attempts, cache, effects, events, pushes, task_runs
from tidemill.storage.metadata.database import Connection
from tidemill.storage.metadata.effects import Effect

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Recorded:
    """One attempt. `number` counts the tries of its task run from 1, through all generations.

    `outputs` is what it gave and pushed, `artifacts` the records that these and the inputs name; `notes` say what of
    its surroundings cannot be had as it was.
    """

    run: RunRecord
    key: Key
    attempt: AttemptRecord
    number: int
    row: TaskRecord
    ticket: Ticket
    held: Held
    unit: Unit
    outputs: Mapping[str, Any]
    artifacts: Mapping[str, Artifact]
    effects: Mapping[int, Effect]
    notes: tuple[str, ...] = ()


def find_attempt(app: App, run_id: str, task: str, number: int | None = None) -> Recorded:
    """The last attempt of a task, or the one with this number. Raises NotFound, InputError, StateError."""
    run = find_run(app, run_id)
    log = find_log(app, run_id, task, number)
    attempt, key = log.attempt, log.task
    if not attempt.state.final:
        raise StateError(
            f"attempt {log.number} of {key} has not ended", remedy=f"`tidemill logs {run.id} '{key}' -f` follows it"
        )
    with app.database.read() as connection:
        wiring = wiring_of(connection, run)
        place = (run.id, key.path, attempt.instance, attempt.generation)
        newest, older = task_runs.load(connection, run.id), task_runs.superseded(connection, run.id)
        rows, before = rows_at(newest, older, attempt.started_at, key, attempt.generation)
        known = _records(connection, run, (*newest, *older))
        own = attempts.of_task(connection, *place)
        had = effects.of_task(connection, *place)
        pushed = pushes.of_attempt(connection, attempt.id)
        used = frozenset(artifacts.used_by(connection, *place))
        run = replace(run, started_at=_started(connection, run, attempt.started_at))
    row = next((row for row in rows if Key(row.path, instance_from(row.instance)) == key), None)
    if row is None:
        raise StateError(f"the row of {key} is not there", remedy=f"see `tidemill show {run.id}`")
    progress = memory_of(wiring, run, rounds_of(wiring, rows, key), known, before, attempt.started_at)
    unit, execute = _decided(progress, run, key)
    notes = list(_notes(own, attempt, row, unit))
    resume, told = _resume(own, attempt, row)
    notes += told
    with app.database.read() as connection:
        notes += _files(execute, _observed(connection, run, key, attempt))
    held = Held(run, wiring, progress, attempt.epoch, run.next_seq, attempt.started_at)
    started = AttemptStarted(attempt, key, unit.site.node, execute, attempt.number, resume)
    # What hangs on an event of a task does something outside.
    ticket = replace(ticket_for(held, started, app.store), hooks=())
    other = sorted({artifact.id for artifact in ticket.artifacts.values()} - used)
    if other:
        notes.append(f"its inputs are not exactly those it had: {', '.join(other[:3])} was not recorded as given to it")
    ended_well = attempt.state in (AttemptState.SUCCEEDED, AttemptState.SKIPPED)
    return Recorded(
        run,
        key,
        attempt,
        log.number,
        row,
        ticket,
        held,
        unit,
        row.outputs if ended_well else pushed,
        known,
        had,
        tuple(notes),
    )


def rows_at(
    newest: Sequence[TaskRecord], older: Sequence[TaskRecord], moment: datetime, key: Key, generation: int
) -> tuple[list[TaskRecord], list[TaskRecord]]:
    """Of each task run the generation that counted at a moment, and those before it; of `key` the named generation."""
    by_place: dict[tuple[str, str], list[TaskRecord]] = {}
    for row in (*older, *newest):
        by_place.setdefault((row.path, row.instance), []).append(row)
    chosen: list[TaskRecord] = []
    before: list[TaskRecord] = []
    for place, rows in by_place.items():
        if place == (key.path, instance_text(key.instance)):
            at = next((n for n, row in enumerate(rows) if row.generation == generation), len(rows) - 1)
        else:
            at = max((n for n, row in enumerate(rows) if _counted(row, moment)), default=0)
        chosen.append(rows[at])
        before += rows[:at]
    return chosen, before


def rounds_of(wiring: Wiring, rows: Iterable[TaskRecord], key: Key) -> list[TaskRecord]:
    """The rows, with each retried scope around `key` in the round that `key` is of."""
    rounds = {}
    for path in ancestors(key.path):
        site = wiring.sites[path]
        if site.retried:
            place = (path, instance_text(wiring.unit_instance(path, key.instance)))
            rounds[place] = key.instance[len(site.inner_frames) - 1].generation
    return [replace(row, round=rounds.get((row.path, row.instance), row.round)) for row in rows]


def memory_of(
    wiring: Wiring,
    run: RunRecord,
    rows: Iterable[TaskRecord],
    known: Mapping[str, Artifact],
    before: Sequence[TaskRecord],
    moment: datetime,
) -> Progress:
    """The run in memory, as if it went on; what follows from that is thrown away."""
    running = replace(run, state=RunState.RUNNING, cause=None)
    progress = restore(wiring, running, list(rows), (), known, {}, Before(rows=before))
    decide(progress, Begin(), moment)
    return progress


def _counted(row: TaskRecord, moment: datetime) -> bool:
    begun = row.ended_at if row.kind is TaskKind.LEAF else row.started_at or row.ended_at
    return begun is not None and begun <= moment


def _decided(progress: Progress, run: RunRecord, key: Key) -> tuple[Unit, Execute]:
    """What the attempt was to execute, worked out again."""
    unit = progress.units.get(key)
    again = f"`tidemill rerun {run.id} --from {key.path}` runs it again, recorded"
    if unit is None:
        raise StateError(f"what {key} stood in is not recorded any more, so its inputs are not known", remedy=again)
    unit.answer = CacheMiss()
    decision = repeat(unit.site, key.instance, progress)
    if not isinstance(decision, Execute):
        why = f": {decision.cause.message}" if isinstance(decision, End) and decision.cause is not None else ""
        raise StateError(f"the inputs that {key} had cannot be worked out any more{why}", remedy=again)
    if isinstance(decision.work, RunCommand):
        raise StateError(f"{key} is a command in an image, not a function that could run here", remedy=again)
    return unit, decision


def _notes(own: Sequence[AttemptRecord], attempt: AttemptRecord, row: TaskRecord, unit: Unit) -> Iterable[str]:
    hooks = sorted({hook.event.value for hook in unit.site.node.hooks})
    if hooks:
        before = " What it does before the task is not done." if HookEvent.EXECUTE.value in hooks else ""
        yield f"its hooks ({', '.join(hooks)}) are not called.{before}"


def _observed(connection: Connection, run: RunRecord, key: Key, attempt: AttemptRecord) -> Mapping[str, Any]:
    """The inputs by which the result is kept, with the content of the files among them; nothing if it is not kept."""
    for entry in cache.latest_for(connection, run.team, run.pipeline, key.path, _PAGE):
        if (entry.run, entry.instance) == (run.id, attempt.instance) and attempt.started_at <= entry.created_at:
            return dict(entry.parts.get("inputs", {}))
    return {}


def _files(execute: Execute, then: Mapping[str, Any]) -> Iterable[str]:
    takes = getattr(execute.work, "takes", {})
    named = [name for name, wanted in takes.items() if _is_path(wanted) and isinstance(execute.inputs.get(name), Const)]
    for name in named:
        value = getattr(execute.inputs[name], "value", None)
        if not isinstance(value, str):
            continue
        was, now = then.get(name), observed({"inputs": {name: {FILE: value}}}, lambda uri: "")["inputs"][name]
        if isinstance(was, dict) and "content" in was:
            if was["content"] != now["content"]:
                yield f"input {name!r} changed since then: {value} ({_short(was)} -> {_short(now)})"
        else:
            yield f"input {name!r} is the file {value}, which is read as it is now"


def _short(file: Mapping[str, Any]) -> str:
    content = str(file["content"])
    return content.rpartition(":")[2][:8] if content.startswith("blake2b:") else content


def _is_path(wanted: Type) -> bool:
    return wanted.name == "path" or (wanted.name == "union" and any(map(_is_path, wanted.args)))


def _resume(own: Sequence[AttemptRecord], attempt: AttemptRecord, row: TaskRecord) -> tuple[Any, tuple[str, ...]]:
    """What the attempt before this one left when it suspended, as far as that is recorded."""
    before = [one for one in own if one.number < attempt.number]
    if not any(one.state is AttemptState.SUSPENDED for one in before):
        return None, ()
    last = attempt.number == max(one.number for one in own) and attempt.state is not AttemptState.SUSPENDED
    if last and row.wake is not None and attempt.state in (AttemptState.SUCCEEDED, AttemptState.SKIPPED):
        return row.wake.resume, ()
    return None, ("what the try before it left for it is not recorded: it goes on with nothing",)


def _records(connection: Connection, run: RunRecord, rows: Iterable[TaskRecord]) -> dict[str, Artifact]:
    found = {artifact.id: artifact for _, artifact in artifacts.of_run(connection, run.id)}
    named = {
        ref.id
        for row in rows
        for values in (row.outputs, row.inputs)
        for value in values.values()
        for ref in references(value)
    }
    named |= {ref.id for value in run.params.values() for ref in references(value)}
    found.update(artifacts.get_many(connection, run.team, sorted(named - found.keys())))
    return found


def _started(connection: Connection, run: RunRecord, moment: datetime) -> datetime | None:
    """When the run had started, as the attempt saw it: a reopened run starts anew."""
    if not run.generation:
        return run.started_at
    started, after = None, 0
    while page := events.read(connection, run.id, after, _PAGE):
        for event in page:
            if event.kind in ("run.running", "run.reopened") and event.at <= moment:
                started = event.at
        after = page[-1].seq
    return started or run.started_at
