"""Modules that code imports when it runs: found, and loaded where they are the user's own. Knows no fingerprint."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import pkgutil
import sys
import types
from collections.abc import Mapping
from typing import Any

from tidemill.authoring.codetext import Import, Names
from tidemill.authoring.dynamic import ByText, Way
from tidemill.authoring.installed import own_file
from tidemill.authoring.references import is_own, is_own_binary, is_own_module
from tidemill.core.values import MISSING


def absolute(name: str, by: types.ModuleType, package: str = "") -> str:
    """The name of a module from that which another imports; as it is where it leads out of all packages."""
    with contextlib.suppress(ImportError):
        return importlib.util.resolve_name(name, package or by.__package__ or "")
    return name


def load_own(name: str) -> types.ModuleType | None:
    """The module, if it is the user's own; loaded now if it has not been. None for what is no module of theirs."""
    file = own_file(name) if name not in sys.modules else ""
    if is_own(file) or is_own_binary(file):
        # What cannot be imported fails when the task runs, which says it better; or it is no module.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    return sys.modules.get(name) if is_own_module(name) else None


def brought_by(imported: Import, by: types.ModuleType) -> tuple[types.ModuleType, str, Any] | None:
    """What an import binds, if it is the user's own: module, name in it ("" for the module itself) and value."""
    name = absolute(imported.module, by)
    module = load_own(name)
    if module is None:
        return None
    if not imported.name:
        top = sys.modules.get(name.partition(".")[0])
        found = top if imported.bound == name.partition(".")[0] else module
        return None if found is None else (module, "", found)
    value = getattr(module, imported.name, MISSING)
    if value is MISSING:
        value = load_own(f"{name}.{imported.name}") or MISSING
    return None if value is MISSING else (module, imported.name, value)


def modules_below(package: str) -> list[str]:
    """The package and every module in it, by name. They are loaded if they are packages."""
    module = load_own(package)
    if module is None:
        return []
    found = [package]
    for info in pkgutil.iter_modules(getattr(module, "__path__", ())):
        name = f"{package}.{info.name}"
        found += modules_below(name) if info.ispkg else [name]
    return found


def is_pythons_own(found: ByText, names: Names, local: frozenset[str], scope: Mapping[str, Any]) -> bool:
    """Whether what reaches for code by text is what it looks like, and not something of the user's of that name."""
    first, *rest = found.chain
    if first in names.stored and first in local:
        return False
    if found.way is Way.IMPORT and found.chain != ("__import__",):
        at = scope.get(first, MISSING)
        for name in rest:
            at = getattr(at, name, MISSING) if isinstance(at, types.ModuleType) else MISSING
        inside = any(one.bound == first and one.module == "importlib" for one in names.imports)
        return inside or at is importlib.import_module
    return (found.way is Way.NAMES and bool(rest)) or first not in scope
