"""Functions by name: how a worker will find them again, and what their signatures say.

A function that could not be found again is refused here, before anything runs.
"""

from __future__ import annotations

import inspect
import os
import site
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
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
    name = getattr(function, "__qualname__", "")
    module = getattr(function, "__module__", None) or ""
    place = show(source_of(function))
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


def is_reachable(function: Callable[..., Any]) -> bool:
    """Whether the name of the function still leads to it; false if it was defined twice."""
    found: Any = sys.modules.get(getattr(function, "__module__", ""))
    for part in getattr(function, "__qualname__", "").split("."):
        found = getattr(found, part, None)
    while found is not None:
        if found is function:
            return True
        found = getattr(found, "function", None) or getattr(found, "__wrapped__", None)
    return False


def module_file(module: str) -> str:
    """The file of an imported module, or nothing."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return os.path.abspath(file) if isinstance(file, str) else ""


@cache
def _foreign_folders() -> tuple[str, ...]:
    paths = {*library_folders(), site.getusersitepackages(), str(_PACKAGE)}
    return tuple(os.path.realpath(path) + os.sep for path in paths if path)


@cache
def is_own(file: str) -> bool:
    """Whether a file is the user's own: neither Python's, nor installed, nor ours."""
    return file.endswith(".py") and not os.path.realpath(file).startswith(_foreign_folders())
