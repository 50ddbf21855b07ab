"""The card of a version: all that the records say of it, gathered once. Its content is hashed, and never loaded.

What is gone (a run that was removed, say) is left out; what was known at registration is in the version itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from tidemill.actions.artifacts import is_there
from tidemill.actions.lineage import trace_lineage
from tidemill.actions.models.naming import version_named
from tidemill.app import App
from tidemill.core.decisions import Decision
from tidemill.core.errors import NotFound, TidemillError
from tidemill.core.graph import Call
from tidemill.core.history import RunRecord
from tidemill.core.models import AliasMove, ModelVersion
from tidemill.core.records import Artifact
from tidemill.core.wiring import Wiring
from tidemill.engine.recover import wiring_of
from tidemill.lifecycle.registry.entering import GATE, judgement_in
from tidemill.storage.metadata import artifacts, decisions, models, runs, snapshots, task_runs
from tidemill.storage.metadata.artifacts import Stored, TaskKey
from tidemill.storage.metadata.database import Connection

VERIFIED_BYTES = 512 << 20
"""Content of up to so many bytes is hashed when a card is made; of more it is only asked whether it is there."""

_OTHERS = frozenset({"Model", "Metrics", "Report"})
_CONTRACT = frozenset({"contract", "owner", "passed", "findings"})
_REPORT, _METRICS = "Report", "Metrics"
_MOST_TASKS = 200


@dataclass(frozen=True, slots=True)
class Data:
    """Something that the model was made from. `snapshot` is NAME@VERSION if a snapshot holds it."""

    artifact: Artifact
    by: TaskKey
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A task run that led to the model. `place` is where its function stands, `fingerprint` that of its code."""

    by: TaskKey
    function: str = ""
    place: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """Numbers about the model, and the task run that gave them."""

    by: TaskKey
    numbers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """Rows that the model was made from, as a contract found them: `result` is what the task that validates gave."""

    by: TaskKey
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    """`content` is what is wrong with the content, "" if nothing is; `verified`: it was read and compared.

    `has` are the moves that gave the version the aliases it has now, `moves` all that gave it one or took one away.
    `decision` is the newest of a gate about it. `reports` are pages and pictures of the tasks around it.
    """

    version: ModelVersion
    artifact: Artifact | None
    content: str
    verified: bool
    run: RunRecord | None
    made_by: TaskKey | None
    has: tuple[AliasMove, ...]
    moves: tuple[AliasMove, ...]
    newest: int
    data: tuple[Data, ...] = ()
    steps: tuple[Step, ...] = ()
    measured: tuple[Measured, ...] = ()
    contracts: tuple[Checked, ...] = ()
    reports: tuple[Stored, ...] = ()
    decision: Decision | None = None
    judgement: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{self.version.name}@{self.version.version}"

    @property
    def known(self) -> Mapping[str, Any]:
        """What was known when it was registered."""
        return self.version.card

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What its codec noted: type, parameters, versions of libraries."""
        return self.artifact.metadata if self.artifact is not None else {}


def card_of(app: App, text: str) -> Card:
    """Of NAME, NAME@VERSION, NAME@ALIAS. Raises NotFound, InputError."""
    version = version_named(app, text)
    team = app.settings.team
    with app.database.read() as connection:
        stored = artifacts.stored(connection, team, [version.artifact]).get(version.artifact)
        newest = models.newest(connection, team, version.name)
        current = models.aliases(connection, team, version.name)
        every = models.moves(connection, team, version.name)
        about = decisions.of_subject(connection, team, version.digest, model=version.name, kind=GATE)
    decision = about[0] if about else None
    content, verified = _looked_at(app, stored.artifact if stored is not None else None)
    around = _around(app, version, stored) if stored is not None else _Around()
    return Card(
        version=version,
        artifact=stored.artifact if stored is not None else None,
        content=content,
        verified=verified,
        run=around.run,
        made_by=stored.by if stored is not None else None,
        has=tuple(move for move in current if move.version == version.version),
        moves=tuple(move for move in every if version.version in (move.version, move.before)),
        newest=newest.version if newest is not None else version.version,
        data=around.data,
        steps=around.steps,
        # What the gate measured stands in its decision.
        measured=tuple(one for one in around.measured if decision is None or not _is_of(decision, one.by)),
        contracts=around.contracts,
        reports=around.reports,
        decision=decision,
        judgement=judgement_in(decision) if decision is not None else {},
    )


def _is_of(decision: Decision, by: TaskKey) -> bool:
    return (decision.about.run, decision.about.path) == (by.run, by.path)


def _looked_at(app: App, artifact: Artifact | None) -> tuple[str, bool]:
    if artifact is None:
        return "its artifact is not recorded any more", True
    if artifact.size <= VERIFIED_BYTES:
        return app.verify(artifact), True
    there = is_there(app, artifact)
    return ("" if there is not False else "its content is not in the artifact store"), False


@dataclass(frozen=True, slots=True)
class _Around:
    run: RunRecord | None = None
    data: tuple[Data, ...] = ()
    steps: tuple[Step, ...] = ()
    measured: tuple[Measured, ...] = ()
    contracts: tuple[Checked, ...] = ()
    reports: tuple[Stored, ...] = ()


def _around(app: App, version: ModelVersion, stored: Stored) -> _Around:
    """What led to the model, and what the runs that made and registered it found out about it."""
    team = app.settings.team
    found = trace_lineage(app, version.artifact, down=False)
    tasks = [point for point in found.points() if isinstance(point, TaskKey)][:_MOST_TASKS]
    # Points stand in the order in which they were found: what is near the model first.
    ids = [id for id in found.points() if isinstance(id, str) and id in found.artifacts and id != version.artifact]
    with app.database.read() as connection:
        named = snapshots.of_artifacts(connection, team, ids)
        data = tuple(
            Data(artifact, found.makers[id], _snapshot_name(named.get((team, id))))
            for id in ids
            if (artifact := found.artifacts[id]).type not in _OTHERS and id in found.makers
        )
        # A task that chooses among models gives one on as an artifact of its own: who was given the same is asked too.
        same = [id for id in ids if found.artifacts[id].digest == stored.artifact.digest and id in found.makers]
        own = {stored.by.run, version.run, *(found.makers[id].run for id in same)}
        given = (artifacts.consumers(connection, team, id) for id in (version.artifact, *same))
        users = [task for task in dict.fromkeys(chain.from_iterable(given)) if task.run in own]
        made = _made_by(connection, [*tasks, *users])
        reports = [id for task in (*users, *tasks) for id, kind in made.get(task, ()) if kind == _REPORT]
        shown = artifacts.stored(connection, team, reports)
        numbers = [id for task in users for id, kind in made.get(task, ()) if kind == _METRICS]
        measured = artifacts.stored(connection, team, numbers)
        steps = tuple(_steps(connection, team, tasks))
        contracts = tuple(_contracts(connection, tasks))
        run = _run(connection, team, version.run or stored.by.run)
    return _Around(
        run,
        data,
        steps,
        tuple(Measured(measured[id].by, measured[id].artifact.metadata) for id in numbers if id in measured),
        contracts,
        tuple(shown[id] for id in dict.fromkeys(reports) if id in shown),
    )


def _made_by(connection: Connection, tasks: Iterable[TaskKey]) -> dict[TaskKey, list[tuple[str, str]]]:
    """Ids and types of what these task runs made."""
    wanted = set(tasks)
    found: dict[TaskKey, list[tuple[str, str]]] = {}
    for run in dict.fromkeys(task.run for task in wanted):
        for key, artifact in artifacts.of_run(connection, run):
            if key in wanted:
                found.setdefault(key, []).append((artifact.id, artifact.type))
    return found


def _contracts(connection: Connection, tasks: Iterable[TaskKey]) -> Iterable[Checked]:
    """By what a result says: the names of tasks are the user's own."""
    wanted = set(tasks)
    for run in dict.fromkeys(task.run for task in wanted):
        for row in task_runs.load(connection, run):
            key, result = TaskKey(row.run, row.path, row.instance, row.generation), row.outputs.get("result")
            if key in wanted and isinstance(result, Mapping) and result.keys() >= _CONTRACT:
                yield Checked(key, result)


def _steps(connection: Connection, team: str, tasks: Iterable[TaskKey]) -> Iterable[Step]:
    known: dict[str, Wiring | None] = {}
    for task in tasks:
        if task.run not in known:
            known[task.run] = _wiring(connection, team, task.run)
        wiring = known[task.run]
        site = wiring.sites.get(task.path) if wiring is not None else None
        if wiring is None or site is None or not isinstance(site.node.body, Call):
            yield Step(task)
            continue
        function = str(site.node.body.function)
        place = str(site.node.source) if site.node.source is not None else ""
        yield Step(task, function, place, wiring.pipeline.functions.get(function, ""))


def _wiring(connection: Connection, team: str, run_id: str) -> Wiring | None:
    run = _run(connection, team, run_id)
    try:
        return wiring_of(connection, run) if run is not None else None
    except TidemillError:
        # A definition that is gone or damaged is no reason to say nothing of the model.
        return None


def _run(connection: Connection, team: str, run_id: str) -> RunRecord | None:
    try:
        run = runs.get(connection, run_id)
    except NotFound:
        return None
    return run if run.team == team else None


def _snapshot_name(snapshot: snapshots.Snapshot | None) -> str:
    return f"{snapshot.name}@{snapshot.version.rpartition(':')[2][:8]}" if snapshot is not None else ""
