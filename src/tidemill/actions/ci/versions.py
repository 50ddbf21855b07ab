"""The versions of actions that generated workflows use, and when they were looked up. Nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LOOKED_UP = "2026-11-21"

ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "actions/checkout": "v7",
        "actions/setup-python": "v7",
        "actions/cache": "v6",
        # These two go together: each reads and writes what the other does.
        "actions/upload-artifact": "v7",
        "actions/download-artifact": "v8",
    }
)
"""The newest major version of each. They run on Node 24."""


def pinned(action: str) -> str:
    """`actions/checkout@v7`."""
    return f"{action}@{ACTIONS[action]}"


def outdated(uses: str) -> str:
    """The version to use instead, if an action of the table is used in an older major version."""
    name, _, version = uses.partition("@")
    newest = ACTIONS.get(name.lower(), "")
    old = version.removeprefix("v").partition(".")[0]
    return pinned(name.lower()) if newest and old.isdigit() and int(old) < int(newest[1:]) else ""
