"""Versions of models and the moves of their aliases: rows that are added and never changed. No rule is known here.

Whoever adds says where, by number: a number that is taken adds nothing, and whoever asked looks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from tidemill.core.models import AliasMove, ModelVersion, MoveKind
from tidemill.storage.metadata.encoding import (
    mapping_in,
    mapping_out,
    name_out,
    required_moment_in,
    required_moment_out,
    state_in,
)
from tidemill.storage.metadata.statements import chunks, inserting_new
from tidemill.storage.metadata.tables import alias_moves, model_versions

_add = inserting_new(model_versions)
_move = inserting_new(alias_moves)
_versions = select(*(model_versions.c[name] for name in ModelVersion.__dataclass_fields__))
_moves = select(*(alias_moves.c[name] for name in AliasMove.__dataclass_fields__))


def add(connection: Connection, team: str, version: ModelVersion) -> bool:
    """Keep a version; False, and nothing is kept, if its number or its content is there already under that name."""
    row = (
        team,
        name_out(version.name, "the name"),
        version.version,
        version.digest,
        version.artifact,
        version.run,
        version.path,
        required_moment_out(version.created_at),
        name_out(version.actor, "the actor"),
        version.decision,
        name_out(version.description, "the description"),
        mapping_out(version.card),
    )
    return _add.run(connection, [row]) == 1


def get(connection: Connection, team: str, name: str, version: int) -> ModelVersion | None:
    here = and_(model_versions.c.name == name, model_versions.c.version == version)
    return _first(connection, _versions.where(model_versions.c.team == team, here))


def newest(connection: Connection, team: str, name: str) -> ModelVersion | None:
    """The version with the highest number."""
    query = _versions.where(model_versions.c.team == team, model_versions.c.name == name)
    return _first(connection, query.order_by(model_versions.c.version.desc()).limit(1))


def by_digest(connection: Connection, team: str, name: str, digest: str) -> ModelVersion | None:
    """The version that has this content."""
    here = and_(model_versions.c.name == name, model_versions.c.digest == digest)
    return _first(connection, _versions.where(model_versions.c.team == team, here))


def versions(connection: Connection, team: str, name: str | None = None) -> list[ModelVersion]:
    """The versions of a model, or of all, by name and in their order."""
    query = _versions.where(model_versions.c.team == team)
    if name is not None:
        query = query.where(model_versions.c.name == name)
    rows = connection.execute(query.order_by(model_versions.c.name, model_versions.c.version))
    return [_version(row) for row in rows]


def names(connection: Connection, team: str) -> list[str]:
    """The names of all models."""
    query = select(model_versions.c.name).where(model_versions.c.team == team).distinct()
    return list(connection.execute(query.order_by(model_versions.c.name)).scalars())


def of_artifacts(connection: Connection, team: str, ids: Sequence[str]) -> list[ModelVersion]:
    """The versions that these artifacts hold."""
    return [
        _version(row)
        for some in chunks(ids)
        for row in connection.execute(
            _versions.where(model_versions.c.team == team, model_versions.c.artifact.in_(some))
        )
    ]


# --- aliases ----------------------------------------------------------------------------------------------------------


def add_move(connection: Connection, team: str, move: AliasMove) -> bool:
    """Append a move; False, and nothing is kept, if somebody else has made a move of that number."""
    row = (
        team,
        name_out(move.model, "the name"),
        name_out(move.alias, "the alias"),
        move.seq,
        move.version,
        move.before,
        move.kind.value,
        required_moment_out(move.moved_at),
        name_out(move.actor, "the actor"),
        move.run,
        name_out(move.reason, "the reason"),
        move.decision,
        move.overrode,
    )
    return _move.run(connection, [row]) == 1


def moves(connection: Connection, team: str, model: str | None = None, alias: str | None = None) -> list[AliasMove]:
    """The moves of an alias of a model, or of all, by model and alias and in their order."""
    query = _moves.where(alias_moves.c.team == team)
    if model is not None:
        query = query.where(alias_moves.c.model == model)
    if alias is not None:
        query = query.where(alias_moves.c.alias == alias)
    rows = connection.execute(query.order_by(alias_moves.c.model, alias_moves.c.alias, alias_moves.c.seq))
    return [_alias_move(row) for row in rows]


def aliases(connection: Connection, team: str, model: str | None = None) -> list[AliasMove]:
    """Where each alias is now, by its last move; those that were taken away are left out."""
    of = [alias_moves.c.team == team] + ([alias_moves.c.model == model] if model is not None else [])
    key = (alias_moves.c.model, alias_moves.c.alias)
    last = select(*key, func.max(alias_moves.c.seq).label("last")).where(*of).group_by(*key).subquery()
    same = and_(
        alias_moves.c.model == last.c.model, alias_moves.c.alias == last.c.alias, alias_moves.c.seq == last.c.last
    )
    query = _moves.join(last, same).where(*of, alias_moves.c.version > 0).order_by(*key)
    return [_alias_move(row) for row in connection.execute(query)]


def moved_since(connection: Connection, team: str, moment: datetime) -> list[AliasMove]:
    """The moves of all aliases from a moment on, as they happened."""
    query = _moves.where(alias_moves.c.team == team, alias_moves.c.moved_at >= required_moment_out(moment))
    order = (alias_moves.c.moved_at, alias_moves.c.model, alias_moves.c.alias, alias_moves.c.seq)
    return [_alias_move(row) for row in connection.execute(query.order_by(*order))]


def _first(connection: Connection, query: Select[Any]) -> ModelVersion | None:
    row = connection.execute(query).first()
    return None if row is None else _version(row)


def _version(row: Any) -> ModelVersion:
    fields = {name: getattr(row, name) for name in ModelVersion.__dataclass_fields__}
    moment = required_moment_in(row.created_at)
    return ModelVersion(**{**fields, "created_at": moment, "card": mapping_in(row.card)})


def _alias_move(row: Any) -> AliasMove:
    fields = {name: getattr(row, name) for name in AliasMove.__dataclass_fields__}
    moment, kind = required_moment_in(row.moved_at), state_in(MoveKind, row.kind)
    return AliasMove(**{**fields, "moved_at": moment, "kind": kind, "overrode": bool(row.overrode)})
