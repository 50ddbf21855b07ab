"""What a function takes: worked out once for each function where its process is forked from, not in every child."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tidemill.core.annotations import hints_of
from tidemill.core.bindings import FunctionRef
from tidemill.core.errors import DefinitionError
from tidemill.worker.functions import unwrap

Function = Callable[..., Any]

_functions: dict[FunctionRef, Function] = {}
_shapes: dict[Function, Shape] = {}


@dataclass(frozen=True, slots=True)
class Shape:
    """`parameters` is None where Python cannot tell. `simple`: each of them may be given by its name."""

    annotations: Mapping[str, Any]
    parameters: Mapping[str, inspect.Parameter] | None
    simple: bool
    needed: frozenset[str]


def shape_of(function: Function) -> Shape:
    """Annotations that cannot be resolved count as absent."""
    known = _shapes.get(function)
    if known is not None:
        return known
    try:
        annotations: Mapping[str, Any] = hints_of(function)
    except DefinitionError:
        found = getattr(function, "__annotations__", {})
        annotations = {name: annotation for name, annotation in found.items() if not isinstance(annotation, str)}
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return Shape(annotations, None, False, frozenset())
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return Shape(
        annotations,
        parameters,
        all(parameter.kind in by_name for parameter in parameters.values()),
        frozenset(name for name, parameter in parameters.items() if parameter.default is parameter.empty),
    )


def prepare(module: str, file: str, names: Mapping[str, Any]) -> None:
    """Work out the shape of every task among the names of a module, and remember how tickets will call it."""
    for name, found in names.items():
        function = unwrap(found) if not inspect.isclass(found) else found
        if function is not found and inspect.isfunction(function):
            _functions[FunctionRef(module, name, file)] = function
            _shapes[function] = shape_of(function)


def prepared(reference: FunctionRef) -> Function | None:
    """The function of a reference that was prepared."""
    return _functions.get(reference)
