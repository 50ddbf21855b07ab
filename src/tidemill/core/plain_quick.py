"""The usual case of `core.plain`: records that are as they should be, read and written without naming their places.

What a field needs is looked up once for each class and kept as small functions over tables. Anything unusual raises
whatever comes first; `core.plain` then goes the long way, which alone decides what is accepted and how it is refused.
So nothing here may accept what the long way refuses, or give something else.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from operator import attrgetter
from typing import Any

from tidemill.core.values import ArtifactRef, Json, Missing, decode, encode

TAG = "is"
LEAVES: tuple[type, ...] = (bool, int, float, str, type(None))

Read = Callable[[Any], Any]
Write = Callable[[Any], Json]


class Unusual(Exception):
    """Not for here."""


class _NoType:
    """The type of nothing: a field with this one has no type whose instances are their own plain form."""


# --- in ---------------------------------------------------------------------------------------------------------------

_readers: dict[type, Read] = {}


def reader(cls: type) -> Read:
    """What turns plain data into an instance of `cls`, or raises anything at all."""
    known = _readers.get(cls)
    if known is not None:
        return known
    own: dict[str, type] = {TAG: str}
    reads: dict[str, Read] = {TAG: _as_it_is}
    build = _builder(cls)

    def read(plain: Json) -> Any:
        if type(plain) is not dict:
            raise Unusual
        found = plain.copy()
        for name, item in plain.items():
            if type(item) is not own[name]:
                found[name] = reads[name](item)
        if TAG in found:
            del found[TAG]
        return build(found)

    # Kept before it is whole, since classes hold each other; until then it refuses every field, which is safe.
    _readers[cls] = read
    hints = typing.get_type_hints(cls)
    fields = {field.name: _reading(hints[field.name]) for field in dataclasses.fields(cls)}
    reads.update({name: inner for name, (_, inner) in fields.items()})
    own.update({name: kind for name, (kind, _) in fields.items()})
    return read


def _builder(cls: Any) -> Callable[[dict[str, Any]], Any]:
    """What makes an instance of fields, which all belong to `cls`.

    The `__init__` that `dataclass` writes is gone round: in a process just forked, first use of one function more for
    each class costs more than all the rest, as memory that is written to must be copied.
    """
    if not _has_nothing_of_its_own(cls):
        return lambda found: cls(**found)
    new, put = object.__new__, object.__setattr__
    fields = dataclasses.fields(cls)
    defaults = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}
    factories = [
        (field.name, field.default_factory) for field in fields if field.default_factory is not dataclasses.MISSING
    ]
    size = len(fields)

    def build(found: dict[str, Any]) -> Any:
        if len(found) != size:
            found = {**defaults, **found}
            for name, factory in factories:
                if name not in found:
                    found[name] = factory()
            if len(found) != size:
                raise Unusual
        made = new(cls)
        for name, value in found.items():
            put(made, name, value)
        return made

    return build


def _has_nothing_of_its_own(cls: Any) -> bool:
    """Whether making an instance is to set its fields and nothing else."""
    code = getattr(cls.__init__, "__code__", None)
    return (
        "__dataclass_params__" in vars(cls)
        and cls.__dataclass_params__.frozen
        and len(cls.__dataclass_fields__) == len(dataclasses.fields(cls))  # no variables of `__init__` alone
        and all(field.init for field in dataclasses.fields(cls))
        and "__init__" in vars(cls)
        and code is not None
        and code.co_filename == "<string>"  # so it was written by `dataclass`
        and cls.__new__ is object.__new__
        and not hasattr(cls, "__post_init__")
    )


def _reading(hint: Any) -> tuple[type, Read]:
    """The type whose instances, and no derived ones, are read as they are; and how all else is read."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return str, decode
    if origin is typing.Union or origin is types.UnionType:
        return _reading_union(args)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return _NoType, _reading_items(*_reading(args[0]))
    if origin in (dict, Mapping):
        return _NoType, _reading_mapping(*_reading(args[1]))
    if not isinstance(hint, type):
        raise TypeError(f"no plain form for {hint}")
    if dataclasses.is_dataclass(hint) and hint is not ArtifactRef:
        return _NoType, reader(hint)
    if issubclass(hint, Enum):
        return _NoType, {member.value: member for member in hint}.__getitem__
    if hint is datetime:
        return _NoType, _moment
    if hint in (date, timedelta, ArtifactRef):
        return _NoType, _reading_value(hint)
    if hint is float:
        return float, _whole_as_float
    return hint, _refuse


def _reading_union(args: tuple[Any, ...]) -> tuple[type, Read]:
    members = tuple(arg for arg in args if arg not in (type(None), Missing))
    if Any in members or not members:
        return str, decode
    if len(members) == 1:
        kind, read = _reading(members[0])
        return kind, lambda plain: None if plain is None else plain if type(plain) is kind else read(plain)
    if not all(dataclasses.is_dataclass(member) for member in members):
        leaves = frozenset((*members, type(None)) if type(None) in args else members)
        return next(iter(members)), lambda plain: plain if type(plain) in leaves else _refuse(plain)
    by_name = {member.__name__: reader(member) for member in members}
    if type(None) in args:
        return _NoType, lambda plain: None if plain is None else by_name[plain[TAG]](plain)
    return _NoType, lambda plain: by_name[plain[TAG]](plain)


def _reading_items(kind: type, read: Read) -> Read:
    def items(plain: Json) -> Any:
        if type(plain) is not list:
            raise Unusual
        return tuple([item if type(item) is kind else read(item) for item in plain])

    return items


def _reading_mapping(kind: type, read: Read) -> Read:
    def mapping(plain: Json) -> Any:
        if type(plain) is not dict:
            raise Unusual
        return {key: item if type(item) is kind else read(item) for key, item in plain.items()}

    return mapping


def _reading_value(kind: type) -> Read:
    def value(plain: Json) -> Any:
        found = decode(plain)
        if type(found) is not kind:
            raise Unusual
        return found

    return value


def _moment(plain: Json) -> datetime:
    if type(plain) is not dict or len(plain) != 1:
        raise Unusual
    return datetime.fromisoformat(plain["$datetime"])


def _whole_as_float(plain: Json) -> float:
    if type(plain) is not int:
        raise Unusual
    return float(plain)


def _as_it_is(plain: Any) -> Any:
    return plain


def _refuse(plain: Json) -> Any:
    raise Unusual


# --- out --------------------------------------------------------------------------------------------------------------

_Row = tuple[str, Any, type, bool, type, Write]
"""Name; default; the type of the default; whether instances of other types may be the default too; the type whose
instances are written as they are; how all else is written."""

_writers: dict[type, tuple[_Row, ...]] = {}


def write(record: Any, tagged: bool = False) -> dict[str, Json]:
    """Plain JSON of a dataclass instance, or anything at all raised."""
    kind = type(record)
    rows = _writers.get(kind)
    if rows is None:
        rows = _writers[kind] = _rows(kind)
    plain: dict[str, Json] = {TAG: kind.__name__} if tagged else {}
    for name, default, alike, others, own, out in rows:
        value = getattr(record, name)
        if value is default:
            continue
        kind = type(value)
        if kind is alike:
            if value == default:
                continue
        elif others and is_default(value, default):
            continue
        plain[name] = value if kind is own else out(value)
    return plain


def is_default(value: Any, default: Any) -> bool:
    """Equal, and the same when read again: 1 is not true, while any empty mapping is as good as another."""
    if value != default:
        return False
    if isinstance(default, float | Mapping):
        return not isinstance(value, bool)
    return type(value) is type(default)


def default_of(field: dataclasses.Field[Any]) -> Any:
    """The value a field has when nothing is said, or `dataclasses.MISSING`."""
    if field.default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _rows(cls: type) -> tuple[_Row, ...]:
    hints = typing.get_type_hints(cls)
    rows: list[_Row] = []
    for field in dataclasses.fields(cls):
        default = default_of(field)
        if default is not dataclasses.MISSING and default != default:
            raise Unusual
        alike = _NoType if default is dataclasses.MISSING else type(default)
        rows.append((field.name, default, alike, isinstance(default, float | Mapping), *_writing(hints[field.name])))
    return tuple(rows)


def _writing(hint: Any) -> tuple[type, Write]:
    """The type whose instances, and no derived ones, are written as they are; and how all else is written."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return bool, encode
    if origin is typing.Union or origin is types.UnionType:
        return _writing_union(args)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        own, out = _writing(args[0])
        return _NoType, lambda items: [item if type(item) is own else out(item) for item in items]
    if origin in (dict, Mapping):
        own, out = _writing(args[1])
        return _NoType, lambda items: {key: item if type(item) is own else out(item) for key, item in items.items()}
    if not isinstance(hint, type):
        raise TypeError(f"no plain form for {hint}")
    if dataclasses.is_dataclass(hint) and hint is not ArtifactRef:
        return _NoType, write
    if issubclass(hint, Enum):
        # `value` is worked out by Python code on every access.
        return _NoType, attrgetter("_value_")
    if hint in (datetime, date, timedelta, ArtifactRef):
        return _NoType, encode
    if hint is float:
        return float, float
    return hint, _as_it_is


def _writing_union(args: tuple[Any, ...]) -> tuple[type, Write]:
    members = tuple(arg for arg in args if arg not in (type(None), Missing))
    if Any in members or not members:
        return bool, encode
    if len(members) == 1:
        own, out = _writing(members[0])
        return own, lambda value: None if value is None else out(value)
    if all(dataclasses.is_dataclass(member) for member in members):
        tagged = functools.partial(write, tagged=True)
        return _NoType, (lambda value: None if value is None else tagged(value)) if type(None) in args else tagged
    return next(iter(members)), _as_it_is
