"""The task runs of a run in memory. Of a run that was taken over, most had ended: they come to be when asked for.

Until then such a one is its row as it was stored, which `Leaves` holds and reads. Pure.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Protocol, TypeVar, overload

from tidemill.core.history import TaskKind, TaskRecord
from tidemill.core.instances import Key, instance_from, instance_text
from tidemill.core.joins import Counts
from tidemill.core.states import TaskState
from tidemill.core.wiring import Site
from tidemill.engine.unit import Unit

T = TypeVar("T")


class Leaves(Protocol):
    """Tasks that had ended when the run was read, none of which ever had to be run again or decided anything."""

    def states(self) -> dict[str, dict[str, TaskState]]:
        """How each ended, by path and by the text of its instance."""
        ...

    def record(self, path: str, instance: str) -> TaskRecord: ...


class Units(dict[Key, Unit]):
    """All task runs that exist so far, by key; whoever goes through all of them makes all of them."""

    def __init__(self, sites: Mapping[str, Site]) -> None:
        super().__init__()
        self._sites = sites
        self._leaves: Leaves | None = None
        self._awaited: dict[str, dict[str, TaskState]] = {}  # stored, but their turn to exist has not come yet
        self._ended: dict[str, dict[str, TaskState]] = {}  # they exist, and nobody has asked for them

    # --- taking over ---

    def keep(self, leaves: Leaves) -> None:
        """What had ended before. Each exists only from when it is taken over."""
        self._leaves = leaves
        self._awaited = {path: states for path, states in leaves.states().items() if path in self._sites}

    def take_over(self, key: Key) -> TaskState | None:
        """How one ended whose turn to exist has come; None if it had not ended before."""
        awaited = self._awaited.get(key.path) if self._awaited else None
        if not awaited:
            return None
        text = instance_text(key.instance)
        state = awaited.pop(text, None)
        if state is not None:
            self._ended.setdefault(key.path, {})[text] = state
        return state

    def take_over_from(self, of_map: Key, first: int, end: int) -> list[TaskState]:
        """How the instances of a map from number `first` to before `end` ended, up to one that had not ended before."""
        awaited = self._awaited.get(of_map.path) if self._awaited else None
        if not awaited:
            return []
        prefix = f"{instance_text(of_map.instance)}/" if of_map.instance else ""
        found: list[TaskState] = []
        ended = self._ended.setdefault(of_map.path, {})
        for number in range(first, end):
            text = f"{prefix}{number}.0"
            state = awaited.pop(text, None)
            if state is None:
                break
            ended[text] = state
            found.append(state)
        return found

    # --- looking at them ---

    def made(self) -> list[Unit]:
        """Those that are in memory: whatever has not ended is among them."""
        return list(super().values())

    def _make(self, key: Key) -> Unit | None:
        ended = self._ended.get(key.path)
        if not ended or (text := instance_text(key.instance)) not in ended:
            return None
        assert self._leaves is not None
        unit = Unit(key, self._sites[key.path], TaskKind.LEAF, Counts())
        unit.take(self._leaves.record(key.path, text))
        self[key] = unit
        del ended[text]
        return unit

    def _make_all(self) -> None:
        for path, ended in self._ended.items():
            for text in list(ended):
                self._make(Key(path, instance_from(text)))
        self._ended.clear()

    def __missing__(self, key: Key) -> Unit:
        unit = self._make(key)
        if unit is None:
            raise KeyError(key)
        return unit

    def __contains__(self, key: object) -> bool:
        if super().__contains__(key):
            return True
        return isinstance(key, Key) and instance_text(key.instance) in self._ended.get(key.path, ())

    @overload
    def get(self, key: Key, default: None = None, /) -> Unit | None: ...

    @overload
    def get(self, key: Key, default: Unit, /) -> Unit: ...

    @overload
    def get(self, key: Key, default: T, /) -> Unit | T: ...

    def get(self, key: Key, default: object = None, /) -> object:
        found = super().get(key)
        if found is None and self._ended:
            found = self._make(key)
        return default if found is None else found

    def __len__(self) -> int:
        return super().__len__() + sum(map(len, self._ended.values()))

    def __iter__(self) -> Iterator[Key]:
        self._make_all()
        return super().__iter__()

    def keys(self) -> KeysView[Key]:  # type: ignore[override]
        self._make_all()
        return super().keys()

    def values(self) -> ValuesView[Unit]:  # type: ignore[override]
        self._make_all()
        return super().values()

    def items(self) -> ItemsView[Key, Unit]:  # type: ignore[override]
        self._make_all()
        return super().items()
