"""Why a result is not reused: which part of the key differs from the last one kept, and which code that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidemill.core.values import canonical
from tidemill.planning.cachekey import NOT_THERE, UNREADABLE

_SHOWN = 3
"""So many changes of code are named, the others counted."""

_LONG = 40


def differences(old: Mapping[str, Any], new: Mapping[str, Any], code: Sequence[str] = ()) -> str:
    """The parts that differ, in words: `code of churn.clean changed; input 'rows' changed`; "it expired" if none does.

    `code` are the changes of the code, if they are known.
    """
    said: list[str] = []
    if old.get("function") != new.get("function"):
        said.append(f"the function is now {new.get('function')}")
    if old.get("code") != new.get("code"):
        said += [*code[:_SHOWN], *([f"{len(code) - _SHOWN} more changes of code"] if len(code) > _SHOWN else [])]
        said += [] if code else ["code changed"]
    for group, word in (("inputs", "input"), ("declared", "part")):
        said += [f"{word} {name!r} {how}" for name, how in _changes(old.get(group, {}), new.get(group, {}))]
    if old.get("outputs") != new.get("outputs"):
        said.append("the declared outputs changed")
    return "; ".join(said) or "the kept result has expired"


def distance(old: Mapping[str, Any], new: Mapping[str, Any]) -> int:
    """How many parts differ: of several results that were kept, the nearest tells most."""
    apart = sum(bool(old.get(name) != new.get(name)) for name in ("function", "code", "outputs"))
    return apart + sum(len(_changes(old.get(group, {}), new.get(group, {}))) for group in ("inputs", "declared"))


def code_changes(old: Mapping[str, Any], new: Mapping[str, Any], function: str, root: str = "") -> tuple[str, ...]:
    """What became of the code that a function reaches, in words, each with its place; own code before libraries.

    `old` and `new` are what definitions keep of their code: {"parts": {name: [digest, file, line]}, "uses": {function:
    names}}. Files below the folder `root` are named from there. What goes by another name alone is not seen.
    """
    before, after = _parts(old, function), _parts(new, function)
    if not before or not after:
        return ()
    own = [name for name in sorted(before.keys() | after.keys()) if (after.get(name) or before[name])[1]]
    libraries = [name for name in sorted(before.keys() | after.keys()) if name not in own]
    return (*_of_own(own, before, after, root), *_of_libraries(libraries, before, after))


def _parts(code: Mapping[str, Any], function: str) -> dict[str, Sequence[Any]]:
    parts = code.get("parts", {})
    return {name: parts[name] for name in code.get("uses", {}).get(function, ()) if name in parts}


def _of_own(
    names: Sequence[str], before: Mapping[str, Sequence[Any]], after: Mapping[str, Sequence[Any]], root: str
) -> Iterator[str]:
    """What has a place to look at comes first, since not all may be told."""
    both = [name for name in names if name in before and name in after]
    yield from (
        f"code of {name} changed in {_place(after[name], root)}" for name in both if before[name][0] != after[name][0]
    )
    yield from (f"code now reaches {name} in {_place(after[name], root)}" for name in names if name not in before)
    yield from (f"code no longer reaches {name}" for name in names if name not in after)


def _of_libraries(
    names: Sequence[str], before: Mapping[str, Sequence[Any]], after: Mapping[str, Sequence[Any]]
) -> Iterator[str]:
    for name in names:
        if name not in after:
            yield f"code no longer uses {name}"
        elif name not in before:
            yield f"code now uses {name} {after[name][0]}"
        elif before[name][0] != after[name][0]:
            yield f"{name} was {before[name][0]} and is now {after[name][0]}"


def _place(part: Sequence[Any], root: str) -> str:
    _, file, line = part
    shown = file.removeprefix(f"{root}/") if root else file
    return f"{shown}:{line}" if line else str(shown)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = sorted(old.keys() | new.keys())
    found = []
    for name in names:
        if name not in old:
            found.append((name, "is new"))
        elif name not in new:
            found.append((name, "is gone"))
        elif canonical(old[name]) != canonical(new[name]):  # to Python 1, 1.0 and True are equal
            before, after = _short(old[name]), _short(new[name])
            found.append((name, f"changed from {before} to {after}" if before != after else f"changed inside: {after}"))
    return found


def _short(part: Any) -> str:
    match part:
        case {"file": file, "content": content} if content == NOT_THERE:
            return f"{file}, which is not there"
        case {"file": file, "content": str(content)} if content.startswith(UNREADABLE):
            return f"{file}, which cannot be read ({content.removeprefix(UNREADABLE)})"
        case {"file": file, **rest}:
            return f"{file} ({str(rest.get('content')).rpartition(':')[2][:8]})"
        case {"outside": _, "version": version}:
            return f"version {version!s:.{_LONG}}"
        case {"content": content}:
            return str(content).rpartition(":")[2][:8]
    said = repr(part)
    match part:
        case list() | dict() if len(said) > _LONG:
            return f"a {type(part).__name__} of {len(part)}"
    return said if len(said) <= _LONG else f"{said[: _LONG - 1]}…"
