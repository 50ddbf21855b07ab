"""The parts of a key with what is outside as it is now: the content of files, the versions of URIs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tidemill.core.values import Json, digest
from tidemill.planning.cachekey import FILE, NOT_THERE, OUTSIDE, UNREADABLE
from tidemill.storage.artifacts.digests import digest_of_stream


def observed(parts: Mapping[str, Any], version: Callable[[str], str]) -> dict[str, Any]:
    """The parts, completed. `version` answers for a URI, and raises what it raises."""
    seen = {group: _seen(parts.get(group, {}), version) for group in ("inputs", "declared")}
    return {**parts, **seen}


def _seen(part: Json, version: Callable[[str], str]) -> Json:
    match part:
        case {"file": str(name), **rest} if not rest:
            return {FILE: name, "content": _content_of(Path(name))}
        case {"outside": str(uri), "at": list(at), **rest} if not rest:
            # A key is kept for long, and a URI may hold a password or a token.
            return {OUTSIDE: digest(uri), "at": at, "version": version(uri)}
        case dict():
            return {name: _seen(inner, version) for name, inner in part.items()}
        case list():
            return [_seen(inner, version) for inner in part]
    return part


def _content_of(path: Path) -> str:
    try:
        if path.is_dir():
            found = sorted(entry for entry in path.rglob("*") if entry.is_file())
            listed = [[entry.relative_to(path).as_posix(), _digest(entry)] for entry in found]
            return digest(listed)
        return _digest(path)
    except (FileNotFoundError, NotADirectoryError):
        return NOT_THERE
    except OSError as problem:
        return f"{UNREADABLE}{problem.strerror}"


def _digest(path: Path) -> str:
    with path.open("rb") as source:
        return digest_of_stream(source)[0]
