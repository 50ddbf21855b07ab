"""Dataclasses to plain JSON and back, driven by their fields, so that no record has a hand-written mirror.

A union member carries its class name under "is"; a field with its default value is left out; values go through
`core.values`. This is the long way, which names the place of what is wrong; `core.plain_quick` does the same for what
is right, and goes first.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

from tidemill.core import plain_quick
from tidemill.core.plain_quick import LEAVES, TAG, default_of, is_default
from tidemill.core.values import ArtifactRef, Json, Missing, decode, encode

D = TypeVar("D")


class Malformed(ValueError):
    """Plain data that does not have the shape of the class it should become."""


def to_plain(record: Any) -> Json:
    """Plain JSON of a dataclass instance. Raises NotAValue."""
    try:
        return plain_quick.write(record)
    except Exception:
        return to_plain_at_length(record)


def from_plain(cls: type[D], plain: Json) -> D:
    """The instance of `cls` that `to_plain` wrote. Raises Malformed."""
    try:
        found: D = plain_quick.reader(cls)(plain)
        return found
    except Exception:
        return from_plain_at_length(cls, plain)


def to_plain_at_length(record: Any) -> Json:
    """What `to_plain` gives, worked out the long way."""
    return _record_out(record, tagged=False)


def from_plain_at_length(cls: type[D], plain: Json) -> D:
    """What `from_plain` gives, worked out the long way."""
    try:
        return typing.cast(D, _record_in(cls, plain, cls.__name__))
    except RecursionError:
        raise Malformed(f"{cls.__name__}: nested too deeply") from None


# --- out --------------------------------------------------------------------------------------------------------------


def _record_out(record: Any, tagged: bool) -> Json:
    plain: dict[str, Json] = {TAG: type(record).__name__} if tagged else {}
    for name, default, _, write, _ in _fields(type(record)):
        value = getattr(record, name)
        if default is not dataclasses.MISSING and is_default(value, default):
            continue
        plain[name] = write(value)
    return plain


# --- in ---------------------------------------------------------------------------------------------------------------


def _record_in(cls: type, plain: Json, where: str) -> Any:
    if not isinstance(plain, dict):
        raise Malformed(f"{where}: an object is expected, not {type(plain).__name__}")
    known = _fields(cls)
    unknown = plain.keys() - {field[0] for field in known} - {TAG}
    if unknown:
        raise Malformed(f"{where}: unknown field {sorted(unknown)[0]!r}")
    values = {}
    for name, _, required, _, read in known:
        if name in plain:
            values[name] = read(plain[name], f"{where}.{name}")
        elif required:
            raise Malformed(f"{where}: field {name!r} is missing")
    return cls(**values)


# --- how a field is written and read, worked out once for each class --------------------------------------------------

Write = Callable[[Any], Json]
Reader = Callable[[Json, str], Any]
_Field = tuple[str, Any, bool, Write, Reader]


_known: dict[type, tuple[_Field, ...]] = {}


def _fields(cls: type) -> tuple[_Field, ...]:
    if cls not in _known:
        _known[cls] = _work_out(cls)
    return _known[cls]


def _work_out(cls: type) -> tuple[_Field, ...]:
    hints = typing.get_type_hints(cls)
    found: list[_Field] = []
    for field in dataclasses.fields(cls):
        default = default_of(field)
        write, read = _codec(hints[field.name])
        found.append((field.name, default, default is dataclasses.MISSING, write, read))
    return tuple(found)


def _codec(hint: Any) -> tuple[Write, Reader]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return encode, lambda plain, where: _checked(decode, plain, where)
    if origin is typing.Union or origin is types.UnionType:
        return _union(args)
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            write, read = _codec(args[0])
            return (
                lambda items: [write(item) for item in items],
                lambda plain, where: tuple(
                    read(item, f"{where}[{n}]") for n, item in enumerate(_expect(list, plain, where))
                ),
            )
        raise TypeError(f"tuples of fixed length are not supported: {hint}")
    if origin in (dict, Mapping):
        write, read = _codec(args[1])
        return (
            lambda items: {key: write(item) for key, item in items.items()},
            lambda plain, where: {
                key: read(item, f"{where}.{key}") for key, item in _expect(dict, plain, where).items()
            },
        )
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and hint is not ArtifactRef:
        return (lambda record: _record_out(record, tagged=False)), functools.partial(_record_in, hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return (lambda member: member.value), functools.partial(_enum_in, hint)
    if hint in (datetime, date, timedelta, ArtifactRef):
        return encode, lambda plain, where: _expect(hint, _checked(decode, plain, where), where)
    if hint is float:
        # 1 and 1.0 are equal here, so they must have one text.
        return float, lambda plain, where: _checked(float, _expect((int, float), plain, where), where)
    if hint in LEAVES:
        return (lambda leaf: leaf), functools.partial(_expect, hint)
    raise TypeError(f"no plain form for {hint}")


def _union(args: tuple[Any, ...]) -> tuple[Write, Reader]:
    members = tuple(arg for arg in args if arg not in (type(None), Missing))
    if Any in members or not members:
        return encode, lambda plain, where: _checked(decode, plain, where)
    if all(dataclasses.is_dataclass(member) for member in members) and len(members) > 1:
        by_name = {member.__name__: member for member in members}
        return (
            lambda record: None if record is None else _record_out(record, tagged=True),
            lambda plain, where: None if plain is None and type(None) in args else _tagged_in(by_name, plain, where),
        )
    if len(members) > 1:
        leaves = (*members, type(None)) if type(None) in args else members
        return (lambda leaf: leaf), lambda plain, where: _expect(leaves, plain, where)
    write, read = _codec(members[0])
    return (
        lambda value: None if value is None else write(value),
        lambda plain, where: None if plain is None else read(plain, where),
    )


def _tagged_in(by_name: Mapping[str, type], plain: Json, where: str) -> Any:
    tag = plain.get(TAG) if isinstance(plain, dict) else None
    if not isinstance(tag, str) or tag not in by_name:
        raise Malformed(f"{where}: {tag!r} is not one of {', '.join(sorted(by_name))}")
    return _record_in(by_name[tag], plain, where)


def _enum_in(enum: type[Enum], plain: Json, where: str) -> Enum:
    return typing.cast(Enum, _checked(enum, plain, where))


def _checked(read: Callable[[Json], Any], plain: Json, where: str) -> Any:
    try:
        return read(plain)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise Malformed(f"{where}: {error}") from None


def _expect(kind: Any, plain: Json, where: str) -> Any:
    wrong_bool = isinstance(plain, bool) and kind is not bool and not (isinstance(kind, tuple) and bool in kind)
    if not isinstance(plain, kind) or wrong_bool:
        raise Malformed(f"{where}: {plain!r:.60} has the wrong type")
    return plain
