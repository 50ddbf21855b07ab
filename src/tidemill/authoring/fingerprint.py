"""Fingerprints of code: a function with every function, class and constant of the user's own that it reaches.

Comments, formatting and docstrings do not count, nor do the options of tasks. What is installed counts by its version.
What cannot be told apart reliably has no fingerprint, which is said and not guessed.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from tidemill.authoring.codetext import Names, names_in, plain_text, statements_binding
from tidemill.authoring.installed import installed_version, own_file
from tidemill.authoring.place import show, source_of
from tidemill.authoring.references import is_own, module_file
from tidemill.core.errors import DefinitionError
from tidemill.core.values import MISSING, NotAValue, digest, encode, normalize


class NoFingerprint(DefinitionError):
    """The code cannot be told apart from a later version of itself."""

    code = "no-fingerprint"


@dataclass(frozen=True, slots=True)
class Part:
    """One function, class, constant or module: the digest of what it says, and where it stands."""

    digest: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`digest` is that of all parts; a change can be named by comparing `parts`."""

    digest: str
    parts: Mapping[str, Part]


def fingerprint(function: Callable[..., Any]) -> Fingerprint:
    """The fingerprint of a function and all it reaches. Raises NoFingerprint, naming what is in the way."""
    walk = _Walk(function)
    walk.add(_unwrapped(function))
    parts = dict(sorted(walk.parts.items()))
    return Fingerprint(digest([[name, part.digest] for name, part in parts.items()]), parts)


@dataclass(slots=True)
class _Walk:
    """Goes from the function to what it names, once to each."""

    start: Callable[..., Any]
    parts: dict[str, Part] = field(default_factory=dict)

    def refuse(self, what: str, remedy: str, place: str = "") -> NoFingerprint:
        name = getattr(self.start, "__qualname__", repr(self.start))
        return NoFingerprint(
            f"the code of {name} has no fingerprint: {what}",
            remedy=f"{remedy}, or leave out 'cache'",
            place=place or show(source_of(self.start)),
        )

    # --- what a name leads to -------------------------------------------------------------------------------------

    def add(self, found: Any, known_as: tuple[types.ModuleType, str] | None = None) -> None:
        """Whatever a name leads to; `known_as` is the module and the name."""
        found = _unwrapped(found)
        match found:
            case types.ModuleType():
                self._module(found)
            case types.FunctionType() if _is_written(found):
                self._function(found)
            case type() if is_own(module_file(found.__module__)):
                self._class(found)
            case type() | types.FunctionType() | types.BuiltinFunctionType() | types.MethodDescriptorType():
                self._installed(getattr(found, "__module__", None) or "")
            case _:
                self._value(found, known_as)

    def _function(self, function: types.FunctionType) -> None:
        name = f"{function.__module__}.{function.__qualname__}"
        if name in self.parts:
            return
        tree = _definition(function)
        if tree is None:
            place = show(source_of(function))
            raise self.refuse(f"the source of {function.__qualname__} cannot be read", "define it in a file", place)
        self._part(name, plain_text(tree), function.__code__.co_filename, function.__code__.co_firstlineno)
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
        for variable, cell in cells.items():
            self._cell(name, variable, cell, function)
        module = sys.modules.get(function.__module__)
        scope = module if module is not None else types.ModuleType(function.__module__)
        self._names(names_in(tree), scope, function.__globals__, skip=set(cells))

    def _class(self, cls: type) -> None:
        name = f"{cls.__module__}.{cls.__qualname__}"
        if name in self.parts:
            return
        module = sys.modules[cls.__module__]
        tree = _find(_module_tree(module_file(cls.__module__)), cls.__qualname__)
        if tree is None:
            raise self.refuse(f"the source of the class {cls.__qualname__} cannot be found", "define it with `class`")
        self._part(name, plain_text(tree), module_file(cls.__module__), tree.lineno)
        self._names(names_in(tree), module, vars(module))

    def _module(self, module: types.ModuleType) -> None:
        file = module_file(module.__name__)
        if not is_own(file):
            self._installed(module.__name__)
            return
        if module.__name__ in self.parts:
            return
        tree = _module_tree(file)
        if tree is None:
            raise self.refuse(f"the source of module {module.__name__} cannot be read", "name what is used of it")
        self._part(module.__name__, plain_text(tree), file, 1)
        self._names(names_in(tree), module, vars(module))

    def _installed(self, module: str) -> None:
        top = module.partition(".")[0]
        version = installed_version(top)
        if version:
            self.parts.setdefault(top, Part(digest(version), "", 0))

    def _imported(self, module: str) -> None:
        """What the code imports when it runs counts the same, whether or not this process has loaded it already."""
        if module not in sys.modules and is_own(own_file(module)):
            # What cannot be imported fails when the task runs, which says it better.
            with contextlib.suppress(Exception):
                importlib.import_module(module)
        if is_own(module_file(module)):
            self._module(sys.modules[module])
        else:
            self._installed(module)

    def _cell(self, name: str, variable: str, cell: types.CellType, function: types.FunctionType) -> None:
        try:
            content = _unwrapped(cell.cell_contents)
        except ValueError:  # not filled yet
            content = None
        if isinstance(content, types.FunctionType | type | types.ModuleType):
            self.add(content)
            return
        text = _value_text(content)
        if text is None:
            raise self.refuse(
                f"{function.__qualname__} keeps {variable!r} in a closure, a {type(content).__name__}",
                "pass it as an argument",
                show(source_of(function)),
            )
        self._part(f"{name}.{variable}", text, function.__code__.co_filename, function.__code__.co_firstlineno)

    # --- names and values -----------------------------------------------------------------------------------------

    def _names(
        self,
        names: Names,
        module: types.ModuleType,
        scope: Mapping[str, Any],
        skip: set[str] = frozenset(),  # type: ignore[assignment]
    ) -> None:
        for chain in names.chains:
            # `__file__` and its like say where the code lies, not what it does.
            if chain[0] in scope and chain[0] not in skip and not chain[0].startswith("__"):
                self._follow(chain, module, scope)
        for imported in names.imports:
            self._imported(imported)

    def _follow(self, chain: tuple[str, ...], module: types.ModuleType, scope: Mapping[str, Any]) -> None:
        """From `helpers.clean` to the function; a module is followed as far as the chain goes."""
        name, found = chain[0], scope[chain[0]]
        home = module
        for attribute in chain[1:]:
            if not isinstance(found, types.ModuleType) or not is_own(module_file(found.__name__)):
                break
            inner = getattr(found, attribute, MISSING)
            if inner is MISSING:
                break
            home, name, found = found, attribute, inner
        self.add(found, (home, name))

    def _value(self, value: Any, known_as: tuple[types.ModuleType, str] | None) -> None:
        if known_as is None:
            raise self.refuse(f"it reaches {value!r:.60}, whose code cannot be found", "use a function of your own")
        module, name = known_as
        title = f"{module.__name__}.{name}"
        if title in self.parts or module.__name__ == "builtins":
            return
        file = module_file(module.__name__)
        tree = _module_tree(file) if is_own(file) else None
        statements = list(statements_binding(tree, name)) if tree is not None else []
        line = statements[0].lineno if statements else 0
        text = _value_text(value)
        if text is not None:
            self._part(title, text, file, line)
            return
        origin = _imported_from(statements, name, module)
        if origin is not None:
            self._value(value, origin) if is_own(module_file(origin[0].__name__)) else self._installed(
                origin[0].__name__
            )
            return
        if not statements:
            what = f"{title} is a {type(value).__name__}, and the statement that made it is not to be found"
            raise self.refuse(what, "make it in the task, or pass it as an argument")
        self._part(title, "\n".join(plain_text(statement) for statement in statements), file, line)
        for statement in statements:
            self._names(names_in(statement), module, vars(module))

    def _part(self, name: str, text: str, file: str, line: int) -> None:
        self.parts[name] = Part(digest(text), file, line)


def _imported_from(
    statements: list[ast.stmt], name: str, module: types.ModuleType
) -> tuple[types.ModuleType, str] | None:
    """The module and name that a `from x import y` brought in, where that is how the name came here."""
    for statement in statements:
        if isinstance(statement, ast.ImportFrom):
            package = (module.__package__ or "") if statement.level else ""
            parents = package.split(".")[: len(package.split(".")) - statement.level + 1] if statement.level else []
            origin = sys.modules.get(".".join(filter(None, [*parents, statement.module or ""])))
            for alias in statement.names:
                if (alias.asname or alias.name) == name and origin is not None:
                    return origin, alias.name
    return None


def _unwrapped(found: Any) -> Any:
    """A task or pipeline stands for its function, and so does a decorated one: its decorators are read in its text."""
    if isinstance(found, type | types.ModuleType):
        return found
    inner = getattr(found, "function", found) if _is_definition(found) else found
    return inspect.unwrap(inner) if callable(inner) else inner


def _is_definition(found: Any) -> bool:
    return type(found).__module__.startswith("tidemill.authoring.") and callable(getattr(found, "function", None))


def _is_written(function: types.FunctionType) -> bool:
    """Whether it is the user's own; one made by `exec` in a module of theirs is too, though it cannot be read."""
    file = module_file(function.__module__)
    return is_own(function.__code__.co_filename) or not file or is_own(file)


def _value_text(value: Any) -> str | None:
    """The text of a plain value, or of a compiled pattern; None for anything else."""
    if isinstance(value, re.Pattern):
        return repr(value)
    if isinstance(value, set | frozenset):
        try:
            return repr(sorted(map(repr, map(encode, map(normalize, value)))))
        except NotAValue:
            return None
    try:
        return repr((type(value).__name__, encode(normalize(value))))
    except NotAValue:
        return None


# --- sources ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _tree_of(file: str, stamp: int) -> ast.Module | None:
    try:
        return ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


def _module_tree(file: str) -> ast.Module | None:
    try:
        return _tree_of(file, Path(file).stat().st_mtime_ns)
    except OSError:
        return None


def _definition(function: types.FunctionType) -> ast.stmt | ast.expr | None:
    code = function.__code__
    tree = _module_tree(code.co_filename)
    if tree is None:
        tree = _from_inspect(function)
        return tree.body[0] if tree and tree.body else None
    by_line = [
        node for node in _functions(tree) if node.name == code.co_name and _first_line(node) == code.co_firstlineno
    ]
    if by_line:
        return by_line[0]
    lambdas = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda) and n.lineno == code.co_firstlineno]
    return lambdas[0] if code.co_name == "<lambda>" and len(lambdas) == 1 else None


def _from_inspect(function: types.FunctionType) -> ast.Module | None:
    """For what was typed into a notebook, whose lines only Python's own cache knows."""
    try:
        return ast.parse(inspect.cleandoc(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _find(tree: ast.Module | None, qualname: str) -> ast.ClassDef | None:
    body: list[ast.stmt] = tree.body if tree else []
    found: ast.ClassDef | None = None
    for part in qualname.split("."):
        found = next((node for node in _flat(body) if isinstance(node, ast.ClassDef) and node.name == part), None)
        if found is None:
            return None
        body = found.body
    return found


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements in order, those under `if` and `try` included."""
    for statement in body:
        yield statement
        for name in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _flat(getattr(statement, name, []))
