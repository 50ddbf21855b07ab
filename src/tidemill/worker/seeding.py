"""The global random generators of Python and numpy start from the seed of the task, whenever they are imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

from tidemill.worker.on_import import forget, when_imported

# Python's generator, and the module that makes numpy's: both from the noise of the machine, when they are imported.
_STATES = {"random": ("getstate", "setstate"), "numpy.random.mtrand": ("get_state", "set_state")}


def seed(number: Callable[[], int]) -> None:
    """Seed the global generators; one that is not loaded yet as soon as it is there. `number` is asked for then."""

    def plant(generator: ModuleType) -> None:
        generator.seed(number())

    for name in _STATES:
        when_imported(name, plant)


@contextmanager
def seeded(number: int) -> Iterator[None]:
    """Seed the global generators, and give them back as they were."""
    kept = {name: getattr(sys.modules[name], get)() for name, (get, _) in _STATES.items() if name in sys.modules}
    seed(lambda: number)
    try:
        yield
    finally:
        for name, (_, put) in _STATES.items():
            forget(name)
            generator = sys.modules.get(name)
            if generator is not None and name in kept:
                getattr(generator, put)(kept[name])
            elif generator is not None:
                generator.seed()
