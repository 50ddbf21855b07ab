"""What a collection asks: which runs, kept results and artifacts there are, and who needs which artifacts.

Each function reads row after row; called in one transaction for reading they tell of one moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, text

from tidemill.core.states import RunState
from tidemill.storage.metadata.holders import HOLDERS, Holder
from tidemill.storage.metadata.statements import chunks
from tidemill.storage.metadata.tables import (
    OPEN,
    artifact_uses,
    artifacts,
    attempts,
    cache_entries,
    definitions,
    effects,
    pushes,
    removed_runs,
    runs,
    task_runs,
)

_ROWS = 1000
"""So many rows are fetched at once."""

_REFERENCE = re.compile(r'"\$artifact":\s*\["((?:[^"\\]|\\.)*)"')
_DIGEST = re.compile(r"blake2b:[0-9a-f]{64}")
_REFERS = "%$artifact%"


class RunRow(NamedTuple):
    id: str
    pipeline: str
    state: str
    created_at: str
    ended_at: str | None
    owner: str
    previous: str
    tags: str


class EntryRow(NamedTuple):
    """`needs` and `former` are ids of artifacts."""

    key: str
    pipeline: str
    path: str
    created_at: str
    expires_at: str | None
    needs: frozenset[str]
    former: frozenset[str]


class ArtifactRow(NamedTuple):
    """`also`: digests that its preview names."""

    team: str
    id: str
    run: str
    created_at: str
    digest: str
    size: int
    kind: str
    also: frozenset[str]


def every_run(connection: Connection, team: str) -> Iterator[RunRow]:
    """The runs of the team, finished or not."""
    columns = [runs.c[name] for name in RunRow._fields]
    return (RunRow(*row) for row in _rows(connection, select(*columns).where(runs.c.team == team)))


def every_entry(connection: Connection, team: str) -> Iterator[EntryRow]:
    """The kept results of the team, in force or not."""
    names = ("key", "pipeline", "path", "created_at", "expires_at", "outputs", "former")
    query = select(*(cache_entries.c[name] for name in names)).where(cache_entries.c.team == team)
    for key, pipeline, path, created, expires, outputs, former in _rows(connection, query):
        yield EntryRow(key, pipeline, path, created, expires, _references(outputs), _references(former))


def every_artifact(connection: Connection, team: str | None = None) -> Iterator[ArtifactRow]:
    """The artifacts of the team, or of all; those that lie outside have no digest."""
    names = ("team", "id", "run", "created_at", "digest", "size", "kind", "preview")
    query = select(*(artifacts.c[name] for name in names))
    if team is not None:
        query = query.where(artifacts.c.team == team)
    for of, id_, run, created, digest, size, kind, preview in _rows(connection, query):
        yield ArtifactRow(of, id_, run, created, digest, size, kind, frozenset(_DIGEST.findall(preview)))


class MadeRow(NamedTuple):
    """An artifact, and the task run that made it; `finished`: its run has ended, None if there is no such run."""

    team: str
    id: str
    run: str
    path: str
    instance: str
    digest: str
    finished: bool | None
    pipeline: str


def makers(connection: Connection, digests: Sequence[str]) -> list[MadeRow]:
    """The artifacts of all teams that have one of these digests, and who made them.

    Those that their task run has made anew since, in a later generation, are left out.
    """
    names = ("team", "id", "run", "path", "instance", "digest")
    query = select(*(artifacts.c[name] for name in names), runs.c.state, runs.c.pipeline, removed_runs.c.pipeline)
    later = select(task_runs.c.run).where(
        *(task_runs.c[name] == artifacts.c[name] for name in ("run", "path", "instance")),
        task_runs.c.generation > artifacts.c.generation,
    )
    query = query.where(~later.exists()).outerjoin(runs, runs.c.id == artifacts.c.run)
    query = query.outerjoin(removed_runs, removed_runs.c.id == artifacts.c.run)
    found: list[MadeRow] = []
    for some in chunks(digests):
        rows: Iterator[Any] = iter(connection.execute(query.where(artifacts.c.digest.in_(some))))
        for team, id_, run, path, instance, digest, state, pipeline, former in rows:
            final = None if state is None else RunState(state).final
            of = pipeline or former or ""
            found.append(MadeRow(team, id_, run, path, instance, digest, final, of))
    return sorted(found, key=lambda row: row[:6])


def every_held(connection: Connection, team: str) -> Iterator[tuple[str, str, str]]:
    """Kind and name of each holder, and an artifact that it needs."""
    for holder in HOLDERS:
        for name, artifact in _rows(connection, _held(holder).where(holder.team == team, holder.artifact != "")):
            yield holder.kind, name, artifact


def _held(holder: Holder) -> Select[Any]:
    columns: tuple[ColumnElement[Any], ...] = (holder.name, holder.artifact)
    return select(*columns)


def every_need(connection: Connection, team: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Which run names which artifacts, whether it was given them or has them in a value; a run may come repeatedly.

    What a run made itself is not told.
    """
    uses: Select[Any] = select(artifact_uses.c.run, artifact_uses.c.artifact)
    for run, artifact in _rows(connection, uses.where(artifact_uses.c.team == team)):
        yield run, frozenset((artifact,))
    for query in _values(team):
        for run, *values in _rows(connection, query):
            found = frozenset[str]().union(*(_references(value) for value in values if value))
            if found:
                yield run, found


def _values(team: str) -> Iterator[Select[Any]]:
    """Each gives the id of a run, and columns that hold values."""
    columns = (task_runs.c.outputs, task_runs.c.inputs, task_runs.c.wake)
    yield _referring(select(task_runs.c.run, *columns).where(task_runs.c.team == team), *columns)
    yield _referring(select(runs.c.id, runs.c.params).where(runs.c.team == team), runs.c.params)
    yield _referring(select(effects.c.run, effects.c.answer).where(effects.c.team == team), effects.c.answer)
    pushed = select(attempts.c.run, pushes.c.value).join(pushes, pushes.c.attempt == attempts.c.id)
    yield _referring(pushed.where(attempts.c.team == team), pushes.c.value)
    defined = and_(definitions.c.team == runs.c.team, definitions.c.digest == runs.c.definition)
    of_runs = select(runs.c.id, definitions.c.text).join(definitions, defined).where(runs.c.team == team)
    yield _referring(of_runs, definitions.c.text)


def _referring(query: Select[Any], *columns: ColumnElement[Any]) -> Select[Any]:
    # A waiting task names what it waits for without the mark of a reference.
    return query.where(or_(*(column.like("%artifacts%" if column.key == "wake" else _REFERS) for column in columns)))


_AWAITED = re.compile(r'"artifacts":\s*\[([^\]]*)\]')
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


def _references(value: str) -> frozenset[str]:
    found = set(_REFERENCE.findall(value))
    for awaited in _AWAITED.findall(value):
        found.update(_TEXT.findall(awaited))
    return frozenset(found)


def _rows(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    """A row at a time, of one moment if the transaction sees one."""
    return iter(connection.execution_options(yield_per=_ROWS).execute(query))


def open_attempts(connection: Connection) -> frozenset[str]:
    """Ids of the attempts that have not ended, of all teams."""
    return frozenset(connection.execute(select(attempts.c.id).where(text(OPEN))).scalars())


def first_open(connection: Connection) -> tuple[str, str] | None:
    """The run whose attempt has been out longest, and since when: what it stores is in no row before it ends."""
    query = select(attempts.c.run, attempts.c.started_at).where(text(OPEN)).order_by(attempts.c.started_at).limit(1)
    row = connection.execute(query).first()
    return None if row is None else (row.run, row.started_at)
