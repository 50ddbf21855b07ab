"""Giving an alias to a version, back to the one before, or to none; the content is verified before that.

What the alias is expected to be is what it was when the question was asked, so that nobody is overruled unseen.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidemill.actions.runs import actor
from tidemill.app import App
from tidemill.core.errors import InputError, StateError
from tidemill.core.models import CHAMPION, AliasMove, ModelVersion, MoveKind
from tidemill.lifecycle.registry import decide
from tidemill.lifecycle.registry.decide import Wish
from tidemill.lifecycle.registry.entering import find_version, give, give_back, take_away
from tidemill.storage.metadata import artifacts, models


@dataclass(frozen=True, slots=True)
class Moved:
    """`move` is None if nothing was to be done; `last` is the move in force, None if the alias was never set."""

    name: str
    alias: str
    move: AliasMove | None
    last: AliasMove | None


def promote(
    app: App,
    text: str,
    alias: str = CHAMPION,
    *,
    reason: str = "",
    decision: str = "",
    override: str = "",
    expected: int | None = None,
) -> Moved:
    """Give an alias to NAME@VERSION. Raises NotFound, InputError, NotPassed, AliasTaken, StateError for damage."""
    name, wanted = decide.split_name(text)
    if not wanted:
        raise InputError(f"which version of {name} is meant?", remedy=f"write {name}@3, or {name}@{decide.LATEST}")
    decide.check_alias(alias)
    version, last = _looked_up(app, name, wanted, alias)
    if last is not None and last.version == version.version:
        return Moved(name, alias, None, last)
    now = last.version if last is not None else 0
    wish = _wish(app, alias, MoveKind.PROMOTE, reason, now if expected is None else expected, override)
    _verify(app, version)
    with app.database.write() as connection:
        move = give(connection, app.settings.team, version, wish, decision)
    return Moved(name, alias, move, move or last)


def rollback(
    app: App, name: str, *, reason: str, to: str = "", alias: str = CHAMPION, expected: int | None = None
) -> Moved:
    """Give an alias back to the version that had it before, or to an earlier one. Raises as `promote` does."""
    decide.check_alias(alias)
    current, last = _looked_up(app, name, "", alias)
    wish = _wish(
        app, alias, MoveKind.ROLLBACK, reason, expected if expected is not None or last is None else last.version
    )
    if not wish.reason:
        raise InputError("a rollback needs a reason", remedy="say why with --reason: whoever looks later will want it")
    team = app.settings.team
    with app.database.read() as connection:
        wanted = find_version(connection, team, name, to).version if to else None
        planned = decide.go_back(models.moves(connection, team, name, alias), name, wish, wanted)
        target = models.get(connection, team, name, planned.version) or current
    _verify(app, target)
    with app.database.write() as connection:
        move = give_back(connection, team, name, wish, planned.version)
    return Moved(name, alias, move, move)


def remove_alias(app: App, name: str, alias: str, *, reason: str = "", expected: int | None = None) -> Moved:
    """Take an alias away from whatever has it. Raises NotFound, InputError, AliasTaken."""
    decide.check_alias(alias)
    _, last = _looked_up(app, name, "", alias)
    wish = _wish(
        app, alias, MoveKind.REMOVE, reason, expected if expected is not None or last is None else last.version
    )
    with app.database.write() as connection:
        move = take_away(connection, app.settings.team, name, wish)
    return Moved(name, alias, move, move or last)


def _looked_up(app: App, name: str, wanted: str, alias: str) -> tuple[ModelVersion, AliasMove | None]:
    """The version, and the move of the alias that is in force, both seen at one moment."""
    team = app.settings.team
    with app.database.read() as connection:
        version = find_version(connection, team, name, wanted)
        moves = models.moves(connection, team, name, alias)
    return version, moves[-1] if moves else None


def _wish(app: App, alias: str, kind: MoveKind, reason: str, expected: int | None, override: str = "") -> Wish:
    return Wish(
        alias=alias,
        kind=kind,
        actor=actor(),
        at=app.clock.now(),
        reason=decide.check_text(reason, "the reason"),
        expected=expected,
        override=decide.check_text(override, "the reason to override"),
    )


def _verify(app: App, version: ModelVersion) -> None:
    """Raise StateError unless the content of a version is there and is what was registered."""
    with app.database.read() as connection:
        artifact = artifacts.get_many(connection, app.settings.team, [version.artifact]).get(version.artifact)
    label = f"{version.name}@{version.version}"
    if artifact is None:
        raise StateError(f"the artifact of {label} is not recorded any more", remedy="train and register it again")
    wrong = app.verify(artifact) if artifact.digest == version.digest else "its record names other content"
    if wrong:
        raise StateError(
            f"{label} cannot be used: {wrong}",
            remedy=f"`tidemill gc --verify` says what heals it; `tidemill model ls {version.name}` lists others",
        )
