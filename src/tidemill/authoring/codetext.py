"""Source text without what does not matter, and the names it reaches for. Works on syntax trees only."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from tidemill.authoring.dynamic import ByText, by_text, chain_of, runs_text

OURS = frozenset({"task", "pipeline"})


@dataclass(frozen=True, slots=True)
class Import:
    """`from module import name as bound`, or without `name` `import module as bound`; `module` may be relative."""

    module: str
    name: str
    bound: str

    def modules(self) -> tuple[str, ...]:
        """Those that it loads; the last may turn out to be none."""
        inside = self.module if self.module.endswith(".") else f"{self.module}."
        return (self.module, inside + self.name) if self.name not in ("", "*") else (self.module,)


@dataclass(frozen=True, slots=True)
class Names:
    """`chains` are names with what is asked of them (`("helpers", "clean")`), `imports` what is imported inside.

    `made` are names that the code binds somewhere in it, perhaps only in a function inside it; those in `stored` are
    bound by something else than an import. `dynamic`: where a function reaches for code by text.
    """

    chains: tuple[tuple[str, ...], ...]
    imports: tuple[Import, ...]
    made: frozenset[str] = frozenset()
    stored: frozenset[str] = frozenset()
    dynamic: tuple[ByText, ...] = ()

    def brought(self) -> dict[str, Import]:
        """The imports by the names that they, and nothing else, give a value, and that are read."""
        read = {chain[0] for chain in self.chains}
        several = [imported.bound for imported in self.imports]
        return {
            imported.bound: imported
            for imported in self.imports
            if imported.bound in read and imported.bound not in self.stored and several.count(imported.bound) == 1
        }


def strip(tree: ast.Module, aliases: Collection[str] = ()) -> None:
    """Take out docstrings, and the decorators that make tasks of functions, under their own names or `aliases`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            if not isinstance(node, ast.Module):
                node.decorator_list = [one for one in node.decorator_list if not _makes_a_task(one, aliases)]


def _makes_a_task(decorator: ast.expr, aliases: Collection[str]) -> bool:
    *_, name = chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator) or ("",)
    return name in OURS or name in aliases


def names_in(tree: ast.AST) -> Names:
    """Every name the code reads, in order of appearance."""
    collector = _Collector()
    collector.visit(tree)
    outside = isinstance(tree, ast.Module | ast.ClassDef)
    stored = frozenset() if outside else frozenset(collector.stored)
    return Names(
        tuple(dict.fromkeys(collector.chains)),
        tuple(dict.fromkeys(collector.imports)),
        frozenset() if outside else stored | {imported.bound for imported in collector.imports},
        stored,
        tuple(dict.fromkeys(collector.dynamic)),
    )


class _Collector(ast.NodeVisitor):
    def __init__(self) -> None:
        self.chains: list[tuple[str, ...]] = []
        self.imports: list[Import] = []
        self.stored: set[str] = set()
        self.dynamic: list[ByText] = []
        self.depth = 0
        """In so many functions: what stands in none has happened when the module is there."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node, node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node, [node.body])

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, body: Sequence[ast.AST]) -> None:
        self.visit(node.args)
        if not isinstance(node, ast.Lambda):
            for decorator in node.decorator_list:
                self.visit(decorator)
            if node.returns is not None:
                self._annotation(node.returns)
            for parameter in getattr(node, "type_params", ()):
                self.visit(parameter)
        self.depth += 1
        for part in body:
            self.visit(part)
        self.depth -= 1

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.chains.append((node.id,))
        else:
            self.stored.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = chain_of(node)
        if chain:
            self.chains.append(chain)
            return
        at: ast.expr = node
        while isinstance(at, ast.Attribute):
            at = at.value
        self.visit(at)

    def visit_Call(self, node: ast.Call) -> None:
        text = runs_text(node)
        if text is not None:
            with contextlib.suppress(SyntaxError, ValueError):
                self.visit(ast.parse(text))
        self._dynamic(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._dynamic(node)

    def _dynamic(self, node: ast.Call | ast.Subscript) -> None:
        found = by_text(node) if self.depth else None
        if found is not None:
            self.dynamic.append(found)
        self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        self.stored.add(node.arg)
        if node.annotation is not None:
            self._annotation(node.annotation)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        self._annotation(node.annotation)
        if node.value is not None:
            self.visit(node.value)

    def _annotation(self, node: ast.expr) -> None:
        """What is quoted in it is code, too."""
        self.visit(node)
        if isinstance(node, ast.Subscript) and (chain_of(node.value) or ("",))[-1] == "Literal":
            return
        for inner in ast.walk(node):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                with contextlib.suppress(SyntaxError, ValueError):
                    self.visit(ast.parse(inner.value, mode="eval"))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname is None and "." in alias.name:
                # It binds the first of them, and loads them all.
                self.imports.append(Import(alias.name, "", alias.name.partition(".")[0]))
            else:
                self.imports.append(Import(alias.name, "", alias.asname or alias.name))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        self.imports += [Import(module, alias.name, alias.asname or alias.name) for alias in node.names]


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
