"""Keeps the tallies true as units end and maps expand, across scopes, and says which units should be looked at again.

What is inside a retried scope counts outside of it only once that scope has ended for good: no round that is repeated
is ever seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from tidemill.core.history import TaskKind
from tidemill.core.instances import Instance, Step
from tidemill.core.joins import Counts
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
        self.ended_before(unit.site, unit.key.instance, unit.state)

    def ended_before(self, site: Site, instance: Instance, state: TaskState) -> None:
        """As `ended`, for one that is known by its row alone."""
        for level in site.levels:
            if not _deferred(site, level, len(site.frames)):
                self._change(self._progress.tally(site.path, instance[:level]), -1, {state: 1})

    def many_ended_before(self, unit: Unit, first: int, states: Sequence[TaskState]) -> None:
        """As `ended_before`, for instances of a map from number `first` on."""
        site, instance = unit.site, unit.key.instance
        for level in site.levels:
            if _deferred(site, level, len(site.frames)):
                continue
            if level > len(instance):
                for number, state in enumerate(states, first):
                    self._change(self._progress.tally(site.path, (*instance, Step(number))), -1, {state: 1})
            else:
                self._change(self._progress.tally(site.path, instance[:level]), -len(states), Counter(states))

    def expanded(self, unit: Unit) -> None:
        """A map became `count` >= 1 instances."""
        assert unit.count is not None
        self._spread(unit, unit.count - 1, {})
        self._tell_followers(unit, TaskState.REMOVED)

    def closed(self, unit: Unit) -> None:
        """A container ended without ever having had anything inside: it stands for all that would have been."""
        if unit.site.own and not unit.one_of_many:
            self._spread(unit, -1, {unit.state: 1})
            self._tell_followers(unit, TaskState.REMOVED if unit.count == 0 else unit.state)
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

    def reopened(self, units: Sequence[Unit], also: Sequence[Unit] = ()) -> None:
        """Take back that units ended, outermost first, and let whoever is pending wait for them.

        To be told before their states change. `also` are units that have just become pending again.
        """
        progress = self._progress
        waiting: set[str] = set()
        for unit in units:
            if unit.kind is TaskKind.MAP:
                continue  # counted by its instances
            if unit.kind is TaskKind.SCOPE and unit.site.retried:
                depth = len(unit.inner) - 1
                for site in progress.wiring.below(unit.key.path):
                    waiting.update(edge.down for edge in site.downs)
                    for level in site.levels:
                        if level <= depth and not _deferred(site, level, depth):
                            ends = progress.ends_below(site, unit.inner)
                            progress.tally(site.path, unit.key.instance[:level]).take_back(ends)
            waiting.update(edge.down for edge in unit.site.downs)
            for level in unit.site.levels:
                if not _deferred(unit.site, level, len(unit.site.frames)):
                    progress.tally(unit.site.path, unit.key.instance[:level]).take_back({unit.state: 1})
        again = {unit.key: unit for unit in also}
        for other in progress.units.made():
            if other.state is TaskState.PENDING and other.key.path in waiting:
                again[other.key] = other
        self._watch_again(list(again.values()))

    # --- who watches ---

    def watch(self, unit: Unit) -> None:
        """Count the upstreams of a new unit as they stand, and watch those that are open."""
        for edge, tally in self._tallies(unit):
            contribute(edge, tally, unit.counts)
            if tally.open:
                tally.watchers.append((unit, edge))

    def _watch_again(self, units: Sequence[Unit]) -> None:
        leaving = set(units)
        for tally in {id(tally): tally for unit in units for _, tally in self._tallies(unit)}.values():
            tally.watchers = [pair for pair in tally.watchers if pair[0] not in leaving]
        for unit in units:
            unit.counts = Counts()
            self.watch(unit)

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
        # An item of a retried scope that never begins has ended for good: there is no other round to come.
        depth, around = len(unit.key.instance), len(unit.site.frames)
        for site in self._progress.wiring.below(unit.key.path):
            for level in site.levels:
                if level <= depth and not _deferred(site, level, around):
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
