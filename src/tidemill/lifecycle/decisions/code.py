"""Which code decides: the sources of a judge and of all it imports that may sway a verdict, as digests.

Reads source files; runs in a task when something is judged, and here when it is judged again.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from tidemill.core.values import Json
from tidemill.lifecycle.decisions import judges
from tidemill.lifecycle.decisions.canonical import write
from tidemill.lifecycle.decisions.record import digest_of
from tidemill.lifecycle.surroundings import surroundings

DECIDES = ("tidemill.lifecycle", "tidemill.statistics")
"""Packages whose code may sway a verdict; what a judge imports from elsewhere is vocabulary."""

LIBRARIES = ("tidemill", "numpy", "pandas", "scipy")


def deciding_code(kind: str) -> dict[str, Json]:
    """What to record of the code that judges decisions of this kind; {} if there is none here.

    `digest` is that of `modules`, which has a digest for each; `versions` are those of the libraries and the machine.
    """
    if kind not in judges.JUDGES:
        return {}
    found = modules_of(judges.JUDGES[kind].partition(":")[0])
    return {"digest": digest_of(write(found)), "modules": found, "versions": surroundings(LIBRARIES)}


def changed(then: Mapping[str, Json], now: Mapping[str, Json]) -> list[str]:
    """What differs between two answers of `deciding_code`, a phrase each; nothing if the code is the same."""
    before, after = _texts(then.get("modules")), _texts(now.get("modules"))
    phrases = []
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            how = "is new" if name not in before else "is gone" if name not in after else "has changed"
            phrases.append(f"{name} {how}")
    old, new = _texts(then.get("versions")), _texts(now.get("versions"))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            phrases.append(f"{name} was {old.get(name, 'absent')} and is {new.get(name, 'absent')}")
    return phrases


def modules_of(module: str, within: tuple[str, ...] = DECIDES) -> dict[str, str]:
    """The digests of a module and of all that it imports, directly or not, `within` these packages."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _source(name)
        if name in found or path is None:
            continue
        source = path.read_bytes()
        found[name] = "sha256:" + hashlib.sha256(source).hexdigest()
        waiting += [one for one in _imported(source) if one.startswith(tuple(f"{package}." for package in within))]
    return dict(sorted(found.items()))


def _imported(source: bytes) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield module
                # A name may be a module of that package.
                yield from (f"{module}.{alias.name}" for alias in names)
            case _:
                pass


def _source(module: str) -> Path | None:
    """The file of a module, found without importing it or its parents."""
    top, *rest = module.split(".")
    spec = find_spec(top)
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    for folder in spec.submodule_search_locations or ():
        place = Path(folder, *rest)
        for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
            if file.is_file():
                return file
    return None


def _texts(found: Json) -> dict[str, str]:
    return {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}
