"""Models and versions as lists, and who had an alias when: rows, put together for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tidemill.actions.artifacts import is_there
from tidemill.actions.models.naming import known_model
from tidemill.app import App
from tidemill.core.errors import InputError
from tidemill.core.models import CHAMPION, AliasMove, ModelVersion
from tidemill.core.moments import parse_span
from tidemill.core.records import Artifact
from tidemill.lifecycle.registry import decide
from tidemill.lifecycle.registry.entering import reasons_in
from tidemill.storage.metadata import artifacts, decisions, models


@dataclass(frozen=True, slots=True)
class Known:
    """A model: its newest version, how many there are, and the version that each alias has."""

    newest: ModelVersion
    versions: int
    aliases: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class VersionLine:
    """`is_there`: whether its content seems to be in the store; None if the store does not say."""

    version: ModelVersion
    aliases: tuple[str, ...]
    artifact: Artifact | None
    is_there: bool | None


@dataclass(frozen=True, slots=True)
class At:
    """Who had an alias at a moment: the move in force (None: nobody had it yet) and the version, None if it had none.

    `until` is the move that ended it, None if it is in force still. `reasons` are the sentences of the decision
    by which it was made.
    """

    alias: str
    moment: datetime
    move: AliasMove | None
    version: ModelVersion | None
    until: AliasMove | None
    reasons: tuple[str, ...] = ()


def list_models(app: App) -> list[Known]:
    """Every model, by name."""
    team = app.settings.team
    with app.database.read() as connection:
        found: dict[str, list[ModelVersion]] = {}
        for version in models.versions(connection, team):
            found.setdefault(version.name, []).append(version)
        aliases: dict[str, dict[str, int]] = {}
        for move in models.aliases(connection, team):
            aliases.setdefault(move.model, {})[move.alias] = move.version
    return [Known(some[-1], len(some), aliases.get(name, {})) for name, some in found.items()]


def list_versions(app: App, name: str) -> list[VersionLine]:
    """The versions of a model, the newest first. Raises NotFound, InputError."""
    known_model(app, name)
    team = app.settings.team
    with app.database.read() as connection:
        found = models.versions(connection, team, name)
        aliases = models.aliases(connection, team, name)
        records = artifacts.get_many(connection, team, [version.artifact for version in found])
    lines = []
    for version in reversed(found):
        artifact = records.get(version.artifact)
        own = tuple(move.alias for move in aliases if move.version == version.version)
        lines.append(VersionLine(version, own, artifact, is_there(app, artifact) if artifact is not None else False))
    return lines


def history_of(app: App, name: str, alias: str = "") -> list[AliasMove]:
    """The moves of an alias of a model, or of all its aliases, as they happened. Raises NotFound, InputError."""
    known_model(app, name)
    with app.database.read() as connection:
        found = models.moves(connection, app.settings.team, name, decide.check_alias(alias) if alias else None)
    return sorted(found, key=lambda move: (move.moved_at, move.alias, move.seq))


def who_had(app: App, name: str, text: str, alias: str = CHAMPION) -> At:
    """Which version had an alias at a moment, as people write it; a whole day is none. Raises InputError."""
    known_model(app, name)
    decide.check_alias(alias)
    now = app.clock.now()
    try:
        span = parse_span(text, now)
    except ValueError:
        remedy = f"write such as '{now.astimezone():%Y-%m-%d %H:%M}', '{now:%Y-%m-%dT%H:%MZ}' or '2 days ago'"
        raise InputError(f"{text!r} is no moment", place="--at", remedy=remedy) from None
    moment = span.start
    if span.end > span.start:
        raise InputError(
            f"{text!r} is a whole day, and the alias may have moved in it",
            place="--at",
            remedy=f'say the time too: --at "{span.start:%Y-%m-%d} 14:00"',
        )
    if moment > now:
        raise InputError(f"{moment.astimezone():%Y-%m-%d %H:%M %Z} is not yet", place="--at", remedy="ask for the past")
    team = app.settings.team
    with app.database.read() as connection:
        moves = models.moves(connection, team, name, alias)
        move = decide.at(moves, moment)
        version = models.get(connection, team, name, move.version) if move is not None and move.version else None
        decision = decisions.get(connection, team, move.decision) if move is not None and move.decision else None
    after = moves[move.seq] if move is not None and move.seq < len(moves) else None
    reasons = reasons_in(decision) if decision is not None else ()
    return At(alias, moment, move, version, after if move is not None else next(iter(moves), None), reasons)
