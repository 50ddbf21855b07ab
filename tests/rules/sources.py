"""The sources of the package as the rules look at them: module names, syntax trees, imports. Imports none of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "tidemill"

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Module:
    """One file of the package; `name` is dotted, a package bears the name of its folder."""

    name: str
    path: Path
    tree: ast.Module

    def place(self, line: int) -> str:
        return f"{self.path.relative_to(ROOT)}:{line}"

    def within(self, *packages: str) -> bool:
        return any(self.name == package or self.name.startswith(package + ".") for package in packages)


@dataclass(frozen=True)
class Import:
    """One imported name: `target` is a module of the package where it is one, else what the statement names."""

    target: str
    line: int
    in_function: bool


@cache
def modules() -> dict[str, Module]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, path, ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return found


def imports(module: Module) -> Iterator[Import]:
    """The imports of a module; relative ones are refused by the linter and not looked for."""
    for node, in_function in _walk(module.tree, False):
        match node:
            case ast.Import(names=names):
                for name in names:
                    yield Import(name.name, node.lineno, in_function)
            case ast.ImportFrom(module=str(source), names=names):
                for name in names:
                    inner = f"{source}.{name.name}"
                    yield Import(inner if inner in modules() else source, node.lineno, in_function)


def _walk(node: ast.AST, in_function: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        yield child, in_function
        yield from _walk(child, in_function or isinstance(child, Function))
