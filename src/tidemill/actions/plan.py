"""What would run, what would be reused and why not, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.app import App
from tidemill.core.graph import Pipeline
from tidemill.core.instances import Key
from tidemill.core.records import Artifact
from tidemill.core.wiring import Wiring
from tidemill.engine.lookups import Lookups
from tidemill.engine.submit import complete
from tidemill.planning.dryrun import PlanLine, dry_run
from tidemill.planning.facts import CacheHit, CacheMiss


def plan(
    app: App, pipeline: Pipeline, params: Mapping[str, Any] | None = None, refresh: tuple[str, ...] = ()
) -> list[PlanLine]:
    """The plan for a run with these parameters now. Raises InputError for wrong parameters."""
    wiring = Wiring(pipeline)
    now, team = app.clock.now(), app.settings.team

    lookups = Lookups(app.database, team, pipeline, app.verify)

    def cached(path: str, parts: Mapping[str, Any]) -> tuple[CacheHit | CacheMiss, Mapping[str, Artifact]]:
        return lookups.ask(Key(path), parts, now, refresh)

    return dry_run(wiring, complete(pipeline, params or {}), cached)
