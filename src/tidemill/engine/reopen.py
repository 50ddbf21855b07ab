"""Reopening a finished run: which task runs are to be run again, and which are kept as they ended. Pure.

What failed runs again, and so does all that read it or waited for it in the same instance, with the scopes and maps
around them. A scope that is retried as a whole is also reopened as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from tidemill.core.graph import Role
from tidemill.core.history import AttemptRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Instance, Key
from tidemill.core.records import Artifact
from tidemill.core.states import RunState, TaskState
from tidemill.core.wiring import Edge, Site, Wiring, ancestors
from tidemill.engine.progress import Progress
from tidemill.engine.restore import NOTHING_BEFORE, Before, key_of, restore
from tidemill.engine.steering import skipped_by
from tidemill.planning.expand import split_index

_AGAIN = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED, TaskState.CANCELLED})


def reopened(
    wiring: Wiring,
    run: RunRecord,
    rows: Sequence[TaskRecord],
    attempts: Iterable[AttemptRecord],
    artifacts: Mapping[str, Artifact],
    now: datetime,
    also: Collection[str] = (),
    before: Before = NOTHING_BEFORE,
    new: Collection[str] = (),
) -> tuple[RunRecord, list[TaskRecord], Progress]:
    """The run as it goes on, in its next generation; the rows that supersede others; its memory.

    The timeout of the run counts from now. `new` as in `to_run_again`.
    """
    again = to_run_again(wiring, rows, also, new)
    run = replace(run, state=RunState.RUNNING, generation=run.generation + 1, cause=None, started_at=now, ended_at=None)
    kept = [row for row in rows if key_of(row) not in again]
    # Only by these rows does an engine that takes over later know what is to be repeated.
    fresh = [
        TaskRecord(row.run, row.path, row.instance, row.generation + 1, row.kind, TaskState.PENDING)
        for row in rows
        if key_of(row) in again
    ]
    return run, fresh, restore(wiring, run, [*kept, *fresh], attempts, artifacts, {}, before)


def to_run_again(
    wiring: Wiring, rows: Sequence[TaskRecord], also: Collection[str] = (), new: Collection[str] = ()
) -> set[Key]:
    """Keys of the rows to be superseded. `also` are node paths to run again although they succeeded.

    `new` are paths of nodes that were not there when the rows were written: what follows them runs again.
    """
    every = {key_of(row) for row in rows if row.path in wiring.sites}
    current = {key_of(row): row for row in current_rows(wiring, rows)}
    spread = _Spread(wiring, current)
    for key, row in current.items():
        if row.path in also or (row.state in _AGAIN and _nothing_inside(row)):
            spread.add(key, whole=True)
        elif row.state in _AGAIN:
            spread.add(key, whole=False)
    for path in new:
        spread.add_new(path)
    spread.go_on()
    spread.add_setups()
    again = spread.again
    # The former rounds of a scope that begins anew are superseded with it.
    return {key for key in every if key in again or any(around in again for around in _retried_around(wiring, key))}


def current_rows(wiring: Wiring, rows: Sequence[TaskRecord]) -> list[TaskRecord]:
    """The rows of what is there now: not those of former rounds, nor of instances beyond the end of a map."""
    every = {key_of(row): row for row in rows if row.path in wiring.sites}
    return [row for key, row in every.items() if _is_current(wiring, key, every)]


def _is_current(wiring: Wiring, key: Key, rows: Mapping[Key, TaskRecord]) -> bool:
    """Whether an instance is of the last round of every scope around it, and of a map as long as it is now."""
    site = wiring.sites[key.path]
    if rows[key].state is TaskState.REMOVED:
        return False
    for at, frame in enumerate(site.inner_frames[: len(key.instance)]):
        step = key.instance[at]
        own = frame.path == key.path
        if frame.mapped:
            of_map = rows.get(Key(frame.path, key.instance[:at]))
            if of_map is not None and of_map.count is not None and step.item >= of_map.count:
                return False
        if frame.retried and not own:
            scope = rows.get(Key(frame.path, wiring.unit_instance(frame.path, key.instance)))
            if scope is not None and scope.round != step.generation:
                return False
    return True


def _nothing_inside(row: TaskRecord) -> bool:
    """Whether a row stands for all there is of its node: a task, or a container that ended before it began."""
    match row.kind:
        case TaskKind.LEAF:
            return True
        case TaskKind.MAP:
            return not row.count
        case TaskKind.SCOPE:
            return row.started_at is None


def _retried_around(wiring: Wiring, key: Key) -> Iterator[Key]:
    for path in ancestors(key.path):
        if wiring.sites[path].retried:
            yield Key(path, wiring.unit_instance(path, key.instance))


class _Spread:
    """Follows what must be repeated through the graph. `whole`: with everything inside."""

    def __init__(self, wiring: Wiring, rows: Mapping[Key, TaskRecord]) -> None:
        self._wiring = wiring
        self._rows = rows
        self.again: set[Key] = set()
        self._whole: set[Key] = set()
        self._todo: list[tuple[Key, bool]] = []
        self._told: set[tuple[str, tuple[int, ...]]] = set()
        self._by_prefix: dict[tuple[str, int], dict[tuple[int, ...], list[Key]]] = {}
        self._by_followed: dict[Edge, dict[tuple[int, ...], list[Key]]] = {}

    def add(self, key: Key, whole: bool) -> None:
        site = self._wiring.sites[key.path]
        whole = whole or (site.retried and len(key.instance) == site.width)
        done = self._whole if whole else self.again
        if key in self._rows and key not in done:
            self.again.add(key)
            if whole:
                self._whole.add(key)
            self._todo.append((key, whole))

    def add_new(self, path: str) -> None:
        """A node without rows: all that follows it, and the scopes around it, which must be entered once more."""
        for site in (self._wiring.sites[path], *self._wiring.below(path)):
            for edge in site.downs:
                self._repeat(edge.down, ())
        for around in ancestors(path):
            for key in self._at(around, ()):
                self.add(key, whole=False)

    def go_on(self) -> None:
        while self._todo:
            key, whole = self._todo.pop()
            site, row = self._wiring.sites[key.path], self._rows[key]
            for edge in site.downs:
                self._tell(edge, key, whole)
            if whole:
                self._inside(key)
            if whole or self._lacks_instances(key, row):
                # Others may have counted what would have been inside and never was.
                for below in self._wiring.below(key.path):
                    for edge in below.downs:
                        if not edge.down.startswith(key.path + "/"):
                            self._repeat(edge.down, _items(key.instance)[: edge.shared])
            if row.steer is not None:
                for path in skipped_by(self._wiring, site, row.steer):
                    self._repeat(path, _items(key.instance)[: self._wiring.shared(path, key.path)])
            for around in self._around(site, key):
                self.add(around, whole=False)

    def add_setups(self) -> None:
        """What a teardown has taken away must be set up again for those who run again; others keep what they have."""
        paths = {key.path for key in self.again}
        for key in sorted(self.again):
            site, row = self._wiring.sites[key.path], self._rows[key]
            if site.node.role is not Role.TEARDOWN or row.started_at is None:
                continue
            for setup in site.node.setups:
                if paths & (self._wiring.reachable([setup]) - {setup}):
                    items = _items(key.instance)[: self._wiring.shared(setup, key.path)]
                    for found in self._at(setup, items):
                        self.again.add(found)
                        self.again.update(self._around(self._wiring.sites[setup], found))

    def _tell(self, edge: Edge, key: Key, whole: bool) -> None:
        site, items = self._wiring.sites[key.path], _items(key.instance)
        if not edge.follow:
            self._repeat(edge.down, items[: edge.shared])
        elif len(items) == site.width:
            for down in self._followers(edge).get((*items[: edge.shared], items[-1]), ()):
                self.add(down, whole=True)
        elif whole:
            self._repeat(edge.down, items[: edge.shared])

    def _repeat(self, path: str, items: tuple[int, ...]) -> None:
        if (path, items) not in self._told:
            self._told.add((path, items))
            for key in self._at(path, items):
                self.add(key, whole=True)

    def _inside(self, key: Key) -> None:
        items = _items(key.instance)
        for path in (key.path, *(site.path for site in self._wiring.below(key.path))):
            for inner in self._at(path, items):
                self.add(inner, whole=True)

    def _lacks_instances(self, key: Key, row: TaskRecord) -> bool:
        if row.kind is not TaskKind.MAP or row.count is None:
            return False
        width = len(key.instance) + 1
        return sum(len(found.instance) == width for found in self._at(key.path, _items(key.instance))) < row.count

    def _around(self, site: Site, key: Key) -> Iterator[Key]:
        """The map a key is an instance of, and the scopes and maps around it, as far as they are known."""
        found = []
        if site.own and len(key.instance) == site.width:
            found.append(Key(key.path, key.instance[:-1]))
        for path in ancestors(key.path):
            scope = Key(path, self._wiring.unit_instance(path, key.instance))
            found.append(scope)
            if self._wiring.sites[path].own:
                found.append(Key(path, scope.instance[:-1]))
        return (around for around in found if around in self._rows)

    def _at(self, path: str, items: tuple[int, ...]) -> Sequence[Key]:
        """The rows of a node under a prefix; among current rows the positions tell everything."""
        index = self._by_prefix.get((path, len(items)))
        if index is None:
            index = self._by_prefix[path, len(items)] = {}
            for key in self._rows:
                if key.path == path and len(key.instance) >= len(items):
                    index.setdefault(_items(key.instance)[: len(items)], []).append(key)
        return index.get(items, ())

    def _followers(self, edge: Edge) -> Mapping[tuple[int, ...], Sequence[Key]]:
        """By the shared prefix and the position of what is followed: the instances that follow it."""
        index = self._by_followed.get(edge)
        if index is None:
            index = self._by_followed[edge] = {}
            site = self._wiring.sites[edge.down]
            assert site.node.each is not None
            for key in self._at(edge.down, ()):
                of_map = self._rows.get(Key(key.path, key.instance[:-1]))
                if len(key.instance) == site.width and of_map is not None:
                    at = split_index(key.instance[-1].item, of_map.sizes, site.node.each.combine)[edge.over]
                    index.setdefault((*_items(key.instance)[: edge.shared], at), []).append(key)
        return index


def _items(instance: Instance) -> tuple[int, ...]:
    return tuple(step.item for step in instance)
