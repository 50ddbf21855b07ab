"""Why a result is not reused: which part of the key differs from the last one kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The parts that differ, in words: `code changed; input 'rows' changed`; "it expired" if none does."""
    said: list[str] = []
    if old.get("function") != new.get("function"):
        said.append(f"the function is now {new.get('function')}")
    if old.get("code") != new.get("code"):
        said.append("code changed")
    for group, word in (("inputs", "input"), ("declared", "part")):
        said += [f"{word} {name!r} {how}" for name, how in _changes(old.get(group, {}), new.get(group, {}))]
    if old.get("outputs") != new.get("outputs"):
        said.append("the declared outputs changed")
    return "; ".join(said) or "the kept result has expired"


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = sorted(old.keys() | new.keys())
    found = []
    for name in names:
        if name not in old:
            found.append((name, "is new"))
        elif name not in new:
            found.append((name, "is gone"))
        elif old[name] != new[name]:
            found.append((name, f"changed from {_short(old[name])} to {_short(new[name])}"))
    return found


def _short(part: Any) -> str:
    if isinstance(part, dict) and "file" in part:
        return f"{part['file']} ({str(part.get('content')).rpartition(':')[2][:8]})"
    if isinstance(part, dict) and "content" in part:
        return str(part["content"]).rpartition(":")[2][:8]
    return f"{part!r:.40}"
