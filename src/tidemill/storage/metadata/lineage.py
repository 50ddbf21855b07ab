"""Who was given what, and who took over whose result, of many runs at once: the rows that lineage is drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from tidemill.core.history import TaskKind
from tidemill.core.values import references
from tidemill.storage.metadata.artifacts import TaskKey
from tidemill.storage.metadata.encoding import mapping_in
from tidemill.storage.metadata.statements import chunks
from tidemill.storage.metadata.tables import REUSED, artifact_uses, runs, task_runs


class Use(NamedTuple):
    """A task run was given an artifact."""

    by: TaskKey
    artifact: str


class Reuse(NamedTuple):
    """A task run took over a result instead of making one: `source` says whose, `artifacts` are named in it."""

    by: TaskKey
    source: str
    artifacts: tuple[str, ...]


_used = select(
    artifact_uses.c.run,
    artifact_uses.c.path,
    artifact_uses.c.instance,
    artifact_uses.c.generation,
    artifact_uses.c.artifact,
)
_reused = select(
    task_runs.c.run,
    task_runs.c.path,
    task_runs.c.instance,
    task_runs.c.generation,
    task_runs.c.reused_from,
    task_runs.c.outputs,
).where(text(REUSED), task_runs.c.kind == TaskKind.LEAF.value)


def uses_in(connection: Connection, team: str, of_runs: Sequence[str]) -> list[Use]:
    """What the task runs of these runs were given."""
    return [
        Use(TaskKey(*key), artifact)
        for some in chunks(of_runs)
        for *key, artifact in connection.execute(
            _used.where(artifact_uses.c.run.in_(some), artifact_uses.c.team == team)
        )
    ]


def uses_of(connection: Connection, team: str, artifacts: Sequence[str]) -> list[Use]:
    """The task runs, of any run, that were given these artifacts."""
    return [
        Use(TaskKey(*key), artifact)
        for some in chunks(artifacts)
        for *key, artifact in connection.execute(
            _used.where(artifact_uses.c.team == team, artifact_uses.c.artifact.in_(some))
        )
    ]


def reuses_in(connection: Connection, team: str, of_runs: Sequence[str]) -> list[Reuse]:
    """The task runs of these runs that took over a result."""
    return [
        _reuse(row)
        for some in chunks(of_runs)
        for row in connection.execute(_reused.where(task_runs.c.run.in_(some), task_runs.c.team == team))
    ]


def reuses_of(connection: Connection, team: str, sources: Sequence[str]) -> list[Reuse]:
    """The task runs, of any run, that took over the result of one of these, as `reused_from` names it."""
    return [
        _reuse(row)
        for some in chunks(sources)
        for row in connection.execute(_reused.where(task_runs.c.team == team, task_runs.c.reused_from.in_(some)))
    ]


def newest_first(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """The place of each of these runs if the newest stands first; those that were removed come last."""
    wanted = sorted(set(ids))
    found = [
        (str(created_at), str(id))
        for some in chunks(wanted)
        for id, created_at in connection.execute(select(runs.c.id, runs.c.created_at).where(runs.c.id.in_(some)))
    ]
    order = {id: n for n, (_, id) in enumerate(sorted(found, reverse=True))}
    return {id: order.get(id, len(order)) for id in wanted}


def _reuse(row: Sequence[object]) -> Reuse:
    *key, source, outputs = row
    named = (ref.id for value in mapping_in(str(outputs)).values() for ref in references(value))
    return Reuse(TaskKey(*key), str(source), tuple(dict.fromkeys(named)))  # type: ignore[arg-type]
