"""Reopening a finished run: which task runs are to be run again, and which are kept as they ended. Pure.

What failed runs again, with everything after it in the same instance, and the scopes and maps around both.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tidemill.core.history import TaskRecord
from tidemill.core.instances import Instance, Key
from tidemill.core.states import TaskState
from tidemill.core.wiring import Wiring, ancestors
from tidemill.engine.counting import prefix_of
from tidemill.engine.restore import key_of

_AGAIN = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED, TaskState.CANCELLED})


def to_run_again(wiring: Wiring, rows: Sequence[TaskRecord], also: Collection[str] = ()) -> set[Key]:
    """Keys of the rows to be superseded. `also` are node paths to run again although they succeeded."""
    keys = {key_of(row): row for row in rows if row.path in wiring.sites}
    start = [key for key, row in keys.items() if row.state in _AGAIN or row.path in also or not row.state.final]
    again: set[Key] = set()
    affected: set[tuple[str, Instance]] = set()
    for key in start:
        again.add(key)
        for path in wiring.downstream(key.path):
            affected.add((path, key.instance[: wiring.shared(path, key.path)]))
    for key in keys:
        if any((key.path, key.instance[:length]) in affected for length in range(len(key.instance) + 1)):
            again.add(key)
    for key in list(again):
        again.update(_around(wiring, key, keys))
    # What lies inside a scope that as a whole comes after something repeated must be repeated too.
    containers = [key for key in again if key in keys and any(_is(key, place) for place in affected)]
    for key in keys:
        if any(
            key.path.startswith(outer.path + "/") and prefix_of(key.instance, outer.instance) for outer in containers
        ):
            again.add(key)
    return again & keys.keys()


def _is(key: Key, place: tuple[str, Instance]) -> bool:
    return key.path == place[0] and prefix_of(key.instance, place[1])


def _around(wiring: Wiring, key: Key, keys: Collection[Key]) -> set[Key]:
    """The map a key is an instance of, and the scopes and maps around it."""
    around: set[Key] = set()
    site = wiring.site(key.path)
    if site.own and len(key.instance) == site.width:
        around.add(Key(key.path, key.instance[:-1]))
    for ancestor in ancestors(key.path):
        scope = Key(ancestor, wiring.unit_instance(ancestor, key.instance))
        around.add(scope)
        if wiring.site(ancestor).own:
            around.add(Key(ancestor, scope.instance[:-1]))
    return {found for found in around if found in keys}
