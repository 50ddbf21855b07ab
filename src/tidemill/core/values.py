"""Values: JSON that may hold references to artifacts, dates and durations, and keeps int apart from float.

In memory a value is plain Python (None, bool, int, float, str, list, dict with str keys) plus `ArtifactRef`, `date`,
`datetime` and `timedelta`. `encode` gives pure JSON, where an object with the single key "$" + tag carries what JSON
cannot; `decode` is its inverse.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeAlias

from tidemill.core.blake import blake2b

Value: TypeAlias = Any
"""A value as defined in the module docstring."""

Json: TypeAlias = Any
"""What `json.loads` can return."""

LONGEST_INT = 4096
"""Bits of the largest whole number; Python itself refuses to write much longer ones."""


_LEAVES = frozenset({type(None), bool, int, float, str})
_SAME = frozenset({type(None), bool})
"""Types whose every instance is its own plain form; a number may be too long or infinite, a text half a pair."""
_SMALL = 1 << 63

_write_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_write_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A reference to an artifact record, or with `at` to one item inside what it holds.

    `at` is applied by the worker after loading, so the engine never opens the content.
    """

    id: str
    at: tuple[str | int, ...] = ()

    def item(self, key: str | int) -> ArtifactRef:
        return ArtifactRef(self.id, (*self.at, key))


class Missing(Enum):
    """The one marker for "no value": absent is not null."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing.MISSING


class NotAValue(TypeError):
    """An object that a value cannot hold; `where` is the path to it inside the whole, such as `[2].name`."""

    def __init__(self, found: object, where: str, kind: str = "") -> None:
        kind = kind or f"{type(found).__module__}.{type(found).__qualname__}"
        super().__init__(f"{kind} is not a plain value{f' (at {where})' if where else ''}")
        self.kind = kind
        self.where = where


def normalize(found: object, where: str = "") -> Value:
    """The value that stands for `found`. Raises NotAValue.

    Tuples become lists, enums their value, paths their text; numbers that numpy or torch wraps and dates of pandas
    become Python's where nothing is lost by it; an object with a method `to_value` becomes what that gives.
    """
    match found:
        case Enum() if not isinstance(found, Missing):
            return normalize(found.value, where)
        case None | bool() | ArtifactRef():
            return found
        case date() | timedelta():
            return _plain_date(found, where)
        case int():
            return _whole(int(found), where)
        case float():
            return float(found)
        case str():
            return _text(str(found), where)
        case PurePath():
            return str(found)
        case Mapping():
            plain: dict[str, Value] = {}
            for key, item in found.items():
                if not isinstance(key, str):
                    raise NotAValue(key, f"{where} key {key!r}".strip())
                # Most items are leaves that need no place.
                plain[_text(str(key), where)] = item if _is_normal(item) else normalize(item, f"{where}.{key}")
            return plain
        case bytes() | bytearray() | memoryview():
            raise NotAValue(found, where)
        case Sequence():
            return [item if _is_normal(item) else normalize(item, f"{where}[{n}]") for n, item in enumerate(found)]
        case _ if not isinstance(found, type) and callable(to_value := getattr(found, "to_value", None)):
            return normalize(to_value(), where)
        case _:
            return _wrapped_number(found, where)


def _is_normal(found: Any) -> bool:
    """Whether `normalize` would surely give the very same; false says nothing."""
    kind = type(found)
    if kind is str:
        return str.isascii(found)
    if kind is int:
        return int.bit_length(found) < 64
    return found is None or kind is float or kind is bool


def _plain_date(found: date | timedelta, where: str) -> Value:
    """Of classes derived from dates, such as those of pandas, only what says no more than a date of Python."""
    if type(found) in (date, datetime, timedelta):
        return found
    convert = getattr(found, "to_pydatetime", None) or getattr(found, "to_pytimedelta", None)
    if convert is None or getattr(found, "nanosecond", getattr(found, "nanoseconds", 0)) != 0:
        raise NotAValue(found, where)
    plain = convert()
    if type(plain) not in (datetime, timedelta):
        raise NotAValue(found, where)
    return plain


def _wrapped_number(found: object, where: str) -> Value:
    """The library of a number is told by name, and so need not be imported."""
    library = type(found).__module__.partition(".")[0]
    dtype = getattr(found, "dtype", None)
    if library not in ("numpy", "torch") or getattr(found, "shape", None) != () or getattr(dtype, "kind", "f") in "mM":
        raise NotAValue(found, where)
    number = found.item()  # type: ignore[attr-defined]
    if not isinstance(number, bool | int | float):
        raise NotAValue(found, where)
    return number


def encode(value: Value) -> Json:
    """Pure JSON for a value. Raises NotAValue for anything else."""
    # The usual leaves first, and without a call where they stand in a list or dict: most of every value.
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _text(value)
    if kind is float and math.isfinite(value):
        return value
    if kind is int:
        return value if -_SMALL < value < _SMALL else _whole(value)
    match value:
        case dict():
            plain = {
                key if type(key) is str and key.isascii() else _text(key): item
                if ((leaf := type(item)) is str and item.isascii()) or leaf in _SAME
                else encode(item)
                for key, item in value.items()
            }
            if len(plain) == 1 and next(iter(plain)).startswith("$"):
                return {"$dict": plain}
            return plain
        case list() | tuple():
            return [
                item if ((leaf := type(item)) is str and item.isascii()) or leaf in _SAME else encode(item)
                for item in value
            ]
        case None | bool():
            return value
        case ArtifactRef():
            return {"$artifact": [value.id, *value.at]}
        case datetime():
            return {"$datetime": value.isoformat()}
        case date():
            return {"$date": value.isoformat()}
        case timedelta():
            return {"$seconds": [value.days * 86400 + value.seconds, value.microseconds]}
        case str():
            return _text(value)
        case int():
            return _whole(value)
        case float():
            if math.isfinite(value):
                return value
            return {"$float": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}
        case _:
            raise NotAValue(value, "")


def _text(value: object, where: str = "") -> str:
    if not isinstance(value, str):
        raise NotAValue(value, f"key {value!r:.40}")
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError:
        raise NotAValue(value, where, "text with a lone surrogate") from None
    return value


def _whole(value: int, where: str = "") -> int:
    if value.bit_length() > LONGEST_INT:
        raise NotAValue(value, where, f"a whole number of more than {LONGEST_INT} bits")
    return value


def decode(plain: Json) -> Value:
    """The value that `encode` turned into `plain`. Raises ValueError for an unknown tag."""
    if isinstance(plain, dict):
        if len(plain) == 1:
            ((tag, content),) = plain.items()
            if tag.startswith("$"):
                return _decode_tagged(tag, content)
        return {key: item if type(item) in _LEAVES else decode(item) for key, item in plain.items()}
    if isinstance(plain, list):
        return [item if type(item) in _LEAVES else decode(item) for item in plain]
    return plain


def _decode_tagged(tag: str, content: Json) -> Value:
    match tag:
        case "$float":
            return float(content)
        case "$dict":
            return {key: decode(item) for key, item in content.items()}
        case "$artifact":
            return _decode_reference(content)
        case "$datetime":
            return datetime.fromisoformat(content)
        case "$date":
            return date.fromisoformat(content)
        case "$seconds":
            return timedelta(seconds=content[0], microseconds=content[1])
        case _:
            raise ValueError(f"unknown value tag {tag!r}")


def _decode_reference(content: Json) -> ArtifactRef:
    match content:
        case [str(id), *at] if all(isinstance(key, str | int) and not isinstance(key, bool) for key in at):
            return ArtifactRef(id, tuple(at))
        case _:
            raise ValueError("an artifact reference is a list of its id and a path of keys and positions")


def canonical(plain: Json) -> str:
    """The one JSON text of plain data: sorted keys, no spaces, UTF-8, no NaN."""
    return _write_canonical(plain)


def compact(plain: Json) -> str:
    """JSON text without spaces that keeps the order of keys: what is stored. Equal data may have different texts."""
    return _write_compact(plain)


def digest(plain: Json) -> str:
    """32-byte BLAKE2b of the canonical text, as `blake2b:<hex>`."""
    return "blake2b:" + blake2b(canonical(plain).encode(), digest_size=32).hexdigest()


def references(value: Value) -> Iterator[ArtifactRef]:
    """Every artifact reference inside a value, in order."""
    match value:
        case ArtifactRef():
            yield value
        case list() | tuple():
            for item in value:
                yield from references(item)
        case dict():
            for item in value.values():
                yield from references(item)


def pick(value: Value, path: Sequence[str | int]) -> Value:
    """The item at `path` inside a value, or MISSING; a path through an artifact is left for the worker."""
    for n, key in enumerate(path):
        match value:
            case ArtifactRef():
                return ArtifactRef(value.id, (*value.at, *path[n:]))
            case dict() if isinstance(key, str) and key in value:
                value = value[key]
            case list() if isinstance(key, int) and not isinstance(key, bool) and -len(value) <= key < len(value):
                value = value[key]
            case _:
                return MISSING
    return value
