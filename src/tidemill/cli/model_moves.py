"""Models, versions and the moves of aliases, as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from tidemill.actions.models import documents
from tidemill.actions.models.looking import At, Known, VersionLine
from tidemill.actions.models.moving import Moved
from tidemill.cli import looks
from tidemill.cli.output import Out, Part
from tidemill.core.models import AliasMove, MoveKind


def show_moves(out: Out, moves: Sequence[AliasMove]) -> None:
    """A row for each, in their order."""
    zone = f"WHEN ({moves[-1].moved_at.astimezone():%Z})" if moves else "WHEN"
    out.table(
        (zone, "ALIAS", ">FROM", ">TO", "HOW", "BY", "WHY"),
        (
            (
                looks.day_and_time(move.moved_at),
                (move.alias, "bold"),
                str(move.before or "-"),
                (str(move.version or "-"), "bold"),
                _how(move),
                move.actor,
                _why(move),
            )
            for move in moves
        ),
        give=1,
    )


def _how(move: AliasMove) -> Part:
    return (move.kind.value, "yellow" if move.kind in (MoveKind.ROLLBACK, MoveKind.REMOVE) else "")


def _why(move: AliasMove) -> str:
    parts = [f"override: {move.reason}" if move.overrode else move.reason]
    parts += [f"decision {move.decision}"] if move.decision else []
    parts += [f"run {move.run}"] if move.run else []
    return ", ".join(part for part in parts if part)


def show_models(out: Out, known: Sequence[Known]) -> None:
    out.table(
        ("NAME", ">VERSIONS", ">NEWEST", "REGISTERED", "BY", "ALIASES"),
        (
            (
                (one.newest.name, "bold"),
                str(one.versions),
                str(one.newest.version),
                looks.day_and_time(one.newest.created_at),
                one.newest.actor,
                ", ".join(f"{alias} {version}" for alias, version in one.aliases.items()),
            )
            for one in known
        ),
    )


def show_versions(out: Out, lines: Sequence[VersionLine]) -> None:
    out.table(
        (">VERSION", "REGISTERED", "BY", "RUN", ">SIZE", "CONTENT", "ALIASES"),
        (
            (
                (str(line.version.version), "bold"),
                looks.day_and_time(line.version.created_at),
                line.version.actor,
                line.version.run,
                looks.size(line.artifact.size) if line.artifact is not None else "",
                ("gone", "red") if line.is_there is False else line.version.digest.rpartition(":")[2][:12],
                ", ".join(line.aliases),
            )
            for line in lines
        ),
    )


def tell_move(out: Out, moved: Moved) -> None:
    if out.wants_json:
        out.document(documents.moved_document(moved))
        return
    move, last = moved.move, moved.last
    name = f"{moved.name}@{last.version}" if last is not None and last.version else moved.name
    if move is None:
        if last is None or not last.version:
            out.say(f"No version of {moved.name} is {moved.alias}: nothing was done.")
        else:
            since = f"since {looks.moment(last.moved_at)}, by {last.actor}"
            out.say((name, "bold"), f" is {moved.alias} already, {since}: nothing was done.")
        return
    if not move.version:
        out.say((moved.name, "bold"), f" has no {moved.alias} any more; it was version {move.before}.")
        return
    before = f" instead of version {move.before}" if move.before else ", the first one"
    out.say((name, "bold"), f" is {moved.alias} now{before}.")
    if move.overrode:
        out.say(("note: ", "yellow"), f"no gate has passed it; recorded as the reason: {move.reason}")
    elif move.decision and move.kind is not MoveKind.ROLLBACK:
        out.say((f"By decision {move.decision}; `tidemill decision show {move.decision}` has the numbers.", "dim"))


def show_at(out: Out, name: str, found: At) -> None:
    moment = looks.moment(found.moment)
    if found.move is None:
        first = found.until
        later = f"; the first was version {first.version}, on {looks.moment(first.moved_at)}" if first else ""
        out.say(f"No version of {name} had been {found.alias} by {moment}{later}.")
        return
    move, until = found.move, found.until
    if found.version is None:
        out.say(f"No version of {name} was {found.alias} on {moment}: it had been taken away.")
    else:
        out.say((f"{name}@{found.version.version}", "bold"), f" was {found.alias} on {moment}.")
    ended = f"until {looks.moment(until.moved_at)}, when version {until.version} came" if until else "and still is"
    if until is not None and not until.version:
        ended = f"until {looks.moment(until.moved_at)}, when it was taken away"
    rows = [
        ("since", f"{looks.moment(move.moved_at)}, {ended}"),
        ("by", f"{move.actor}, {move.kind.value}" + (f" in run {move.run}" if move.run else "")),
        ("why", _said(found)),
        ("before", f"version {move.before}" if move.before else "none"),
        ("decision", move.decision),
        ("content", found.version.digest if found.version is not None else ""),
    ]
    for label, text in rows:
        if text:
            out.say((f"  {label:10}", "dim"), text)
    if found.version is not None:
        out.say((f"`tidemill model show {name}@{found.version.version}` shows how it was made.", "dim"))


def _said(found: At) -> str:
    """What somebody said, else what the gate said."""
    move = found.move
    if move is None:
        return ""
    if move.reason:
        return f"override: {move.reason}" if move.overrode else move.reason
    return f"a gate passed it: {found.reasons[0]}" if found.reasons else "no reason was given"
