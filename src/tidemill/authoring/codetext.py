"""Source text without what does not matter, and the names it reaches for. Works on syntax trees only."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_OURS = frozenset({"task", "pipeline"})


@dataclass(frozen=True, slots=True)
class Names:
    """`chains` are names with what is asked of them (`("helpers", "clean")`), `imports` modules imported inside."""

    chains: tuple[tuple[str, ...], ...]
    imports: tuple[str, ...]


def plain_text(tree: ast.AST) -> str:
    """The code in one form: without comments, docstrings, and the decorators that make tasks of functions."""
    return ast.unparse(_Stripped().visit(copy.deepcopy(tree)))


class _Stripped(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._strip(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._strip(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._strip(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._strip(node)

    def _strip(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        if not isinstance(node, ast.Module):
            node.decorator_list = [item for item in node.decorator_list if _decorator_name(item) not in _OURS]
        self.generic_visit(node)
        return node


def _decorator_name(decorator: ast.expr) -> str:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""


def names_in(tree: ast.AST) -> Names:
    """Every name the code reads and does not make itself, in order of appearance."""
    collector = _Collector()
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        # What the decorators of a task take are options, not code.
        tree = copy.copy(tree)
        tree.decorator_list = [item for item in tree.decorator_list if _decorator_name(item) not in _OURS]
    collector.visit(tree)
    own = collector.made if not isinstance(tree, ast.Module | ast.ClassDef) else set()
    chains = dict.fromkeys(chain for chain in collector.chains if chain[0] not in own - collector.of_module)
    return Names(tuple(chains), tuple(dict.fromkeys(collector.imports)))


class _Collector(ast.NodeVisitor):
    def __init__(self) -> None:
        self.chains: list[tuple[str, ...]] = []
        self.imports: list[str] = []
        self.made: set[str] = set()
        self.of_module: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.chains.append((node.id,))
        else:
            self.made.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain: list[str] = []
        at: ast.expr = node
        while isinstance(at, ast.Attribute):
            chain.append(at.attr)
            at = at.value
        if isinstance(at, ast.Name):
            self.chains.append((at.id, *reversed(chain)))
        else:
            self.visit(at)

    def visit_arg(self, node: ast.arg) -> None:
        self.made.add(node.arg)
        if node.annotation is not None:
            self.visit(node.annotation)

    def visit_Global(self, node: ast.Global) -> None:
        self.of_module.update(node.names)

    def visit_Import(self, node: ast.Import) -> None:
        self.imports += [alias.name for alias in node.names]
        self.made.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module and not node.level:
            self.imports.append(node.module)
        self.made.update(alias.asname or alias.name for alias in node.names)


def statements_binding(tree: ast.Module, name: str) -> Iterator[ast.stmt]:
    """The statements at module level (under `if`, `for`, `with` and `try` too) that give `name` its value."""
    todo: list[ast.stmt] = list(tree.body)
    while todo:
        statement = todo.pop(0)
        if _binds(statement, name):
            yield statement
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for part in ("body", "orelse", "finalbody"):
                todo += getattr(statement, part, [])
            for handler in getattr(statement, "handlers", []):
                todo += handler.body


def _binds(statement: ast.stmt, name: str) -> bool:
    match statement:
        case ast.Assign(targets=targets):
            return any(_names(target, name) for target in targets)
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target) | ast.For(target=target):
            return _names(target, name)
        case ast.With(items=items):
            return any(item.optional_vars is not None and _names(item.optional_vars, name) for item in items)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return any((alias.asname or alias.name.partition(".")[0]) == name for alias in names)
    return False


def _names(target: ast.expr, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(target))
