"""What code ran on, as far as it may sway the last digits of what it computes."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version


def surroundings(libraries: Iterable[str]) -> dict[str, str]:
    """Python, the machine, and the versions of those libraries that are installed."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for library in libraries:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
