"""Taking a snapshot, and finding, listing, comparing and releasing those that were taken."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tidemill.actions.collecting.facts import Told, tell_nobody
from tidemill.actions.data import notes
from tidemill.actions.data.ignoring import FILE, looks_secret
from tidemill.actions.data.notes import Note
from tidemill.actions.data.reading import Held, keep, look
from tidemill.actions.runs import actor
from tidemill.app import App, content_of
from tidemill.core.errors import InputError, NotFound, StateError, did_you_mean
from tidemill.core.records import Artifact
from tidemill.settings import find_project
from tidemill.storage.artifacts.listing import Entry
from tidemill.storage.metadata import artifacts, snapshots
from tidemill.storage.metadata.snapshots import Snapshot

SHOWN = 8
"""So many hexadecimal digits of a version are shown."""

_PREFIX = "blake2b:"


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot as it was taken. `hashed`: files that had to be read; `notes`: what its owner should know."""

    snapshot: Snapshot
    artifact: Artifact
    is_new: bool
    files: int
    hashed: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    snapshot: Snapshot
    artifact: Artifact


@dataclass(frozen=True, slots=True)
class Difference:
    """Paths inside a folder, those of empty folders with "/" at the end; a file that is one itself has the path ""."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        return not (self.added or self.removed or self.changed)


def take_snapshot(app: App, path: Path, name: str = "", message: str = "", told: Told = tell_nobody) -> Taken:
    """Keep what is at the path as a version, and write its note. Raises InputError, NotStorable."""
    path = Path(os.path.abspath(path))
    if path.name.endswith(notes.SUFFIX):
        raise InputError(f"{path.name} is a note of a snapshot", remedy=f"name {path.name.removesuffix(notes.SUFFIX)}")
    held = keep(app, path, told)
    name = _name_for(app, path, name)
    now = app.clock.now()
    executable = held.content.kind == "file" and held.entries[0].executable
    artifact = Artifact(
        id=uuid.uuid4().hex[:16],
        type="Dataset",
        metadata={"name": path.name, **({"executable": True} if executable else {})},
        codec="file" if held.content.kind == "file" else "folder",
        digest=held.content.digest,
        size=held.content.size,
        kind=held.content.kind,
    )
    fresh = Snapshot(name, held.content.digest, artifact.id, _source(path), message, actor(), now, now)
    with app.database.write() as connection:
        snapshot, is_new = snapshots.put(connection, app.settings.team, fresh, artifact)
    # From here on a record names the content. What a collection took before, because nobody did, is put once more.
    if not app.artifacts.exists(held.content):
        again = keep(app, path, told, anew=True)
        if again.content != held.content:
            raise InputError(f"{path} was changed while it was being kept", remedy="take the snapshot again")
    files = sum(entry.digest is not None for entry in held.entries)
    notes.write(
        path,
        Note(
            name,
            snapshot.version,
            held.content.kind,
            held.content.size,
            files,
            snapshot.message,
            snapshot.taken_at.isoformat(),
        ),
    )
    if not is_new:
        artifact = artifact_of(app, snapshot)
    return Taken(snapshot, artifact, is_new, files, held.hashed, tuple(_warnings(held)))


def list_snapshots(app: App, name: str = "") -> list[Listed]:
    """The versions of a name, or of all, the newest first. Raises NotFound for a name that there is not."""
    with app.database.read() as connection:
        found = snapshots.listing(connection, app.settings.team, name or None)
        kept = artifacts.get_many(connection, app.settings.team, [one.artifact for one in found])
    if name and not found:
        raise _no_name(app, name)
    return [Listed(one, kept[one.artifact]) for one in found if one.artifact in kept]


def find_snapshot(app: App, text: str) -> Snapshot:
    """`NAME` for its newest version, or `NAME@VERSION` with the beginning of one. Raises NotFound, InputError."""
    name, at, version = text.partition("@")
    with app.database.read() as connection:
        found = snapshots.listing(connection, app.settings.team, name)
    if not found:
        raise _no_name(app, name)
    if not at:
        return found[0]
    wanted = version if version.startswith(_PREFIX) else _PREFIX + version
    fitting = [one for one in found if one.version.startswith(wanted)]
    if not version or not fitting:
        known = ", ".join(short(one.version) for one in found[:5])
        raise NotFound(f"{name} has no version {version!r}", remedy=f"the newest are: {known}")
    if len(fitting) > 1:
        raise InputError(f"{version!r} is the beginning of several versions of {name}", remedy="write more of it")
    return fitting[0]


def remove_snapshot(app: App, text: str, force: bool = False) -> Snapshot:
    """Release one version: its content goes with a later collection, unless something else needs it.

    Raises InputError if no version is named, StateError if a note beside its path names it, unless `force`d.
    """
    if not text.partition("@")[2]:
        newest = find_snapshot(app, text)
        raise InputError(
            f"which version of {text} shall be released?", remedy=f"such as {text}@{short(newest.version)}"
        )
    found = find_snapshot(app, text)
    if not force and (place := _noted_at(app, found)) is not None:
        raise StateError(
            f"{_shown(notes.note_of(place))} names {found.name}@{short(found.version)}, "
            "which nobody could check out any more",
            remedy=f"`tidemill data snapshot {_shown(place)}` has the note name what is there now; --force releases it",
        )
    with app.database.write() as connection:
        snapshots.remove(connection, app.settings.team, found.name, found.version)
    return found


def _noted_at(app: App, snapshot: Snapshot) -> Path | None:
    """The path whose note names the version, among those of which versions of this name were taken."""
    with app.database.read() as connection:
        known = snapshots.listing(connection, app.settings.team, snapshot.name)
    for place in dict.fromkeys(path_of(one) for one in (snapshot, *known)):
        # A note that cannot be read names nothing.
        with suppress(InputError):
            note = notes.read(place)
            if note is not None and (note.name, note.version) == (snapshot.name, snapshot.version):
                return place
    return None


def compare(app: App, one: str, other: str = "", told: Told = tell_nobody) -> tuple[Difference, str, str]:
    """What is otherwise in the second version than in the first, or now at the path if there is none; and their names.

    Raises NotFound, InputError.
    """
    first = find_snapshot(app, one)
    before = entries_of(app, first)
    label = f"{first.name}@{short(first.version)}"
    if other:
        second = find_snapshot(app, other)
        return difference(before, entries_of(app, second)), label, f"{second.name}@{short(second.version)}"
    path = path_of(first)
    return difference(before, look(app, path, told).entries), label, _shown(path)


def difference(before: Sequence[Entry], after: Sequence[Entry]) -> Difference:
    """What differs between two contents."""
    old, new = _by_path(before), _by_path(after)
    return Difference(
        tuple(sorted(new.keys() - old.keys())),
        tuple(sorted(old.keys() - new.keys())),
        tuple(sorted(path for path in old.keys() & new.keys() if old[path] != new[path])),
    )


def entries_of(app: App, snapshot: Snapshot) -> tuple[Entry, ...]:
    """What a version consists of; a file has one entry with the path ""."""
    artifact = artifact_of(app, snapshot)
    content = content_of(artifact)
    if content.kind == "tree":
        return app.artifacts.listing(content)
    return (Entry("", content.digest, content.size, bool(artifact.metadata.get("executable"))),)


def artifact_of(app: App, snapshot: Snapshot) -> Artifact:
    """The record of a version. Raises NotFound if it has just been released."""
    with app.database.read() as connection:
        found = artifacts.get_many(connection, app.settings.team, [snapshot.artifact])
    if snapshot.artifact not in found:
        raise NotFound(f"{snapshot.name}@{short(snapshot.version)} has been released")
    return found[snapshot.artifact]


def path_of(snapshot: Snapshot) -> Path:
    """Where the content of a snapshot was, seen from here."""
    return find_project(Path.cwd()) / snapshot.source


def short(version: str) -> str:
    """A version as it is shown."""
    return version.removeprefix(_PREFIX)[:SHOWN]


def _name_for(app: App, path: Path, asked: str) -> str:
    """The name that was asked for, that of the note, or that of the path. Raises InputError."""
    if asked:
        if not notes.is_name(asked):
            raise InputError(f"{asked!r} is no name", remedy="use letters, digits, `_`, `.`, `-` and `+`")
        return asked
    note = notes.read(path)
    name = note.name if note is not None else notes.name_from(path)
    with app.database.read() as connection:
        known = snapshots.listing(connection, app.settings.team, name)
    if note is None and known and known[0].source != _source(path):
        raise InputError(
            f"{name} is the name of snapshots of {known[0].source}",
            remedy=f"say --name {name} if these are versions of the same, or give another name",
        )
    return name


def _source(path: Path) -> str:
    project = find_project(Path.cwd())
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else str(path)


def _shown(path: Path) -> str:
    return os.path.relpath(path)


def _warnings(held: Held) -> list[str]:
    found = [entry.path for entry in held.entries if entry.path and looks_secret(entry.path)]
    if not found:
        return []
    names = ", ".join(found[:3]) + (" ..." if len(found) > 3 else "")
    return [f"{names}: likely to be secret, and kept as it is; a line in {FILE} leaves it out"]


def _by_path(entries: Sequence[Entry]) -> Mapping[str, Entry]:
    # A folder of its own is one that is empty.
    return {entry.path + ("" if entry.digest else "/"): replace(entry, path="") for entry in entries}


def _no_name(app: App, name: str) -> NotFound:
    with app.database.read() as connection:
        known = {one.name for one in snapshots.listing(connection, app.settings.team)}
    remedy = did_you_mean(name, known) or "`tidemill data ls` lists them; `tidemill data snapshot PATH` takes one"
    return NotFound(f"there is no snapshot {name!r}", remedy=remedy)
