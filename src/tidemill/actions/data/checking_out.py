"""Putting a version back where it was, whole or not at all, and never over what nobody has kept."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidemill.actions.collecting.facts import Told, tell_nobody
from tidemill.actions.data import notes
from tidemill.actions.data.ignoring import ignored_in
from tidemill.actions.data.reading import Held, look
from tidemill.actions.data.versions import (
    Difference,
    artifact_of,
    difference,
    entries_of,
    find_snapshot,
    path_of,
    short,
)
from tidemill.app import App, content_of
from tidemill.core.errors import InputError, NotFound, StateError
from tidemill.storage.artifacts.errors import NotStorable
from tidemill.storage.artifacts.files import copy_file, random_name, remove
from tidemill.storage.metadata import snapshots
from tidemill.storage.metadata.snapshots import Snapshot

_NAMED = 5


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """`was`: how what was there before differed from the version; nothing differed if it was there already.

    `notes`: what its owner should know.
    """

    snapshot: Snapshot
    path: Path
    was: Difference
    had_nothing: bool
    notes: tuple[str, ...] = ()


def check_out(app: App, which: str, to: str = "", force: bool = False, told: Told = tell_nobody) -> CheckedOut:
    """Put a version at its path, or at `to`. `which` is a path with a note beside it, or NAME[@VERSION].

    Ignored files of a folder stay. Raises StateError for local changes unless `force`d, NotFound, InputError,
    ArtifactMissing, ArtifactDamaged.
    """
    snapshot, target = _meant(app, which, to)
    artifact = artifact_of(app, snapshot)
    content, entries = content_of(artifact), entries_of(app, snapshot)
    if not os.path.lexists(target):
        app.artifacts.materialize(content, target)
        _mark(target, bool(artifact.metadata.get("executable")))
        return CheckedOut(snapshot, target, Difference(), had_nothing=True, notes=_about_note(snapshot, target))
    if target.is_symlink():
        raise StateError(f"{target} is a link", remedy="check out to another place with --to")
    if to and not force and (target.is_dir() != (content.kind == "tree")):
        raise _exists(target, snapshot.name)
    try:
        here = look(app, target, told)
    except (InputError, NotStorable):
        if to and not force:
            raise _exists(target, snapshot.name) from None
        raise
    if here.content == content and here.entries == entries:
        return CheckedOut(snapshot, target, Difference(), had_nothing=False, notes=_about_note(snapshot, target))
    if not force:
        _refuse_changes(app, snapshot, target, here)
    fresh = target.with_name(f".{target.name[:100]}.{random_name()}.new")
    try:
        app.artifacts.materialize(content, fresh)
        _mark(fresh, bool(artifact.metadata.get("executable")))
        if target.is_dir() and fresh.is_dir():
            _take_ignored_along(target, fresh, force)
        if not force and look(app, target, told).content != here.content:
            raise StateError(f"{target} was changed meanwhile", remedy="try again when nobody writes to it")
        _swap(fresh, target)
    except OSError as problem:
        raise InputError(f"{target} cannot be replaced: {problem.strerror or problem}") from None
    finally:
        remove(fresh)
    was = difference(here.entries, entries)
    return CheckedOut(snapshot, target, was, had_nothing=False, notes=_about_note(snapshot, target))


def _meant(app: App, which: str, to: str) -> tuple[Snapshot, Path]:
    path = Path(os.path.abspath(which.removesuffix(notes.SUFFIX)))
    note = notes.read(path)
    snapshot = find_snapshot(app, which) if note is None else _noted(app, path, note)
    if to:
        return snapshot, Path(os.path.abspath(to))
    return snapshot, path if note is not None else path_of(snapshot)


def _noted(app: App, path: Path, note: notes.Note) -> Snapshot:
    """The version that a note names. Raises NotFound, with what to type, if there is none."""
    with app.database.read() as connection:
        known = snapshots.listing(connection, app.settings.team, note.name)
    for one in known:
        if one.version == note.version:
            return one
    shown = os.path.relpath(path)
    newest = f"`tidemill data checkout {note.name}@{short(known[0].version)}` puts the newest there; " if known else ""
    raise NotFound(
        f"{os.path.relpath(notes.note_of(path))} names {note.name}@{short(note.version)}, which is not kept here: "
        "it was released, or taken in another home",
        remedy=f"{newest}`tidemill data snapshot {shown}` keeps what is there now, and has the note name that",
    )


def _exists(target: Path, name: str) -> StateError:
    # --force would replace it, which is no advice for what may be anything.
    inside = f", such as {target / name}" if target.is_dir() else ""
    return StateError(f"{target} exists already", remedy=f"name another place with --to{inside}")


def _about_note(snapshot: Snapshot, target: Path) -> tuple[str, ...]:
    """A line if the note beside the target names another version than the one that is there now."""
    try:
        note = notes.read(target)
    except InputError:
        return ()
    if note is None or (note.name, note.version) == (snapshot.name, snapshot.version):
        return ()
    names = f"{os.path.relpath(notes.note_of(target))} still names {note.name}@{short(note.version)}"
    return (f"{names}; `tidemill data snapshot {os.path.relpath(target)}` has it name this one",)


def _refuse_changes(app: App, snapshot: Snapshot, target: Path, here: Held) -> None:
    """Raise StateError if what is at the target was never kept."""
    with app.database.read() as connection:
        known = snapshots.listing(connection, app.settings.team)
    if any(one.version == here.content.digest for one in known):
        return
    note = notes.read(target)
    of_name = [one for one in known if one.name == (note.name if note else snapshot.name)]
    was = next((one for one in of_name if note is not None and one.version == note.version), snapshot)
    found = difference(entries_of(app, was), here.entries)
    raise StateError(
        f"{os.path.relpath(target)} has changes that were not kept, compared with {was.name}@{short(was.version)}: "
        f"{_told(found)}",
        remedy=f"`tidemill data snapshot {os.path.relpath(target)}` keeps them, --force gives them up",
    )


def _told(found: Difference) -> str:
    parts = [
        f"{word} {_names(paths)}"
        for word, paths in (("added", found.added), ("removed", found.removed), ("changed", found.changed))
        if paths
    ]
    return "; ".join(parts) or "another kind of thing"


def _names(paths: Sequence[str]) -> str:
    if tuple(paths) == ("",):
        return "content"
    named = ", ".join(path or "the file itself" for path in paths[:_NAMED])
    return named + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")


def _take_ignored_along(source: Path, target: Path, force: bool) -> None:
    """Give the new folder the ignored files of the old one. Raises StateError where the version has its own."""
    for name in _ignored(source):
        place = target / name
        if os.path.lexists(place):
            if not force:
                raise StateError(
                    f"{name} is ignored, and would be replaced by the file of the version",
                    remedy="move it away, or add --force",
                )
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        there = source / name
        if there.is_symlink():
            place.symlink_to(os.readlink(there))
            continue
        try:
            os.link(there, place)
        except OSError:
            copy_file(there, place)
            os.chmod(place, there.stat().st_mode & 0o777)


def _ignored(folder: Path) -> Iterator[str]:
    """Paths of the files that the rules of the folder leave out."""
    rules = ignored_in(folder)
    pending = [("", False)]
    while pending:
        prefix, inside = pending.pop()
        for child in os.scandir(folder / prefix):
            name = prefix + child.name
            is_folder = child.is_dir(follow_symlinks=False)
            left_out = inside or rules(name, child.is_dir())
            if is_folder:
                pending.append((f"{name}/", left_out))
            elif left_out:
                yield name


def _mark(path: Path, executable: bool) -> None:
    if executable and path.is_file():
        os.chmod(path, path.stat().st_mode | 0o111)


def _swap(fresh: Path, target: Path) -> None:
    """Put `fresh` at the target; a folder is away for a moment, and comes back if that fails."""
    if target.is_file() and fresh.is_file():
        os.replace(fresh, target)
        return
    aside = target.with_name(f".{target.name[:100]}.{random_name()}.old")
    os.rename(target, aside)
    try:
        os.rename(fresh, target)
    except BaseException:
        os.rename(aside, target)
        raise
    remove(aside)
