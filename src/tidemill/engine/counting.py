"""Keeps the tallies true as units end and maps expand, across scopes, and says which units should be looked at again.

What is inside a retried scope counts outside of it only once that scope has ended for good: no round that is repeated
is ever seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tidemill.core.instances import Instance, Step
from tidemill.core.states import TaskState
from tidemill.core.wiring import Edge, Site
from tidemill.engine.progress import Progress
from tidemill.engine.tally import Tally, contribute
from tidemill.engine.unit import Unit
from tidemill.planning.resolve import positions


class Counting:
    """`touch` is called with every pending unit whose counts changed."""

    def __init__(self, progress: Progress, touch: Callable[[Unit], None]) -> None:
        self._progress = progress
        self._touch = touch

    # --- what changes tallies ---

    def ended(self, unit: Unit) -> None:
        """One instance of a node ended."""
        site, instance = unit.site, unit.key.instance
        for level in site.levels:
            if not _deferred(site, level, len(site.frames)):
                self._change(self._progress.tally(site.path, instance[:level]), -1, {unit.state: 1})

    def expanded(self, unit: Unit) -> None:
        """A map became `count` >= 1 instances."""
        assert unit.count is not None
        self._spread(unit, unit.count - 1, {})
        self._tell_followers(unit, TaskState.SUCCEEDED)

    def closed(self, unit: Unit) -> None:
        """A container ended without ever having had anything inside: it stands for all that would have been."""
        if unit.site.own and not unit.one_of_many:
            self._spread(unit, -1, {unit.state: 1})
            self._tell_followers(unit, TaskState.SUCCEEDED if unit.count == 0 else unit.state)
        else:
            self._spread_below(unit, -1, {unit.state: 1})

    def never_created(self, unit: Unit, number: int, state: TaskState) -> None:
        """`number` instances of an expanded map will not come to be."""
        self._spread(unit, -number, {state: number})

    def settled(self, unit: Unit) -> None:
        """A retried scope ended for good: now the last round of what is inside counts outside too."""
        progress, depth = self._progress, len(unit.inner) - 1
        for site in progress.wiring.below(unit.key.path):
            for level in site.levels:
                if level <= depth and not _deferred(site, level, depth):
                    tally = progress.tally(site.path, unit.key.instance[:level])
                    self._change(tally, -1, progress.ends_below(site, unit.inner))

    # --- who watches ---

    def watch(self, unit: Unit) -> None:
        """Count the upstreams of a new unit as they stand, and watch those that are open."""
        for edge, tally in self._tallies(unit):
            contribute(edge, tally, unit.counts)
            if tally.open:
                tally.watchers.append((unit, edge))

    def _tallies(self, unit: Unit) -> Iterator[tuple[Edge, Tally]]:
        progress, instance = self._progress, unit.key.instance
        if unit.one_of_many:
            follows = [edge for edge in unit.site.ups if edge.follow]
            if follows:
                parent = progress.parent_of(unit)
                at = positions(progress, parent.key, instance[-1].item)
                for edge in follows:
                    yield edge, progress.tally(edge.up, (*instance[: edge.shared], Step(at[edge.over])))
            return
        for edge in unit.site.ups:
            prefix = instance[: edge.shared]
            yield edge, progress.expansion(edge.up, prefix) if edge.follow else progress.tally(edge.up, prefix)

    # --- how ---

    def _spread(self, unit: Unit, opened: int, ends: dict[TaskState, int]) -> None:
        """A map changed the number of instances of its node and of all inside."""
        depth = len(unit.key.instance)
        for level in unit.site.levels:
            if level <= depth and not _deferred(unit.site, level, depth):
                self._change(self._progress.tally(unit.key.path, unit.key.instance[:level]), opened, ends)
        self._spread_below(unit, opened, ends)

    def _spread_below(self, unit: Unit, opened: int, ends: dict[TaskState, int]) -> None:
        depth = len(unit.key.instance)
        for site in self._progress.wiring.below(unit.key.path):
            for level in site.levels:
                if level <= depth and not _deferred(site, level, depth):
                    self._change(self._progress.tally(site.path, unit.key.instance[:level]), opened, ends)

    def _tell_followers(self, unit: Unit, state: TaskState) -> None:
        if any(edge.follow for edge in unit.site.downs):
            self._change(self._progress.expansion(unit.key.path, unit.key.instance), -1, {state: 1})

    def _change(self, tally: Tally, opened: int, ends: dict[TaskState, int]) -> None:
        closes = tally.open + opened == 0
        watching = [
            (unit, edge)
            for unit, edge in tally.watchers
            if unit.state is TaskState.PENDING and (closes or edge.instances)
        ]
        for unit, edge in watching:
            contribute(edge, tally, unit.counts, -1)
        tally.open += opened
        for state, number in ends.items():
            tally.add(state, number)
        for unit, edge in watching:
            contribute(edge, tally, unit.counts)
            self._touch(unit)
        if closes:
            tally.watchers.clear()


def _deferred(site: Site, level: int, depth: int) -> bool:
    """Whether a retried frame stands between `level` and `depth`, so that what happens below is not yet seen above."""
    return any(frame.retried for frame in site.frames[level:depth])


def prefix_of(instance: Instance, prefix: Instance) -> bool:
    return instance[: len(prefix)] == prefix
