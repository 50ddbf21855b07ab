"""The rules of the registry, pure: which names are good, where an alias may go, and who had it when.

An alias is what the fold of its moves says; nothing else is known of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidemill.core.errors import InputError, NotFound, StateError, did_you_mean
from tidemill.core.models import CHAMPION, AliasMove, ModelVersion, MoveKind

LONGEST_NAME = 100
LONGEST_TEXT = 4000
LATEST = "latest"
"""Stands for the newest version wherever a version is named."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*\Z")
_NUMBER = re.compile(r"v?[0-9]+\Z", re.IGNORECASE)


class AliasTaken(StateError):
    """Somebody else has moved the alias since it was looked at."""

    code = "alias-moved"


class NotPassed(StateError):
    """A version that no gate has passed was to become champion."""

    code = "gate-not-passed"


@dataclass(frozen=True, slots=True)
class Judged:
    """What a stored decision says, as far as it matters here. `champion` is "" if there was none to compare with.

    `grounded`: the rule and the evidence are recorded with it, so that it can be judged again.
    """

    id: str
    kind: str
    verdict: str
    model: str
    candidate: str
    champion: str
    reasons: tuple[str, ...] = ()
    grounded: bool = True


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants an alias to go to a version. `expected`: the one it must have now; None is whichever it has.

    `override` is why no passed gate is needed.
    """

    alias: str
    kind: MoveKind
    actor: str
    at: datetime
    run: str = ""
    reason: str = ""
    expected: int | None = None
    override: str = ""


# --- names ------------------------------------------------------------------------------------------------------------


def check_name(name: str) -> str:
    """The name of a model, if it is one. Raises InputError."""
    if not _NAME.match(name) or len(name) > LONGEST_NAME:
        raise InputError(
            f"{name!r:.120} is no name for a model",
            remedy=f"use letters, digits, `_`, `.` and `-`, a letter or digit first, at most {LONGEST_NAME} characters",
        )
    return name


def check_alias(alias: str) -> str:
    """The alias, if it is one: numbers and `latest` stand for versions. Raises InputError."""
    if not _ALIAS.match(alias) or len(alias) > LONGEST_NAME:
        raise InputError(
            f"{alias!r:.120} is no alias", remedy="use letters, digits, `_`, `.` and `-`, a letter first: champion"
        )
    if _NUMBER.match(alias) or alias.lower() == LATEST:
        raise InputError(
            f"{alias!r} names a version, and so is no alias", remedy=f"take another word, such as {CHAMPION}"
        )
    return alias


def check_text(text: str, what: str) -> str:
    """A text for people of at most 4000 characters. Raises InputError."""
    if len(text) > LONGEST_TEXT:
        raise InputError(f"{what} must be a text of at most {LONGEST_TEXT} characters")
    return text.strip()


# --- the fold ---------------------------------------------------------------------------------------------------------


def at(moves: Sequence[AliasMove], moment: datetime) -> AliasMove | None:
    """The move that was in force at a moment, of the moves of one alias in their order; None before the first."""
    return next((move for move in reversed(moves) if move.moved_at <= moment), None)


def line(moves: Iterable[AliasMove]) -> list[int]:
    """The versions that a rollback can reach, the one that has the alias last; empty if nothing has had it.

    A promotion goes to the end; a rollback takes away what comes after the version that it goes back to. 0 at the end:
    the alias was taken away.
    """
    found: list[int] = []
    for move in moves:
        if found and found[-1] == 0:
            found.pop()
        match move.kind:
            case MoveKind.ROLLBACK if move.version in found:
                while found[-1] != move.version:
                    found.pop()
            case _ if not found or found[-1] != move.version:
                found.append(move.version)
    return found


def withdrawn(moves: Iterable[AliasMove]) -> dict[int, AliasMove]:
    """Versions that lost an alias by rollback or because it was taken away, and not had it since, with that move."""
    found: dict[int, AliasMove] = {}
    for move in moves:
        found.pop(move.version, None)
        if move.kind in (MoveKind.ROLLBACK, MoveKind.REMOVE) and move.before:
            found[move.before] = move
    return found


# --- moving -----------------------------------------------------------------------------------------------------------


def go(
    moves: Sequence[AliasMove],
    version: ModelVersion,
    wish: Wish,
    judged: Judged | None,
    champion: str,
    *,
    is_new: bool = False,
) -> AliasMove | None:
    """The move that gives the alias to a version; None if it has it already.

    `moves` are those of the alias, `judged` is the decision about the version if there is one, `champion` the digest
    of what has the alias now, or "". `is_new`: the version is not kept unless it gets the alias. Raises AliasTaken,
    NotPassed.
    """
    last = moves[-1] if moves else None
    if last is not None and last.version == version.version:
        return None
    _expect(version.name, wish, last)
    if wish.alias == CHAMPION and not wish.override:
        _demand(version, moves, judged, champion, _override(version, wish, is_new))
    return _move(version.name, wish, last, version.version, judged.id if judged is not None else "")


def go_back(moves: Sequence[AliasMove], model: str, wish: Wish, to: int | None = None) -> AliasMove:
    """The move back to the version before, or to one of those before it. Raises StateError, AliasTaken."""
    last = moves[-1] if moves else None
    _expect(model, wish, last)
    if last is None:
        raise StateError(f"no version of {model} has ever been {wish.alias}", remedy=f"`tidemill model ls {model}`")
    reachable = line(moves)
    current, before = reachable[-1], reachable[:-1]
    if not before:
        raise StateError(
            f"version {current} is the first {wish.alias} of {model}: there is none before it",
            remedy=f"`tidemill model promote {model}@VERSION` puts another in its place",
        )
    target = before[-1] if to is None else to
    if target == current:
        raise StateError(f"version {target} of {model} is {wish.alias} now", remedy="there is nothing to do")
    if target not in before:
        known = ", ".join(map(str, dict.fromkeys(reversed(before))))
        raise StateError(
            f"version {target} of {model} is none of those that were {wish.alias} before: {known}",
            remedy=f"`tidemill model promote {model}@{target}` makes it that",
        )
    return _move(model, wish, last, target, "")


def take_away(moves: Sequence[AliasMove], model: str, wish: Wish) -> AliasMove | None:
    """The move after which nothing has the alias; None if nothing has it. Raises AliasTaken."""
    last = moves[-1] if moves else None
    if last is None or not last.version:
        return None
    _expect(model, wish, last)
    return _move(model, wish, last, 0, "")


def told(move: AliasMove) -> str:
    """Who moved an alias, and when: `version 4 since 2026-03-03 14:00:00 UTC, by ann`."""
    has = f"version {move.version}" if move.version else "taken away"
    return f"{has} since {move.moved_at:%Y-%m-%d %H:%M:%S} UTC, by {move.actor or 'nobody known'}"


def _move(model: str, wish: Wish, last: AliasMove | None, version: int, decision: str) -> AliasMove:
    return AliasMove(
        model=model,
        alias=wish.alias,
        seq=last.seq + 1 if last is not None else 1,
        version=version,
        before=last.version if last is not None else 0,
        kind=wish.kind,
        # Clocks of machines differ; the moves of an alias never go back in time.
        moved_at=max(wish.at, last.moved_at) if last is not None else wish.at,
        actor=wish.actor,
        run=wish.run,
        reason=wish.override or wish.reason,
        decision=decision,
        overrode=bool(wish.override),
    )


def _expect(model: str, wish: Wish, last: AliasMove | None) -> None:
    now = last.version if last is not None else 0
    if wish.expected is None or wish.expected == now:
        return
    wanted = f"version {wish.expected}" if wish.expected else "no version"
    has = told(last) if last is not None else "not set"
    raise AliasTaken(
        f"{wish.alias} of {model} was expected to be {wanted}, but it is {has}",
        remedy=f"look at `tidemill model history {model}`, and ask again if it is still wanted",
    )


def _override(version: ModelVersion, wish: Wish, is_new: bool) -> str:
    """What whoever knows better can do; of a version that will not be kept nothing can be said afterwards."""
    if not is_new:
        return f"`tidemill model promote {version.name}@{version.version} --override REASON` does it all the same"
    how = '`register(..., override="REASON")`' if wish.run else "`--override REASON`"
    return f"nothing was registered: {how} does it all the same, and without the alias it is kept"


def _demand(
    version: ModelVersion, moves: Sequence[AliasMove], judged: Judged | None, champion: str, override: str
) -> None:
    """Raise NotPassed unless a gate has passed this very version, compared with what is champion now."""
    name = f"version {version.version} of {version.name}"
    out = withdrawn(moves).get(version.version)
    if out is not None:
        how = "was rolled back" if out.kind is MoveKind.ROLLBACK else f"had {CHAMPION} taken away"
        raise NotPassed(
            f"{name} {how} on {out.moved_at:%Y-%m-%d %H:%M} UTC by {out.actor}: {out.reason or 'no reason given'}",
            remedy=override,
        )
    if judged is None:
        raise NotPassed(
            f"{name} has passed no gate, and only what has becomes {CHAMPION}",
            remedy=f"run a pipeline that judges it with `tidemill.tasks.gate`; {override}",
        )
    decision = f"decision {judged.id}"
    if judged.kind != "gate" or judged.model != version.name or judged.candidate != version.digest:
        about = f"a {judged.kind}" if judged.kind != "gate" else f"another model of {judged.model}"
        raise NotPassed(f"{decision} is about {about}, not about {name}", remedy=override)
    if judged.verdict != "PASS":
        why = f": {judged.reasons[0]}" if judged.reasons else ""
        raise NotPassed(
            f"{decision} says {judged.verdict} of {name}{why}",
            remedy=f"`tidemill decision show {judged.id}` has the numbers; {override}",
        )
    if not judged.grounded:
        raise NotPassed(
            f"{decision} says PASS of {name}, and neither rule nor evidence are recorded with it",
            remedy=f"judge it with `tidemill.tasks.gate`; {override}",
        )
    if judged.champion != champion:
        compared = "another champion" if judged.champion else "none, as there was no champion"
        now = told(moves[-1]) if moves else "not set"
        raise NotPassed(
            f"{decision} compared {name} with {compared}, but {CHAMPION} is now {now}",
            remedy=f"judge it anew; {override}",
        )


# --- finding versions -------------------------------------------------------------------------------------------------


def number_in(text: str) -> int | None:
    """The number of `3` or `v3`; None for other words."""
    return int(text.lstrip("vV")) if _NUMBER.match(text) and len(text) < LONGEST_NAME else None


def split_name(text: str) -> tuple[str, str]:
    """`churn@3` as (`churn`, `3`), without a version as (`churn`, ``). Raises InputError."""
    name, mark, version = text.partition("@")
    check_name(name)
    if mark and not version:
        raise InputError(f"{text!r} names no version", remedy=f"write {name}@3, {name}@{CHAMPION} or {name}@{LATEST}")
    return name, version


def no_such_version(name: str, text: str, aliases: Iterable[str], newest: int) -> NotFound:
    """What to say of a version or an alias that is not there."""
    if number_in(text) is not None:
        has = f"versions 1 to {newest}" if newest > 1 else "version 1 alone"
        return NotFound(f"{name} has no version {text}", remedy=f"it has {has}: `tidemill model ls {name}`")
    return NotFound(
        f"no version of {name} is {text!r}",
        remedy=did_you_mean(text, [*aliases, LATEST]) or f"`tidemill model ls {name}` lists versions and aliases",
    )


def no_such_model(name: str, known: Sequence[str]) -> NotFound:
    """What to say of a model that is not there."""
    if not known:
        return NotFound(
            f"there is no model {name!r}: nothing is registered yet",
            remedy="`tidemill.tasks.register(model, NAME)` in a pipeline registers one",
        )
    return NotFound(f"there is no model {name!r}", remedy=did_you_mean(name, known) or "`tidemill model ls` lists them")
