"""Where names and functions come from: the statement, the import, the module; and whose they are."""

from __future__ import annotations

import ast
import importlib.util
import sys
import types
from typing import Any

from tidemill.authoring.contents import is_definition
from tidemill.authoring.references import is_own, module_file
from tidemill.authoring.sources import SourceFile, source_file
from tidemill.core.graph import Source
from tidemill.core.values import MISSING


def origin_of(module: types.ModuleType, name: str, value: Any) -> tuple[types.ModuleType, str] | None:
    """The module and name that a `from x import y` (or `*`) brought in, where that is how the name came here."""
    source = source_of_module(module)
    if source is None:
        return None
    for statement in [*source.bindings.get(name, []), *source.stars]:
        if not isinstance(statement, ast.ImportFrom):
            continue
        origin = _imported_module(statement, module)
        for alias in statement.names if origin is not None else ():
            known = name if alias.name == "*" else alias.name
            if (alias.asname or known) == name and vars(origin).get(known, MISSING) is value:
                return (origin, known) if origin is not None else None
    return None


def _imported_module(statement: ast.ImportFrom, module: types.ModuleType) -> types.ModuleType | None:
    relative = "." * statement.level + (statement.module or "")
    try:
        return sys.modules.get(importlib.util.resolve_name(relative, module.__package__ or ""))
    except ImportError:
        return None


def source_of_module(module: types.ModuleType) -> SourceFile | None:
    """None for what is not the user's own."""
    file = module_file(module.__name__)
    return source_file(file) if is_own(file) else None


def place_of(module: types.ModuleType, name: str) -> Source:
    """The first statement that gives a name its value; line 0 where there is none to see."""
    source = source_of_module(module)
    statements = source.bindings.get(name, []) if source else []
    return Source(module_file(module.__name__), statements[0].lineno if statements else 0)


def is_written(function: types.FunctionType) -> bool:
    """Whether it is the user's own; one made by `exec` in a module of theirs is too, though it cannot be read."""
    file = module_file(str(function.__globals__.get("__name__", "")))
    return is_own(function.__code__.co_filename) or not file or is_own(file)


def is_named(function: types.FunctionType) -> bool:
    """Whether its name, as it says itself, leads to it."""
    found: Any = sys.modules.get(function.__module__ or "")
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    while is_definition(found):
        found = found.function
    return found is function


def defaults_of(function: types.FunctionType) -> dict[str, Any]:
    """The defaults of a function by parameter."""
    code, values = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(values) : code.co_argcount]
    return {**dict(zip(names, values, strict=True)), **(function.__kwdefaults__ or {})}


def is_empty(cell: types.CellType) -> bool:
    """Whether a variable of a closure has no value yet."""
    try:
        cell.cell_contents  # noqa: B018 - whether it can be read is the question
    except ValueError:
        return True
    return False
