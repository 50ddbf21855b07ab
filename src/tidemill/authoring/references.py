"""Functions by name: how a worker will find them again, and what their signatures say.

A function that could not be found again is refused here, before anything runs.
"""

from __future__ import annotations

import inspect
import os
import site
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from tidemill.authoring.place import show, source_of
from tidemill.core.annotations import Annotation, hints_of, type_of
from tidemill.core.bindings import FunctionRef
from tidemill.core.errors import DefinitionError
from tidemill.core.graph import KEYWORDS
from tidemill.core.types import ANY, Type
from tidemill.worker.libraries import library_folders

_PACKAGE = Path(__file__).resolve().parent.parent
_BINARY = tuple(EXTENSION_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes: `names` in order, `required` those without default; `extra` = it takes any other name."""

    names: tuple[str, ...]
    required: tuple[str, ...]
    positional: int
    extra: bool
    hints: Mapping[str, Annotation]
    types: Mapping[str, Type]

    @property
    def takes(self) -> dict[str, Type]:
        """The type of every parameter, as a node's body keeps them; "**" stands for any other name."""
        known = {name: self.types.get(name, ANY) for name in self.names}
        return {**known, KEYWORDS: ANY} if self.extra else known

    def __str__(self) -> str:
        return f"({', '.join(self.names)}{', ...' if self.extra else ''})"


_IN_ORDER = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def signature_of(function: Callable[..., Any]) -> Signature:
    """Raises DefinitionError when annotations cannot be resolved or the function tells nothing of itself."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        name = getattr(function, "__qualname__", repr(function))
        remedy = "wrap it in a function of your own"
        raise DefinitionError(f"{name} does not tell its parameters", remedy=remedy) from None
    hints = hints_of(inspect.unwrap(function))
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return Signature(
        names=tuple(p.name for p in named),
        required=tuple(p.name for p in named if p.default is p.empty),
        positional=sum(p.kind in _IN_ORDER for p in named),
        extra=any(p.kind is p.VAR_KEYWORD for p in parameters),
        hints=hints,
        types={p.name: type_of(hints[p.name]) for p in named if p.name in hints},
    )


def reference_to(function: Callable[..., Any]) -> FunctionRef:
    """The name by which a worker finds the function again. Raises DefinitionError when there is none."""
    module, name = _name_of(function)
    place = show(source_of(function))
    if isinstance(function, types.MethodType) and not isinstance(function.__self__, type):
        raise DefinitionError(
            f"{name} is a method of an object, which no other process could find",
            remedy="write a function that makes the object and calls the method",
            place=place,
        )
    if not name or not module or "<lambda>" in name:
        what = "a lambda" if "<lambda>" in name else repr(function)
        raise DefinitionError(
            f"{what} has no name by which a worker could find it",
            remedy="define a function with `def` at the top of the module",
            place=place,
        )
    if "<locals>" in name:
        raise DefinitionError(
            f"{name.replace('<locals>.', '')} is defined inside a function, where a worker cannot find it",
            remedy="move it to the top of its module",
            place=place,
        )
    file = module_file(module)
    if module == "__main__" and file:
        module = Path(file).stem
    return FunctionRef(module, name, file if file and is_own(file) else "")


def _name_of(function: Callable[..., Any]) -> tuple[str, str]:
    """Module and qualified name; a method of a class has that of the class it was taken from."""
    owner = getattr(function, "__self__", None)
    if isinstance(function, types.MethodType) and isinstance(owner, type):
        return owner.__module__, f"{owner.__qualname__}.{function.__name__}"
    return getattr(function, "__module__", None) or "", getattr(function, "__qualname__", "")


def is_reachable(function: Callable[..., Any]) -> bool:
    """Whether the name of the function still leads to it; false if it was defined twice."""
    module, name = _name_of(function)
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    while found is not None:
        if found is function or (isinstance(found, types.MethodType) and found == function):
            return True
        found = getattr(found, "function", None) or getattr(found, "__wrapped__", None)
    return False


def module_file(module: str) -> str:
    """The file of an imported module, or nothing."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return os.path.abspath(file) if isinstance(file, str) else ""


def is_own_module(module: str) -> bool:
    """Whether an imported module is the user's own, a folder without `__init__.py` included."""
    found = sys.modules.get(module)
    if found is None or isinstance(getattr(found, "__file__", None), str):
        return is_own(module_file(module))
    return any(is_own(os.path.join(folder, "__init__.py")) for folder in getattr(found, "__path__", ()))


@cache
def _foreign_folders() -> tuple[str, ...]:
    paths = {*library_folders(), site.getusersitepackages(), str(_PACKAGE)}
    return tuple(os.path.realpath(path) + os.sep for path in paths if path)


@cache
def is_own(file: str) -> bool:
    """Whether a file is the user's own: neither Python's, nor installed, nor ours."""
    return file.endswith(".py") and not os.path.realpath(file).startswith(_foreign_folders())


@cache
def is_own_binary(file: str) -> bool:
    """Whether a file is an extension module, in machine code, that lies among the user's own files."""
    return file.endswith(_BINARY) and not os.path.realpath(file).startswith(_foreign_folders())
