"""Runs the corpus on `decide` with one line of it changed, in a process of its own for each change.

`python -m tests.matrix.mutation` prints as JSON, for each mutant, the case that caught it and how, or null. Nothing is
written to the tree: a changed module is compiled from its changed text.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import pickle
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from tests.matrix.mutants import MUTANTS, Mutant


def main() -> None:
    known = {case.name: _plain(case) for case in _cases()}
    print(json.dumps({mutant.name: _in_a_child(mutant, known) for mutant in MUTANTS}))


def _cases() -> Iterator[Any]:
    """Those that catch most come first."""
    from tests.matrix.corpus import cells, named
    from tests.matrix.generated import generated

    yield from named()
    yield from (generated(seed, 14) for seed in range(40))
    yield from cells()


def _plain(case: Any) -> bytes:
    """What comes of a case, as data of no module that is changed."""
    from tests.matrix.playing import played

    return pickle.dumps([None if one is None else (one.ends, one.calls) for one in played(case)])


def _in_a_child(mutant: Mutant, known: dict[str, bytes]) -> str | None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = _caught(mutant, known)
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, json.dumps(said and said[:500]).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        found = json.loads(answer.read())
    os.waitpid(child, 0)
    return None if found is None else str(found)


def _caught(mutant: Mutant, known: dict[str, bytes]) -> str | None:
    """The first case of which something else comes than the reference allows."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tidemill", "tests")]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Changed(mutant))
    from tests.matrix.playing import disagreement

    for case in _cases():
        try:
            # Only what has become different can be wrong.
            found = _plain(case) != known[case.name] and disagreement(case)
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
        if found:
            return f"{case.name}: {found}"
    return None


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the changed module, and leaves all others to those who come after."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._mutant.module:
            return None
        return importlib.util.spec_from_loader(name, self, origin=str(self._mutant.file))

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.text(), str(self._mutant.file), "exec"), module.__dict__)


if __name__ == "__main__":
    main()
