"""Source files by what stands in them: functions, classes and the statements that give names their values.

Each file is read and gone through once for as long as it does not change.
"""

from __future__ import annotations

import ast
import inspect
import os
import types
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from tidemill.authoring.codetext import OURS, Names, bound_by, names_in, strip
from tidemill.core.values import MISSING

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class SourceFile:
    """`bindings`: the statements at module level by the names they bind; `stars` are the `from x import *`."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.functions: dict[tuple[str, int], list[Function]] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.bindings: dict[str, list[ast.stmt]] = {}
        self.stars: list[ast.ImportFrom] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.functions.setdefault((node.name, _first_line(node)), []).append(node)
            elif isinstance(node, ast.Lambda):
                self.functions.setdefault(("<lambda>", node.lineno), []).append(node)
        for statement in _flat(tree.body):
            for name in bound_by(statement):
                self.bindings.setdefault(name, []).append(statement)
            if isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names):
                self.stars.append(statement)
        self._add_classes(tree.body, "")
        # Last, since functions are found by the line of their first decorator.
        strip(tree, set(_our_aliases(self.bindings)))

    def _add_classes(self, body: list[ast.stmt], prefix: str) -> None:
        for node in _flat(body):
            if isinstance(node, ast.ClassDef):
                self.classes[prefix + node.name] = node
                self._add_classes(node.body, f"{prefix}{node.name}.")


def _our_aliases(bindings: Mapping[str, list[ast.stmt]]) -> Iterator[str]:
    """The other names of `task` and `pipeline`, as in `from tidemill import task as step`."""
    for name, statements in bindings.items():
        for statement in statements:
            if isinstance(statement, ast.ImportFrom) and (statement.module or "").partition(".")[0] == "tidemill":
                yield from (name for alias in statement.names if alias.asname == name and alias.name in OURS)


@lru_cache(maxsize=4096)
def _read(file: str, changed_ns: int, size: int) -> SourceFile | None:
    try:
        return SourceFile(ast.parse(Path(file).read_bytes()))
    except (OSError, SyntaxError, ValueError):
        return None


def source_file(file: str) -> SourceFile | None:
    """None for what cannot be read as Python."""
    try:
        found = os.stat(file)
        return _read(file, found.st_mtime_ns, found.st_size)
    except OSError:
        return None


@lru_cache(maxsize=65536)
def text_of(tree: ast.AST) -> str:
    """The code in one form, without comments; kept for a tree that is met again."""
    return ast.unparse(tree)


@lru_cache(maxsize=65536)
def names_of(tree: ast.AST) -> Names:
    """As `names_in`, kept for a tree that is met again."""
    return names_in(tree)


def definition_of(function: types.FunctionType) -> ast.stmt | ast.expr | None:
    """Where a function is defined; None where that cannot be told for certain."""
    code = function.__code__
    source = source_file(code.co_filename)
    if source is None:
        tree = _from_inspect(function)
        return tree.body[0] if tree and tree.body else None
    found = source.functions.get((code.co_name, code.co_firstlineno), [])
    if len(found) > 1 and code.co_name == "<lambda>":
        places = set(code.co_positions())
        found = [node for node in found if isinstance(node, ast.Lambda) and _place(node.body) in places]
    return found[0] if len(found) == 1 or (found and code.co_name != "<lambda>") else None


def defaults_in(tree: ast.AST) -> Iterator[str]:
    """The parameters whose defaults are more than literals."""
    if not isinstance(tree, Function):
        return
    arguments = tree.args
    ordered = [*arguments.posonlyargs, *arguments.args]
    by_place = zip(ordered[len(ordered) - len(arguments.defaults) :], arguments.defaults, strict=True)
    for parameter, default in [*by_place, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]:
        if default is not None and not isinstance(default, ast.Constant):
            yield parameter.arg


def data_in(tree: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    """The attributes that the body of a class sets, with their values if these are literals and MISSING if not."""
    for statement in _flat(tree.body):
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            literal = statement.value.value if isinstance(statement.value, ast.Constant) else MISSING
            yield from ((name, literal) for name in bound_by(statement))


def is_same(value: Any, literal: Any) -> bool:
    """Whether a value is what a literal says; 1 is neither 1.0 nor True."""
    return literal is not MISSING and type(value) is type(literal) and repr(value) == repr(literal)


def global_names(code: types.CodeType) -> set[str]:
    """Every name that the code, with the functions inside it, may look up beyond its own variables."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= global_names(constant)
    return found


def _from_inspect(function: types.FunctionType) -> ast.Module | None:
    """For what was typed into a notebook, whose lines only Python's own cache knows."""
    try:
        tree = ast.parse(inspect.cleandoc(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    strip(tree)
    return tree


def _place(node: ast.expr) -> tuple[int, int | None, int, int | None]:
    """As the code knows it: a line holds several lambdas, of which each begins at another column."""
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements in order, those under `if`, `for`, `with`, `try` and `match` included."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from _flat(getattr(statement, name, []))
        for inner in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
            yield from _flat(inner.body)
