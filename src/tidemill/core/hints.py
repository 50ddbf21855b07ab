"""Python annotations as the `core.types` they name, and the fields of record classes.

Knows nothing of values; `core.annotations` builds on it and is what others import.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeAlias

from tidemill.core.errors import DefinitionError
from tidemill.core.types import ANY, NONE, Type
from tidemill.core.values import NotAValue, normalize

Annotation: TypeAlias = Any
"""Whatever may stand after a colon."""

EMPTY: Annotation = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Kind:
    """Marks an annotation as an artifact of the kind `name`: `Annotated[DataFrame, Kind("Dataset")]`."""

    name: str


SIMPLE: Mapping[Annotation, Type] = {
    EMPTY: ANY,
    Any: ANY,
    object: ANY,
    None: NONE,
    type(None): NONE,
    bool: Type("bool"),
    int: Type("int"),
    float: Type("float"),
    str: Type("str"),
    datetime: Type("datetime"),
    date: Type("date"),
    timedelta: Type("timedelta"),
}
LISTS = frozenset(
    {
        list,
        tuple,
        set,
        frozenset,
        collections.abc.Sequence,
        collections.abc.MutableSequence,
        collections.abc.Iterable,
        collections.abc.Collection,
        collections.abc.Set,
        collections.abc.MutableSet,
    }
)
DICTS = frozenset({dict, collections.abc.Mapping, collections.abc.MutableMapping})


def hints_of(function: Callable[..., object]) -> dict[str, Annotation]:
    """The annotations of a function or class by name ("return" included), texts resolved.

    Raises DefinitionError, naming the annotation, when a text cannot be resolved.
    """
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # a text may hold any expression, so resolving it may raise anything
        name = getattr(function, "__qualname__", str(function))
        which = _unresolved(function)
        code = getattr(function, "__code__", None)
        raise DefinitionError(
            f"the annotation {which} of {name} cannot be resolved: {error}",
            remedy="import what it names at the top of the module, not only under TYPE_CHECKING, or write Any",
            place=f"{code.co_filename}:{code.co_firstlineno}" if code else "",
        ) from None


def _unresolved(function: Callable[..., object]) -> str:
    scope = getattr(function, "__globals__", {})
    for name, annotation in getattr(function, "__annotations__", {}).items():
        holder = types.SimpleNamespace(__annotations__={name: annotation})
        try:
            typing.get_type_hints(holder, globalns=scope)
        except Exception:
            text = annotation if isinstance(annotation, str) else repr(annotation)
            return f"{text!r} of {name!r}" if name != "return" else f"{text!r} of the result"
    return "of some parameter"


def origin_of(annotation: Annotation) -> Annotation:
    """`typing.get_origin`, whose declared type is narrower than what it gives."""
    return typing.get_origin(annotation)


def type_of(annotation: Annotation) -> Type:
    """The type an annotation names. Raises DefinitionError for a text that cannot be resolved without its module."""
    try:
        if annotation in SIMPLE:
            return SIMPLE[annotation]
    except TypeError:  # not hashable, such as Annotated[int, []]
        pass
    if isinstance(annotation, str | typing.ForwardRef):
        return _type_of_text(annotation)
    origin = origin_of(annotation)
    if origin is not None:
        return _type_of_generic(origin, typing.get_args(annotation))
    if isinstance(annotation, typing.TypeVar):
        return type_of(annotation.__bound__) if annotation.__bound__ is not None else ANY
    for inner in ("__supertype__", "__value__"):  # NewType; a `type X = ...` statement
        if hasattr(annotation, inner) and not isinstance(annotation, type):
            return type_of(getattr(annotation, inner))
    return _type_of_class(annotation) if isinstance(annotation, type) else ANY


def _type_of_text(annotation: str | typing.ForwardRef) -> Type:
    text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
    holder = types.SimpleNamespace(__annotations__={"it": text})
    try:
        return type_of(
            typing.get_type_hints(holder, globalns=vars(typing) | {"datetime": datetime, "date": date})["it"]
        )
    except NameError as error:
        raise DefinitionError(
            f"the annotation {text!r} cannot be resolved: {error}",
            remedy="annotate with the class itself, imported at the top of the module",
        ) from None


def _type_of_generic(origin: Annotation, args: tuple[Annotation, ...]) -> Type:
    if origin is typing.Annotated:
        kinds = [extra.name for extra in args[1:] if isinstance(extra, Kind)]
        return Type(kinds[0]) if kinds else type_of(args[0])
    if origin is typing.Union or origin is types.UnionType:
        return union_of(tuple(type_of(arg) for arg in args))
    if origin is typing.Literal:
        return Type("choice", choices=tuple(normalize(arg) for arg in args))
    if origin in (typing.Final, typing.ClassVar, typing.Required, typing.NotRequired):
        return type_of(args[0])
    if origin in LISTS:
        return _list_type(args)
    if origin in DICTS:
        return Type("dict", tuple(type_of(arg) for arg in args) if len(args) == 2 else ())
    return type_of(origin)


def union_of(members: tuple[Type, ...]) -> Type:
    if ANY in members:
        return ANY
    flat = [inner for member in members for inner in (member.args if member.name == "union" else (member,))]
    unique = tuple(dict.fromkeys(flat))
    return unique[0] if len(unique) == 1 else Type("union", unique)


def _list_type(args: tuple[Annotation, ...]) -> Type:
    inner = tuple(dict.fromkeys(type_of(arg) for arg in args if arg is not Ellipsis))
    return Type("list", inner if len(inner) == 1 else ())


def _type_of_class(cls: type) -> Type:
    if cls in LISTS:
        return Type("list")
    if cls in DICTS:
        return Type("dict")
    if issubclass(cls, Enum):
        try:
            return Type("choice", choices=tuple(normalize(member.value) for member in cls))
        except NotAValue:
            return Type(class_name(cls))
    if issubclass(cls, PurePath):
        return Type("path")
    return Type(class_name(cls))


def class_name(cls: type) -> str:
    """The qualified name of a class: `module.Outer.Inner`."""
    return f"{cls.__module__}.{cls.__qualname__}"


def bare_annotation(annotation: Annotation) -> Annotation:
    """The annotation without `Annotated`, unless that names an artifact kind."""
    while origin_of(annotation) is typing.Annotated:
        inner, *extras = typing.get_args(annotation)
        if any(isinstance(extra, Kind) for extra in extras):
            return annotation
        annotation = inner
    return annotation


def record_fields(annotation: Annotation) -> dict[str, Annotation] | None:
    """The fields of a named tuple, dataclass or TypedDict with their annotations, or None for anything else."""
    cls = bare_annotation(annotation)
    cls = origin_of(cls) or cls
    if not isinstance(cls, type):
        return None
    if dataclasses.is_dataclass(cls):
        hints = hints_of(cls)
        return {field.name: hints.get(field.name, Any) for field in dataclasses.fields(cls) if field.init}
    if is_named_tuple(cls):
        hints = hints_of(cls)
        return {name: hints.get(name, Any) for name in typing.cast(Any, cls)._fields}
    if typing.is_typeddict(cls):
        return hints_of(cls)
    return None


def is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_fields")
