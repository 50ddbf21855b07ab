"""The global random generators of Python and numpy start from the seed of the task, whenever numpy is imported."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

# The module that makes numpy's global generator, from the noise of the machine.
_GENERATOR = "numpy.random.mtrand"


def seed(number: int) -> None:
    """Seed the global generators; that of numpy as soon as it is there, if it is not loaded yet."""
    random.seed(number)
    _forget()
    generator = sys.modules.get(_GENERATOR)
    if generator is not None:
        generator.seed(number)
    else:
        sys.meta_path.insert(0, _Awaits(number))


@contextmanager
def seeded(number: int) -> Iterator[None]:
    """Seed the global generators, and give them back as they were."""
    generator = sys.modules.get(_GENERATOR)
    kept, kept_numpy = random.getstate(), generator.get_state() if generator is not None else None
    seed(number)
    try:
        yield
    finally:
        _forget()
        random.setstate(kept)
        generator = sys.modules.get(_GENERATOR)
        if kept_numpy is not None and generator is not None:
            generator.set_state(kept_numpy)
        elif generator is not None:
            generator.seed()


def _forget() -> None:
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Awaits)]


class _Awaits(importlib.abc.MetaPathFinder):
    """Finds numpy's generator where it is, and seeds it once it is loaded."""

    def __init__(self, number: int) -> None:
        self._number = number

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _GENERATOR:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Seeds(spec.loader, self._number)
        return spec


class _Seeds(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader, number: int) -> None:
        self._loader = loader
        self._number = number

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        module.seed(self._number)
