"""What import-linter does not say: no cycles, no imports hidden in functions, each foreign library in its place."""

from __future__ import annotations

import graphlib
import sys

import pytest

from tests.rules.sources import Module, imports, modules

# A library on the left is imported below the places on the right and nowhere else.
LIBRARY_PLACES = {
    "alembic": ("tidemill.storage.metadata",),
    "click": ("tidemill.cli",),
    "fastapi": ("tidemill.api",),
    "adlfs": ("tidemill.storage.artifacts.remote_azure",),
    "fsspec": ("tidemill.storage.artifacts",),
    "gcsfs": ("tidemill.storage.artifacts.remote_gcs",),
    "s3fs": ("tidemill.storage.artifacts.remote_s3",),
    "psycopg": ("tidemill.storage.metadata",),
    "rich": ("tidemill.cli",),
    "sqlalchemy": ("tidemill.storage.metadata",),
    "sqlite3": ("tidemill.storage.metadata",),
}
# These stay in the adapter that carries their name.
NAMED_LIBRARIES = ("kubernetes", "mlflow", "ray")
LAZY_PLACES = ("tidemill.cli", "tidemill.plugins")


def test_there_is_something_to_look_at() -> None:
    assert "tidemill" in modules()
    assert any(True for module in modules().values() for _ in imports(module))


def test_there_is_no_import_cycle() -> None:
    graph = {
        name: {found.target for found in imports(module) if found.target in modules() and not found.in_function}
        for name, module in modules().items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail("import cycle: " + " -> ".join(reversed(error.args[1])), pytrace=False)


def test_no_import_is_hidden_in_a_function() -> None:
    hidden = [
        f"{module.place(found.line)} imports {found.target}"
        for module in modules().values()
        if not module.within(*LAZY_PLACES)
        for found in imports(module)
        if found.in_function and _top(found.target) == "tidemill"
    ]
    assert hidden == []


def test_each_library_is_imported_in_its_place_only() -> None:
    strays = [
        f"{module.place(found.line)} imports {found.target}"
        for module in modules().values()
        for found in imports(module)
        if not _allowed(module, _top(found.target))
    ]
    assert strays == []


def test_core_needs_the_standard_library_only() -> None:
    foreign = [
        f"{module.place(found.line)} imports {found.target}"
        for module in modules().values()
        if module.within("tidemill.core")
        for found in imports(module)
        if _top(found.target) not in sys.stdlib_module_names and not found.target.startswith("tidemill.core")
    ]
    assert foreign == []


def _top(target: str) -> str:
    return target.partition(".")[0]


def _allowed(module: Module, library: str) -> bool:
    if library in NAMED_LIBRARIES:
        return any(part.startswith(library) for part in module.name.split(".")[1:])
    return library not in LIBRARY_PLACES or module.within(*LIBRARY_PLACES[library])
