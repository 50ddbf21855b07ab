"""Source text without what does not matter, and the names it reaches for. Works on syntax trees only."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_OURS = frozenset({"task", "pipeline"})


@dataclass(frozen=True, slots=True)
class Names:
    """`chains` are names with what is asked of them (`("helpers", "clean")`), `imports` modules imported inside.

    `made` are names that the code binds somewhere in it, perhaps only in a function inside it. What is imported may be
    relative (`.helpers`), and may turn out to be no module (`helpers.clean`).
    """

    chains: tuple[tuple[str, ...], ...]
    imports: tuple[str, ...]
    made: frozenset[str] = frozenset()


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
    """Every name the code reads, in order of appearance."""
    collector = _Collector()
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        # What the decorators of a task take are options, not code.
        tree = copy.copy(tree)
        tree.decorator_list = [item for item in tree.decorator_list if _decorator_name(item) not in _OURS]
    collector.visit(tree)
    made = frozenset() if isinstance(tree, ast.Module | ast.ClassDef) else frozenset(collector.made)
    return Names(tuple(dict.fromkeys(collector.chains)), tuple(dict.fromkeys(collector.imports)), made)


class _Collector(ast.NodeVisitor):
    def __init__(self) -> None:
        self.chains: list[tuple[str, ...]] = []
        self.imports: list[str] = []
        self.made: set[str] = set()

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

    def visit_Import(self, node: ast.Import) -> None:
        self.imports += [alias.name for alias in node.names]
        self.made.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        inside = module if module.endswith(".") else module + "."
        self.imports += [module, *(inside + alias.name for alias in node.names if alias.name != "*")]
        self.made.update(alias.asname or alias.name for alias in node.names)


def bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement by itself binds, those of a star import aside."""
    match statement:
        case ast.Assign(targets=targets):
            yield from (name for target in targets for name in _targets(target))
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target) | ast.For(target=target):
            yield from _targets(target)
        case ast.With(items=items):
            yield from (name for item in items if item.optional_vars for name in _targets(item.optional_vars))
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in names if alias.name != "*")
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name


def _targets(target: ast.expr) -> Iterator[str]:
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name))
