"""Stored content that no record names, and files that dead processes left; knows no policy but how long to spare."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tidemill.actions.collecting.decide import Policy
from tidemill.actions.collecting.facts import Gathered, Told
from tidemill.app import App
from tidemill.engine.ownership import Owner
from tidemill.storage.artifacts.content import Content
from tidemill.storage.artifacts.errors import ArtifactMissing
from tidemill.storage.artifacts.files import remove
from tidemill.storage.artifacts.local import LocalStore
from tidemill.storage.metadata import collecting
from tidemill.storage.metadata.encoding import required_moment_in
from tidemill.worker.context import scratch_folder

_OFTEN = 100
_DAY = timedelta(days=1)
_ANOTHER_CLOCK_S = 60.0


@dataclass(frozen=True, slots=True)
class Loose:
    """Bytes that no record names, and what is to be said of them. `limit` in seconds since the epoch."""

    limit: float
    notes: tuple[str, ...]
    may_go: bool


def loose_bytes(app: App, policy: Policy, alone: bool) -> Loose:
    """What is needed to judge bytes; asked before the records are read that name them.

    `alone`: nobody but this database has records of what is in the store.
    """
    notes: list[str] = []
    limit = time.time() - policy.grace.total_seconds()
    with app.database.read() as connection:
        first = collecting.first_open(connection)
    if first is not None:
        run, since = first
        began = required_moment_in(since).timestamp()
        if began < limit - _DAY.total_seconds():
            notes.append(
                f"content stored since {since[:10]} stays: an attempt of run {run} is not over"
                f" (`tidemill resume {run}` or `tidemill cancel {run}` ends it)"
            )
        limit = min(limit, began)
    if not isinstance(app.artifacts, LocalStore):
        # Its clock is another one, and may tell no more than seconds.
        limit -= _ANOTHER_CLOCK_S
    sole = alone or is_sole_user(app)
    if not sole:
        notes.append(
            "no content was removed: other databases may have records of what is in the same store"
            " (`--alone` says that none has)"
        )
    return Loose(limit, tuple(notes), sole)


def is_sole_user(app: App) -> bool:
    """Whether the database and the store were made for each other, as far as the settings tell."""
    settings = app.settings
    file = settings.home / "tidemill.db"
    if not settings.artifacts_url:
        return settings.database == f"sqlite:///{file}" or not file.exists()
    return not settings.database.startswith("sqlite")


def loose(app: App, judged: Loose, found: Gathered, told: Told) -> Iterator[tuple[str, int]]:
    """Digest and size of the stored content that nobody names and nobody has put lately; -1: nobody needs it, yet."""
    for number, digest in enumerate(app.artifacts.digests()):
        if number % _OFTEN == 0:
            told("stored content looked at", number, 0)
        if digest in found.contents:
            continue
        touched = app.artifacts.touched_at(digest)
        if touched is not None:
            yield digest, -1 if touched >= judged.limit else size_of(app, digest)


def unreadable_note(found: Gathered) -> str:
    """What is said when folders cannot tell what they consist of."""
    return (
        f"no content was removed: {len(found.unreadable)} kept folders cannot tell which files are theirs"
        " (`tidemill gc --verify` names them)"
    )


def size_of(app: App, digest: str) -> int:
    """Bytes of what is stored under a digest; 0 if it has gone."""
    try:
        with app.artifacts.open(Content(digest, 0)) as source:
            return source.seek(0, 2)
    except ArtifactMissing:
        return 0


def bury(app: App, owner: Owner, grace: timedelta) -> int:
    """Remove the files of dead engines and writers, and of attempts that are over; how many there were."""
    owner.bury_the_dead()
    gone = app.artifacts.bury_the_dead()
    if isinstance(app.artifacts, LocalStore):
        # Of writers of which nothing else is known, a file that has not changed for a day is no one's.
        gone += app.artifacts.sweep_temporary(max(grace, _DAY).total_seconds())
    return gone + len(remove_scratch(app, grace))


def remove_scratch(app: App, grace: timedelta) -> list[Path]:
    """Remove the folders of attempts that are over, where the task could not; those that went."""
    root = app.settings.scratch
    if not root.is_dir():
        return []
    with app.database.read() as connection:
        taken = {scratch_folder(root, attempt) for attempt in collecting.open_attempts(connection)}
    limit = time.time() - grace.total_seconds()
    gone = []
    for folder in root.glob("task-*"):
        if folder not in taken and folder.lstat().st_mtime < limit:
            remove(folder)
            gone.append(folder)
    return gone
