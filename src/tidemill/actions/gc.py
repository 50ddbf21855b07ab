"""Collecting what nobody needs, or what a policy gives up; looking for damage; sparing a run from all policies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tidemill.actions.collecting.decide import Policy
from tidemill.actions.collecting.facts import KEEP, Told, keep_of, tell_nobody
from tidemill.actions.collecting.foreseeing import Foreseen, foresee
from tidemill.actions.collecting.removing import Collected, carry_out
from tidemill.actions.collecting.verifying import Verified, verify
from tidemill.actions.runs import find_run
from tidemill.app import App
from tidemill.authoring.option_values import Wrong, as_bytes
from tidemill.core.durations import parse_duration
from tidemill.core.errors import InputError, StateError
from tidemill.core.history import RunRecord
from tidemill.engine.ownership import Owner
from tidemill.settings import Settings
from tidemill.storage.metadata import collecting, removing, runs
from tidemill.storage.metadata.encoding import mapping_out

_SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What was asked for, as texts; None: what the settings say."""

    older_than: str | None = None
    keep: int | None = None
    max_size: str | None = None
    cache_older_than: str | None = None
    grace: str | None = None


def policy_of(limits: Limits, settings: Settings) -> Policy:
    """What was asked for, or else what the settings say. Raises InputError."""
    keep = limits.keep if limits.keep is not None else settings.gc_keep or None
    if keep is not None and keep < 1:
        raise InputError(
            f"{keep} runs of a pipeline cannot be kept", place="--keep", remedy="the newest one always stays: --keep 1"
        )
    size = _given(limits.max_size, settings.gc_max_size)
    grace = _duration("--grace", _given(limits.grace, settings.gc_grace))
    return Policy(
        older_than=_duration("--older-than", _given(limits.older_than, settings.gc_older_than)),
        keep=keep,
        max_bytes=_size(size) if size else None,
        cache_older_than=_duration("--cache-older-than", _given(limits.cache_older_than, settings.gc_cache_older_than)),
        grace=timedelta(0) if grace is None else grace,
    )


def foresee_collection(app: App, policy: Policy, told: Told = tell_nobody, alone: bool = False) -> Foreseen:
    """What `collect` would remove, and why, and why other things stay."""
    with _owner(app) as owner:
        return foresee(app, owner, policy, told, alone)


def collect(app: App, policy: Policy, told: Told = tell_nobody, alone: bool = False) -> Collected:
    """Remove what the policy gives up, and what nobody needs. `alone`: no other database has records of the store.

    Raises StateError if another collection is at work in this home, or for a short grace while something runs.
    """
    with _owner(app) as owner, _only_one(app):
        if policy.grace < _SHORTEST:
            _refuse_while_busy(app)
        return carry_out(app, owner, policy, told, alone)


def verify_artifacts(app: App, told: Told = tell_nobody) -> Verified:
    """Hash again everything that a record names."""
    return verify(app, told)


def keep_run(app: App, run_id: str, why: str = "yes") -> RunRecord:
    """Tag a run so that no policy removes it; an empty `why` takes that back."""
    run = find_run(app, run_id)
    with app.database.write() as connection:
        # Read again: nothing else that was tagged meanwhile may be lost.
        tags: Mapping[str, Any] = runs.get(connection, run.id).tags
        rest = {name: value for name, value in tags.items() if name != KEEP}
        fresh = {**rest, KEEP: why} if why else rest
        removing.set_tags(connection, run.team, run.id, mapping_out(fresh))
    return find_run(app, run.id)


def is_kept(run: RunRecord) -> bool:
    """Whether a tag keeps the run."""
    return bool(keep_of(run.tags))


def _refuse_while_busy(app: App) -> None:
    with app.database.read() as connection:
        first = collecting.first_open(connection)
        held = runs.held(connection)
    busy = first[0] if first else held[0].run if held else ""
    if busy:
        raise StateError(
            f"run {busy} is under way, and nothing would be spared that it has just stored or found",
            remedy="leave --grace out, or wait until it has ended",
        )


@contextmanager
def _owner(app: App) -> Iterator[Owner]:
    owner = app.owner()
    try:
        yield owner
    finally:
        owner.close()


@contextmanager
def _only_one(app: App) -> Iterator[None]:
    handle = os.open(app.settings.home / "gc.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError("another collection is at work in this home", remedy="wait until it has ended") from None
        yield
    finally:
        os.close(handle)


def _given(asked: str | None, setting: str) -> str:
    return setting if asked is None else asked


def _duration(name: str, text: str) -> timedelta | None:
    if not text.strip():
        return None
    try:
        found = parse_duration(text)
    except ValueError as problem:
        raise InputError(str(problem), place=name) from None
    if found < timedelta(0):
        raise InputError(f"{text!r} lies in the future", place=name, remedy="leave out the minus sign")
    return found


def _size(text: str) -> int:
    try:
        return as_bytes(text)
    except Wrong as problem:
        raise InputError(
            f"{text!r} is not a size", place="--max-size", remedy="write such as 50GB or 2GiB"
        ) from problem
