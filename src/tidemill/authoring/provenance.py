"""Where names and functions come from: the statement, the import, the module; and whose they are."""

from __future__ import annotations

import ast
import importlib.util
import sys
import types
from collections.abc import Iterator
from typing import Any

from tidemill.authoring.contents import is_definition
from tidemill.authoring.references import is_own, module_file
from tidemill.authoring.sources import SourceFile, data_in, defaults_in, is_same, source_file
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


def name_beforehand(found: Any) -> str:
    """The name that code is sure to have, or "": that of a function may hang on what it brings along."""
    match found:
        case types.ModuleType():
            return found.__name__
        case type():
            return f"{found.__module__}.{found.__qualname__}"
    return ""


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


def class_around(function: types.FunctionType) -> type | None:
    """The class of which a function is a method, if its name leads there."""
    found: Any = sys.modules.get(function.__module__ or "")
    for name in function.__qualname__.split(".")[:-1]:
        found = getattr(found, name, None)
    return found if isinstance(found, type) and vars(found).get(function.__name__) is function else None


def brought_along(function: types.FunctionType, tree: ast.AST) -> Iterator[tuple[str, Any, str]]:
    """What a function has beside its text: cells, defaults, attributes. Each by name, with what to say of its kind.

    "" is said of attributes: what is wrapped by something of another's making may carry all of its machinery with it.
    """
    title = function.__qualname__
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if not is_empty(cell):
            value = cell.cell_contents
            yield name, value, f"{title} keeps {name!r} in a closure, a {type(value).__name__}"
    defaults = defaults_of(function)
    for name in defaults_in(tree) if defaults else ():
        if name in defaults:
            yield name, defaults[name], f"{name!r} of {title} is by default a {type(defaults[name]).__name__}"
    for name, value in sorted(vars(function).items()):
        yield name, value, ""


def data_of(cls: type, tree: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    """The attributes that the body of a class sets to more than literals, with their values."""
    for name, literal in sorted(dict(data_in(tree)).items(), key=lambda pair: pair[0]):
        if literal is MISSING and name in vars(cls):
            yield name, vars(cls)[name]


def given_to(cls: type, tree: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    """Public attributes of a class that are other than its body says."""
    written = dict(data_in(tree))
    for name, value in sorted(vars(cls).items()):
        literal = written.get(name, "")
        if not name.startswith("_") and literal is not MISSING and not (name in written and is_same(value, literal)):
            yield name, value


def functions_from_elsewhere(cls: type) -> Iterator[tuple[str, types.FunctionType]]:
    """The user's own functions in a class that are wrapped, or were put there."""
    for name, value in sorted(vars(cls).items()):
        value = value.__func__ if isinstance(value, staticmethod | classmethod) else value
        if not isinstance(value, types.FunctionType) or not is_own(value.__code__.co_filename):
            continue
        if value.__code__.co_qualname != f"{cls.__qualname__}.{name}":
            yield name, value


def is_empty(cell: types.CellType) -> bool:
    """Whether a variable of a closure has no value yet."""
    try:
        cell.cell_contents  # noqa: B018 - whether it can be read is the question
    except ValueError:
        return True
    return False
