"""A worker's question for an output by name: of this run as seen from the asking task, or of another run.

What was read is recorded as used by the asking task, so that lineage knows of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.core.bindings import RESULT, Collect, Output
from tidemill.core.errors import InputError, NotFound, StateError, did_you_mean
from tidemill.core.history import RunRecord
from tidemill.core.instances import Step, instance_text
from tidemill.core.records import Artifact, Reply, Request
from tidemill.core.values import MISSING, Value, references
from tidemill.engine.held import Held
from tidemill.engine.unit import Unit
from tidemill.planning.resolve import Absence, Place, Unbound, value_of
from tidemill.storage.metadata import artifacts, runs, task_runs
from tidemill.storage.metadata.database import Connection, Database

_KNOWN = frozenset({"key", "run", "pipeline", "earlier", "index"})


def read_output(database: Database, held: Held, owner: str, unit: Unit, request: Request) -> Reply:
    """`request.name` is the node; arguments: key, index, and which run: `run` (an id), or `pipeline` and `earlier`.

    `earlier` 1 is the run before this one, or with `pipeline` the newest finished run of that pipeline.
    Raises StateError if `owner` has lost the run.
    """
    with database.write() as connection:
        _, value, found = find_output(connection, held, unit, request)
        if found:
            keep_for(connection, held, owner)
            place = (held.run.id, unit.key.path, instance_text(unit.key.instance), unit.generation)
            artifacts.use(connection, held.team, *place, sorted(found))
    return Reply(request.number, value, found)


def find_output(
    connection: Connection, held: Held, unit: Unit, request: Request
) -> tuple[RunRecord, Value, dict[str, Artifact]]:
    """What `read_output` answers, without noting that it was read: the run it is of, the value, its artifacts."""
    asked = request.arguments
    _check(asked)
    run = _run_of(connection, held, asked)
    if run.id == held.run.id:
        value = _here(held, unit, request.name, asked)
    else:
        value = _elsewhere(connection, run, request.name, asked)
    ids = [ref.id for ref in references(value)]
    return run, value, artifacts.get_many(connection, held.team, ids)


def keep_for(connection: Connection, held: Held, owner: str) -> None:
    """Make sure that what follows in this transaction is written by the owner of the run. Raises StateError."""
    if not runs.guard(connection, held.run.id, owner, held.epoch, held.next_seq):
        raise StateError("another engine has taken the run over", remedy="it will run this task again")


def _check(asked: Mapping[str, Any]) -> None:
    unknown = sorted(asked.keys() - _KNOWN)
    if unknown:
        remedy = did_you_mean(unknown[0], _KNOWN)
        raise InputError(f"an output cannot be read by {unknown[0]!r}", remedy=remedy)
    for name in ("index", "earlier"):
        number = asked.get(name)
        if not isinstance(number, int | None) or isinstance(number, bool) or (number or 0) < 0:
            raise InputError(f"{name!r} is a whole number from 0, not {number!r}")
    if asked.get("run") and (asked.get("pipeline") or asked.get("earlier")):
        raise InputError("a run is named by its id, or by pipeline and earlier, not by both")


def _run_of(connection: Connection, held: Held, asked: Mapping[str, Any]) -> RunRecord:
    if asked.get("run"):
        run = runs.get(connection, str(asked["run"]))
        if run.team != held.team:
            raise NotFound(f"there is no run {run.id!r}", remedy="`tidemill runs` lists the newest runs")
        return run
    pipeline, steps = str(asked.get("pipeline") or held.run.pipeline), asked.get("earlier") or 0
    if pipeline == held.run.pipeline:
        run = held.run
        for _ in range(steps):
            before = runs.previous(connection, held.team, pipeline, run)
            if before is None:
                raise NotFound(f"there are fewer than {steps} earlier runs of {pipeline!r}")
            run = runs.get(connection, before)
        return run
    ended = [run for run in runs.listing(connection, held.team, pipeline=pipeline, limit=1000) if run.state.final]
    wanted = max(steps, 1)
    if len(ended) < wanted:
        raise NotFound(f"there are {len(ended)} finished runs of {pipeline!r}, and {wanted} are asked for")
    return ended[wanted - 1]


def _here(held: Held, unit: Unit, name: str, asked: Mapping[str, Any]) -> Value:
    """As a binding of the asking task would see it: instances agree on shared maps, the rest is collected."""
    beside = f"{unit.site.parent}/{name}" if unit.site.parent else name
    path = next((known for known in (beside, name) if known in held.wiring.sites), "")
    if not path:
        known = [known.rpartition("/")[2] for known in held.wiring.sites]
        raise NotFound(f"there is no task {name!r} in this run", remedy=did_you_mean(name, known))
    key, index = str(asked.get("key", RESULT)), asked.get("index")
    binding = Output(path, key) if index is None else Collect(path, key)
    try:
        value = value_of(binding, Place(unit.site, unit.key.instance), held.progress)
    except (Absence, Unbound) as problem:
        raise NotFound(str(problem), remedy="let the asking task come after it") from None
    return value if index is None else _at(value, index, path)


def _at(values: Value, index: int, path: str) -> Value:
    if not isinstance(values, list) or index >= len(values):
        raise NotFound(f"{path} has no instance {index}")
    return values[index]


def _elsewhere(connection: Connection, run: RunRecord, name: str, asked: Mapping[str, Any]) -> Value:
    key, index = str(asked.get("key", RESULT)), asked.get("index")
    rows = [row for row in task_runs.load(connection, run.id) if row.path == name]
    if not rows:
        raise NotFound(f"run {run.id} has no finished task {name!r}", remedy=f"see `tidemill show {run.id}`")
    mapped = any(row.instance for row in rows)
    if index is not None:
        rows = [row for row in rows if row.instance == instance_text((Step(index),))]
    elif mapped:
        rows = [row for row in rows if row.count is None]
    values = [value for row in rows if (value := row.outputs.get(key, MISSING)) is not MISSING]
    if mapped and index is None:
        return values
    if not values:
        raise NotFound(f"{name} of run {run.id} has no output {key!r}")
    return values[0]
