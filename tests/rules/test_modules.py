"""Every module says what it is for, and has a name that says it too."""

from __future__ import annotations

import ast

import pytest

from tests.rules.sources import PACKAGE, Module, modules

LONGEST_DOCSTRING = 6
# A drawn tree says more than its lines would in words, and does not count.
DRAWING = ("├", "└", "│")
EMPTY_NAMES = frozenset({"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"})


@pytest.mark.parametrize("module", modules().values(), ids=lambda module: module.name)
def test_a_module_says_what_it_is_for(module: Module) -> None:
    docstring = ast.get_docstring(module.tree)
    assert docstring, f"{module.place(1)} has no docstring"
    lines = [line for line in docstring.splitlines() if not line.startswith(DRAWING)]
    assert len(lines) <= LONGEST_DOCSTRING, f"{module.place(1)}: the docstring has {len(lines)} lines"


def test_no_name_says_nothing() -> None:
    assert [name for name in modules() if not EMPTY_NAMES.isdisjoint(name.split("."))] == []


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []
