"""What is called in place of a task's own function: made here, found again by name like any other function.

In this process the names are those of a module that no file holds; for other processes there is a file.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import cloudpickle

from tidemill.authoring.references import is_own, module_file
from tidemill.core.annotations import hints_of
from tidemill.core.bindings import FunctionRef
from tidemill.core.blake import blake2b
from tidemill.core.errors import InputError
from tidemill.testing.places import Indexes
from tidemill.worker.context import current
from tidemill.worker.functions import load_function

Raised: TypeAlias = BaseException | type[BaseException]

_PREFIX = "tidemill_stand_ins_"
_SOURCE = '''"""Written by a test: functions that stand in for tasks."""

from tidemill.testing.stand_ins import unpacked

globals().update(unpacked(__file__))
'''


@dataclass(frozen=True, slots=True)
class Failing:
    """What is raised: by every call, or, one after the other, by the first ones of each instance."""

    errors: tuple[Raised, ...]
    always: bool = False


@dataclass(frozen=True, slots=True)
class StandIn:
    """All that is asked for instead of one task. `folder` is where failures are counted, whichever process they are in.

    `original` is called where nothing else is.
    """

    path: str
    original: FunctionRef
    calls: Mapping[Indexes, Callable[..., Any]]
    failures: Mapping[Indexes, Failing]
    folder: Path

    def function(self) -> Callable[..., Any]:
        """A function with the annotations of the one that is replaced, so that it is given what that one would be."""

        def stand_in(**inputs: Any) -> Any:
            indexes = current().indexes
            self._fail(indexes)
            where: Indexes = indexes if indexes in self.calls else None
            chosen = self.calls[where] if where in self.calls else load_function(self.original)
            return _called(chosen, inputs)

        stand_in.__annotations__ = self._annotations()
        return stand_in

    def _fail(self, indexes: tuple[int, ...]) -> None:
        failing = self.failures.get(indexes) or self.failures.get(None)
        if failing is None:
            return
        turn = 0 if failing.always else self._turn(indexes, len(failing.errors))
        if turn is not None:
            raise failing.errors[turn]

    def _turn(self, indexes: tuple[int, ...], most: int) -> int | None:
        name = blake2b(f"{self.path}{list(indexes)}".encode(), digest_size=8).hexdigest()
        for turn in range(most):
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.folder / f"{name}.{turn}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                return turn
        return None

    def _annotations(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        # What cannot be imported is told when it is called, if it ever is.
        with contextlib.suppress(Exception):
            found.update(hints_of(load_function(self.original)))
        replaced = self.calls.get(None)
        if inspect.isroutine(replaced):
            with contextlib.suppress(Exception):
                found.update({name: hint for name, hint in hints_of(replaced).items() if hint is not Any})
        return found


class Here:
    """Functions that this process finds by name, until they are taken away again."""

    def __init__(self) -> None:
        self._modules: list[str] = []

    def add(self, stand_ins: Sequence[StandIn]) -> dict[str, FunctionRef]:
        """How each is found, by the path of its task."""
        module = ModuleType(_PREFIX + uuid.uuid4().hex[:8])
        sys.modules[module.__name__] = module
        self._modules.append(module.__name__)
        references = {}
        for name, stand_in in _named(stand_ins):
            setattr(module, name, stand_in.function())
            references[stand_in.path] = FunctionRef(module.__name__, name)
        return references

    def close(self) -> None:
        while self._modules:
            sys.modules.pop(self._modules.pop(), None)


def write(stand_ins: Sequence[StandIn], folder: Path) -> dict[str, FunctionRef]:
    """As `Here.add`, for processes that are begun later. Raises InputError for what cannot be given to them."""
    name = _PREFIX + uuid.uuid4().hex[:8]
    file = folder / f"{name}.py"
    named = dict(_named(stand_ins))
    given = [function for stand_in in stand_ins for function in stand_in.calls.values()]
    raised = [error for stand_in in stand_ins for failing in stand_in.failures.values() for error in failing.errors]
    try:
        with _by_value({_module_of(one) for one in (*given, *raised)}):
            content = cloudpickle.dumps(named)
    except Exception as error:
        raise InputError(
            f"what replaces {', '.join(one.path for one in stand_ins)} cannot be given to another process: {error}",
            remedy="leave out executor=, so that tasks run in this process",
        ) from None
    file.with_suffix(".pickle").write_bytes(content)
    file.write_text(_SOURCE, encoding="utf-8")
    return {stand_in.path: FunctionRef(name, attribute, str(file)) for attribute, stand_in in named.items()}


def unpacked(file: str) -> dict[str, Callable[..., Any]]:
    """What `write` has written beside this file, by name."""
    found: Mapping[str, StandIn] = cloudpickle.loads(Path(file).with_suffix(".pickle").read_bytes())
    return {name: stand_in.function() for name, stand_in in found.items()}


def _named(stand_ins: Sequence[StandIn]) -> Iterator[tuple[str, StandIn]]:
    for number, stand_in in enumerate(stand_ins):
        yield "".join(c if c.isalnum() else "_" for c in f"{stand_in.path}_{number}"), stand_in


def _called(function: Callable[..., Any], inputs: dict[str, Any]) -> Any:
    """The result of a function that may take some of its inputs by position only."""
    positional: list[Any] = []
    with contextlib.suppress(TypeError, ValueError):
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is parameter.POSITIONAL_ONLY and name in inputs:
                positional.append(inputs.pop(name))
    return function(*positional, **inputs)


def _module_of(given: Any) -> str:
    return str(getattr(given, "__module__", "") or "")


@contextlib.contextmanager
def _by_value(modules: set[str]) -> Iterator[None]:
    """Have functions of the user's modules travel whole: the other process may not find a module of tests."""
    registered = []
    known = cloudpickle.list_registry_pickle_by_value()
    try:
        for name in modules:
            file = module_file(name)
            if file and is_own(file) and name not in known:
                cloudpickle.register_pickle_by_value(sys.modules[name])
                registered.append(name)
        yield
    finally:
        for name in registered:
            cloudpickle.unregister_pickle_by_value(sys.modules[name])
