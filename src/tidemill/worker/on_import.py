"""What is to be done with a module as soon as somebody imports it.

The process that tasks are forked from imports next to nothing: each fork pays for all that is there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Action = Callable[[ModuleType], None]

_awaited: dict[str, Action] = {}


def when_imported(name: str, action: Action) -> None:
    """Call `action` with the module: now, or right after its import. A later action for the same module replaces it."""
    there = sys.modules.get(name)
    if there is not None:
        action(there)
        return
    _awaited[name] = action
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def forget(name: str) -> None:
    """Nothing is to be done with that module any more."""
    _awaited.pop(name, None)
    if not _awaited and _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


class _Finder:
    """Finds an awaited module where the others find it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _awaited:
            return None
        for finder in tuple(sys.meta_path):
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    loader: Any = _Loader(spec.loader)
                    spec.loader = loader
                return spec
        return None


class _Loader:
    """The module's own loader, and then the action."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        # Whoever asks the module where it comes from hears the truth.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        action = _awaited.get(module.__name__)
        forget(module.__name__)
        if action is not None:
            action(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


_finder = _Finder()
