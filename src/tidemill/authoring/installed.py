"""What can be told of a module without importing it: its version, and whether its file is the user's own."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from tidemill.core.blake import blake2b


@cache
def installed_version(top: str) -> str:
    """The version of the distribution that brought a top-level module; "" for Python's own, and where none says."""
    if top in sys.stdlib_module_names:
        return ""
    try:
        return metadata.version(top)
    except (metadata.PackageNotFoundError, ValueError):
        # Its distribution has another name, as that of sklearn has.
        names = sorted(metadata.packages_distributions().get(top, ()))
        return ", ".join(f"{name} {metadata.version(name)}" for name in names)


@cache
def digest_of_file(file: str) -> str:
    """Of a file that stays as it is while this process has it loaded; "" if it cannot be read."""
    try:
        return blake2b(Path(file).read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return ""


def own_file(module: str) -> str:
    """The file that the top level of a module would come from, or "": enough to see whose it is."""
    try:
        spec = importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        return ""
    if spec is None:
        return ""
    if spec.origin is not None:
        return spec.origin
    folders = list(spec.submodule_search_locations or ())
    return str(Path(folders[0]) / "__init__.py") if folders else ""
