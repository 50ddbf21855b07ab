"""Arguments of a call matched with what a function or pipeline takes; everything wrong is told at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from tidemill.authoring.drafts import Recorder
from tidemill.authoring.references import Signature
from tidemill.authoring.traced import has_traced, to_binding
from tidemill.core.annotations import Annotation, bare_annotation, coerce, record_fields
from tidemill.core.bindings import Binding, Const
from tidemill.core.errors import DefinitionError, did_you_mean
from tidemill.core.graph import Source
from tidemill.core.types import ANY, Type
from tidemill.core.values import NotAValue, normalize


def match_arguments(
    recorder: Recorder,
    what: str,
    signature: Signature,
    given: tuple[Sequence[Any], Mapping[str, Any]],
    place: Source,
    mapped: Collection[str] = (),
) -> dict[str, Any]:
    """Arguments by name, those that are known. `mapped` are names given otherwise. Problems go to the recorder."""
    args, kwargs = given
    named: dict[str, Any] = {}
    if len(args) > signature.positional:
        takes = f"{signature.positional} argument{'s' if signature.positional != 1 else ''} by position"
        message = f"{what} takes {takes}, and {len(args)} are given"
        recorder.problem("too-many-arguments", message, f"it takes {signature}", place)
    named.update(zip(signature.names[: signature.positional], args, strict=False))
    misspelt: list[str] = []
    for name, value in kwargs.items():
        if name in named:
            recorder.problem("argument-twice", f"{what} is given {name!r} twice", f"it takes {signature}", place)
        elif name in signature.names or signature.extra:
            named[name] = value
        else:
            free = [known for known in signature.names if known not in named and known not in kwargs]
            misspelt.append(did_you_mean(name, free))
            remedy = misspelt[-1] or f"it takes {signature}"
            recorder.problem("unknown-argument", f"{what} has no parameter {name!r}", remedy, place)
    for name in mapped:
        if name in named:
            recorder.problem("argument-twice", f"{what} is given {name!r} and maps over it", "give it once", place)
        elif name not in signature.names and not signature.extra:
            misspelt.append(did_you_mean(name, [known for known in signature.names if known not in named]))
            remedy = misspelt[-1] or f"it takes {signature}"
            recorder.problem("unknown-argument", f"{what} has no parameter {name!r} to map over", remedy, place)
    for name in signature.required:
        # One mistake is told once: a name that was meant is not missing too.
        meant = any(hint.startswith("did you mean") and repr(name) in hint for hint in misspelt)
        if name not in named and name not in mapped and not meant:
            recorder.problem("missing-argument", f"{what} needs {name!r}", f"it takes {signature}", place)
    return named


def bind_arguments(
    recorder: Recorder, what: str, signature: Signature, named: Mapping[str, Any], place: Source
) -> dict[str, Binding]:
    """A binding for each argument; those that cannot be bound are left out, and the recorder is told."""
    bindings: dict[str, Binding] = {}
    for name, value in named.items():
        title = f"the argument {name!r} of {what}"
        kind, hint = signature.types.get(name, ANY), signature.hints.get(name, Any)
        binding = bind_value(recorder, title, value, (kind, hint), place)
        if binding is not None:
            bindings[name] = binding
    return bindings


def bind_value(
    recorder: Recorder, title: str, value: Any, wanted: tuple[Type, Annotation], place: Source
) -> Binding | None:
    """The binding of one value, a plain one in the form its type calls for; None after telling the recorder."""
    try:
        if has_traced(value):
            return to_binding(as_fields(value, wanted[1]), recorder.scope)
        return Const(plain_value(value, *wanted))
    except NotAValue as error:
        recorder.problem("not-plain", f"{title} {_not_plain(error, value)}", _remedy_for(value), place)
    except ValueError as error:
        recorder.problem("wrong-type", f"{title} does not fit: {error}", f"it is declared as {wanted[0]}", place)
    except DefinitionError as error:
        recorder.caught(error, place)
    return None


def bind_each(recorder: Recorder, title: str, values: Iterable[tuple[str, Any]], place: Source) -> dict[str, Binding]:
    """Bindings by name for options such as resources and limits."""
    found = {name: bind_value(recorder, f"{title} {name!r}", value, (ANY, Any), place) for name, value in values}
    return {name: binding for name, binding in found.items() if binding is not None}


def plain_value(value: Any, kind: Type, hint: Annotation) -> Any:
    """A literal as a value of its type. Raises NotAValue, or ValueError in words."""
    return coerce(normalize(as_fields(value, hint)), kind)


def as_fields(value: Any, hint: Annotation) -> Any:
    """A dataclass or named tuple as a dict, where the function's annotation will make it whole again."""
    fields = record_fields(hint)
    cls: Any = bare_annotation(hint)
    if fields is not None and isinstance(cls, type) and isinstance(value, cls) and not isinstance(value, dict):
        return {name: as_fields(getattr(value, name), fields[name]) for name in fields}
    return value


def _not_plain(error: NotAValue, whole: Any) -> str:
    where = f" (at {error.where})" if error.where else ""
    if callable(whole) and hasattr(whole, "__name__"):
        return f"is the function {whole.__name__}{where}"
    return f"holds a {error.kind}{where}" if error.where else f"is a {error.kind}"


def _remedy_for(value: Any) -> str:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return f"annotate the parameter with {type(value).__name__}, so that it can be made again in the task"
    if callable(value):
        return "call it, to pass what it returns"
    return "only plain values are known before the run: let a task make it, or pass the path of a file"
