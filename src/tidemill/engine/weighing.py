"""How much of a slot an attempt takes: tasks that are done at once are given out before a slot is free."""

from __future__ import annotations

from tidemill.core.graph import Isolation
from tidemill.core.records import Report
from tidemill.core.states import AttemptState
from tidemill.engine.progress import Progress
from tidemill.engine.unit import Unit

BRIEF_S = 0.05
"""A task whose last attempt took no longer is taken to be as brief again."""

_SHARED = 1 / 16
_BRIEF = 1 / 2


def weight_of(progress: Progress, unit: Unit) -> float:
    """The part of a slot. Whoever holds a limit takes a whole one: others wait for what it holds."""
    if unit.execute is None or unit.execute.limits:
        return 1.0
    if unit.site.node.isolation is Isolation.SHARED:
        return _SHARED
    return _BRIEF if unit.key.path in progress.brief else 1.0


def learn(progress: Progress, unit: Unit, report: Report) -> None:
    """Remember whether a task was brief."""
    if report.state is AttemptState.SUCCEEDED and report.usage.wall_s <= BRIEF_S:
        progress.brief.add(unit.key.path)
    else:
        progress.brief.discard(unit.key.path)
