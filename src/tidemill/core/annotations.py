"""Python annotations: the types they name, the outputs they declare, and plain values made fit for them.

Knows nothing of tasks or pipelines.
"""

from __future__ import annotations

import collections.abc
import types
import typing
from datetime import date, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any

from tidemill.core.bindings import RESULT
from tidemill.core.errors import did_you_mean
from tidemill.core.graph import OutputSpec, Returns
from tidemill.core.hints import (
    DICTS,
    EMPTY,
    LISTS,
    SIMPLE,
    Annotation,
    Kind,
    bare_annotation,
    class_name,
    hints_of,
    is_named_tuple,
    origin_of,
    record_fields,
    type_of,
    union_of,
)
from tidemill.core.parsing import coerce, parse
from tidemill.core.values import normalize

__all__ = [
    "EMPTY",
    "Annotation",
    "Kind",
    "bare_annotation",
    "class_name",
    "coerce",
    "convert",
    "hints_of",
    "outputs_of",
    "parse",
    "record_fields",
    "type_of",
]


def outputs_of(annotation: Annotation) -> tuple[Returns, dict[str, OutputSpec]]:
    """How a result becomes outputs.

    One for each field of a named tuple, dataclass or TypedDict, one for each position of a plain tuple of known length,
    or the one output `result`.
    """
    fields = record_fields(annotation)
    if fields is not None:
        return Returns.FIELDS, {name: OutputSpec(type_of(hint)) for name, hint in fields.items()}
    bare = bare_annotation(annotation)
    if origin_of(bare) is tuple:
        items = typing.get_args(bare)
        if items and Ellipsis not in items and items != ((),):
            return Returns.ITEMS, {str(n): OutputSpec(type_of(item)) for n, item in enumerate(items)}
    return Returns.VALUE, {RESULT: OutputSpec(type_of(annotation))}


def convert(value: Any, annotation: Annotation) -> Any:
    """A plain value as the function wants it: text to a date or Path, list to set, dict to dataclass, int to float.

    What is not plain (loaded from an artifact) passes unchanged. Raises ValueError, in words, when the value is unfit.
    """
    bare: Annotation = type(None) if annotation is None else bare_annotation(annotation)
    if isinstance(bare, typing.TypeVar):
        bare = bare.__bound__ or Any
    for inner in ("__supertype__", "__value__"):
        if hasattr(bare, inner) and not isinstance(bare, type):
            return convert(value, getattr(bare, inner))
    if not isinstance(value, _PLAIN_VALUES) or isinstance(bare, str) or bare in (EMPTY, Any, object):
        return value
    origin = origin_of(bare)
    args = typing.get_args(bare)
    if origin is typing.Annotated:  # an artifact kind
        return value
    if origin is typing.Union or origin is types.UnionType:
        return _convert_union(value, args)
    if origin is typing.Literal:
        return _convert_literal(value, args)
    if origin in (typing.Final, typing.ClassVar, typing.Required, typing.NotRequired):
        return convert(value, args[0])
    cls: Annotation = origin or bare
    if cls in LISTS:
        return _convert_list(value, cls, args)
    if cls in DICTS:
        return _convert_dict(value, args)
    return _convert_class(value, cls) if isinstance(cls, type) else value


_PLAIN_VALUES = (type(None), bool, int, float, str, list, tuple, dict, date, timedelta)


def _refuse(value: object, wanted: object) -> ValueError:
    return ValueError(f"{value!r:.200} is not {wanted}")


def _convert_class(value: Any, cls: type) -> Any:
    if cls is type(None) or value is None:
        if (cls is type(None)) is (value is None) or (value is None and cls not in SIMPLE and not _is_strict(cls)):
            return value
        raise _refuse(value, type_of(cls))
    if issubclass(cls, Enum):
        return _convert_enum(value, cls)
    if record_fields(cls) is not None:
        return _convert_record(value, cls)
    if issubclass(cls, PurePath):
        if isinstance(value, str):
            return cls(value)
        raise _refuse(value, "a path")
    if cls in SIMPLE:
        return coerce(value, SIMPLE[cls])
    return value


def _is_strict(cls: type) -> bool:
    return issubclass(cls, Enum | PurePath) or record_fields(cls) is not None


def _convert_union(value: Any, members: tuple[Annotation, ...]) -> Any:
    if any(type(value) is member for member in members) or (value is None and None in members):
        return value
    for member in members:
        try:
            return convert(value, member)
        except ValueError:
            continue
    raise _refuse(value, union_of(tuple(type_of(member) for member in members)))


def _convert_literal(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        plain = choice.value if isinstance(choice, Enum) else choice
        if value is choice or (value == plain and isinstance(value, bool) == isinstance(plain, bool)):
            return choice
    raise _refuse(value, "one of " + ", ".join(map(repr, choices)))


def _convert_enum(value: Any, cls: type[Enum]) -> Enum:
    if isinstance(value, cls):
        return value
    for member in cls:
        same_kind = isinstance(value, bool) == isinstance(member.value, bool)
        if same_kind and (member.value == value or normalize(member.value) == value):
            return member
    if isinstance(value, str) and value in cls.__members__:
        return cls[value]
    raise _refuse(value, "one of " + ", ".join(repr(member.value) for member in cls))


def _convert_list(value: Any, cls: type, args: tuple[Annotation, ...]) -> Any:
    if not isinstance(value, list | tuple):
        raise _refuse(value, "a list")
    if cls is tuple and args and Ellipsis not in args:
        if len(args) != len(value):
            raise ValueError(f"{len(args)} items are expected, not {len(value)}")
        return tuple(
            _convert_inside(item, arg, f"[{n}]") for n, (item, arg) in enumerate(zip(value, args, strict=True))
        )
    item_type = args[0] if args else Any
    items = [_convert_inside(item, item_type, f"[{n}]") for n, item in enumerate(value)]
    if cls is tuple:
        return tuple(items)
    if cls is not frozenset and cls not in (set, collections.abc.Set, collections.abc.MutableSet):
        return items
    try:
        return frozenset(items) if cls is frozenset else set(items)
    except TypeError as error:
        raise ValueError(f"{value!r:.200} cannot be a set: {error}") from None


def _convert_dict(value: Any, args: tuple[Annotation, ...]) -> Any:
    if not isinstance(value, dict):
        raise _refuse(value, "a dict")
    key_type, item_type = args if len(args) == 2 else (Any, Any)
    return {_convert_key(key, key_type): _convert_inside(item, item_type, f".{key}") for key, item in value.items()}


def _convert_key(key: str, annotation: Annotation) -> Any:
    # The keys of a value are text, whatever they were before it was stored.
    if annotation in (int, float) and isinstance(key, str):
        try:
            return annotation(key)
        except ValueError:
            raise ValueError(f"the key {key!r} is not {type_of(annotation)}") from None
    return convert(key, annotation)


def _convert_record(value: Any, cls: type) -> Any:
    fields = record_fields(cls) or {}
    if typing.is_typeddict(cls):
        if not isinstance(value, dict):
            raise _refuse(value, f"a {cls.__name__}")
        return {name: _convert_inside(item, fields.get(name, Any), f".{name}") for name, item in value.items()}
    if isinstance(value, cls):
        return value
    if is_named_tuple(cls) and isinstance(value, list | tuple) and len(value) <= len(fields):
        value = dict(zip(fields, value, strict=False))
    if not isinstance(value, dict):
        raise _refuse(value, f"a {cls.__name__}")
    unknown = [name for name in value if name not in fields]
    if unknown:
        hint = did_you_mean(unknown[0], fields)
        raise ValueError(f"{cls.__name__} has no field {unknown[0]!r}{f'; {hint}' if hint else ''}")
    converted = {name: _convert_inside(item, fields[name], f".{name}") for name, item in value.items()}
    try:
        return cls(**converted)
    except TypeError as error:
        raise ValueError(f"{cls.__name__} cannot be made: {error}") from None


def _convert_inside(value: Any, annotation: Annotation, where: str) -> Any:
    try:
        return convert(value, annotation)
    except ValueError as error:
        text = str(error)
        raise ValueError(f"{where}{text}" if text.startswith(("[", ".")) else f"{where}: {text}") from None
