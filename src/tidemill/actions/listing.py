"""The newest runs of a home."""

from __future__ import annotations

from dataclasses import dataclass

from tidemill.app import App
from tidemill.core.errors import InputError, did_you_mean
from tidemill.core.history import RunRecord
from tidemill.core.states import RunState
from tidemill.storage.metadata import runs


@dataclass(frozen=True, slots=True)
class Listing:
    """Runs, newest first; `more` says that there are older ones."""

    runs: tuple[RunRecord, ...]
    more: bool


def list_runs(app: App, pipeline: str = "", state: str = "", limit: int = 20) -> Listing:
    """The newest `limit` runs, of one pipeline or in one state if named. Raises InputError for an unknown state."""
    states = {one.value: one for one in RunState}
    if state and state not in states:
        raise InputError(f"there is no state {state!r} of a run", remedy=did_you_mean(state, states))
    if limit < 1:
        raise InputError(f"the limit must be at least 1, not {limit}")
    with app.database.read() as connection:
        found = runs.listing(
            connection, app.settings.team, pipeline=pipeline or None, state=states.get(state), limit=limit + 1
        )
    return Listing(tuple(found[:limit]), len(found) > limit)
