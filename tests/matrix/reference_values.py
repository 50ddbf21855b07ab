"""The values that bindings and conditions of a graph stand for, read from a `Reference` run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.matrix.reference_joins import FAILED
from tidemill.core.bindings import (
    Absent,
    Binding,
    Collect,
    Const,
    DictOf,
    FirstOf,
    Gap,
    Index,
    Item,
    ListOf,
    Metadata,
    Output,
    Param,
    Shape,
    Status,
    Template,
)
from tidemill.core.expressions import Binary, Expression, Fn, Op, Read, Unary
from tidemill.core.values import ArtifactRef

if TYPE_CHECKING:
    from tests.matrix.reference import Reference
    from tests.matrix.reference_ends import Instance, Tree

NOTHING = object()
"""Stands for no value, which is not null."""


class Absence(Exception):
    """A binding found nothing; `policy` says what then happens."""

    def __init__(self, policy: Absent = Absent.FAIL) -> None:
        super().__init__(policy)
        self.policy = policy


def values(run: Reference, bindings: Mapping[str, Binding], path: str, instance: Instance) -> dict[str, Any]:
    """The inputs of a node; those that may be left out and have no value are."""
    found: dict[str, Any] = {}
    for name, binding in bindings.items():
        try:
            found[name] = value(run, binding, path, instance)
        except Absence as absence:
            if absence.policy is Absent.NULL:
                found[name] = None
            elif absence.policy is not Absent.OMIT:
                raise
    return found


def value(run: Reference, binding: Binding, path: str, instance: Instance) -> Any:
    """What a binding of a node means for one instance. Raises Absence."""

    def read(inner: Binding) -> Any:
        return value(run, inner, path, instance)

    match binding:
        case Const(value=constant):
            return constant
        case Param(name=name, scope=scope, path=at, absent=absent):
            given = run.params if not scope else run.scope_inputs(scope, instance)
            return _present(_pick(given.get(name, NOTHING), at), absent)
        case Item(name=name, depth=depth, path=at):
            return _present(_pick(run.item(path, instance, depth, name), at), Absent.FAIL)
        case Index(depth=depth):
            return run.map_around(path, instance, depth)[1]
        case Output(node=node, key=key, path=at, absent=absent):
            tree = run.tree(node, run.common(node, path, instance))
            if isinstance(tree, list) or run.is_many(tree):
                return read(Collect(node, key, at))
            return _present(_pick(run.outputs(tree).get(key, NOTHING), at), absent)
        case Collect():
            found = _collected(run, run.tree(binding.node, run.common(binding.node, path, instance)), binding)
            return [] if found is NOTHING else found
        case FirstOf(options=options, absent=absent):
            for option in options:
                try:
                    return read(option)
                except Absence:
                    continue
            raise Absence(absent)
        case Status(node=node, path=("state",)):
            return run.state(node, run.common(node, path, instance))
        case Metadata(of=of, path=at, absent=absent):
            return _present(_pick(run.metadata[read(of).id], at), absent)
        case Template(parts=parts):
            return "".join(found if isinstance(found := read(part), str) else json.dumps(found) for part in parts)
        case ListOf(items=items):
            return [read(item) for item in items]
        case DictOf(items=named):
            return {name: read(item) for name, item in named.items()}
    raise NotImplementedError(binding)


def _present(found: Any, absent: Absent) -> Any:
    if found is NOTHING:
        raise Absence(absent)
    return found


def _pick(found: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        try:
            found = found[key]
        except (LookupError, TypeError):
            return NOTHING
    return found


def _collected(run: Reference, tree: Tree, binding: Collect) -> Any:
    """A list for each map between here and there; NOTHING for a map that never was."""
    if not isinstance(tree, list):
        if run.is_many(tree):
            return [] if tree.count == 0 else NOTHING
        found = _pick(run.outputs(tree).get(binding.key, NOTHING), binding.path)
        if found is NOTHING and binding.missing is Gap.FAIL:
            raise Absence
        return None if found is NOTHING and binding.missing is Gap.NULL else found
    parts = [part for inner in tree if (part := _collected(run, inner, binding)) is not NOTHING]
    if binding.shape is Shape.FLAT and any(isinstance(inner, list) or run.is_many(inner) for inner in tree):
        return [item for part in parts for item in part]
    return parts


# --- conditions ---


class Undecidable(Exception):
    """A condition asks something that has no answer: the node fails."""


def holds(run: Reference, condition: Expression, path: str, instance: Instance) -> bool:
    found = _evaluated(condition, lambda binding: value(run, binding, path, instance))
    if not isinstance(found, bool):
        raise Undecidable
    return found


def _evaluated(expression: Expression, read: Callable[[Binding], Any]) -> Any:
    match expression:
        case Read(binding):
            return read(binding)
        case Unary(Fn.NOT, operand):
            return not _bool(_evaluated(operand, read))
        case Unary(Fn.LEN, operand):
            return len(_evaluated(operand, read))
        case Binary(Op.AND, left, right):
            return _bool(_evaluated(left, read)) and _bool(_evaluated(right, read))
        case Binary(Op.OR, left, right):
            return _bool(_evaluated(left, read)) or _bool(_evaluated(right, read))
        case Binary(op, left, right):
            one, other = _evaluated(left, read), _evaluated(right, read)
            if isinstance(one, ArtifactRef) or isinstance(other, ArtifactRef):
                raise Undecidable  # its content is not in the rows
            if type(one) is not type(other) and not {type(one), type(other)} <= {int, float}:
                raise Undecidable
            match op:
                case Op.EQ:
                    return one == other
                case Op.NE:
                    return one != other
                case Op.LT:
                    return one < other
                case Op.GT:
                    return one > other
    raise NotImplementedError(expression)


def _bool(found: Any) -> bool:
    if not isinstance(found, bool):
        raise Undecidable
    return found


__all__ = ["FAILED", "NOTHING", "Absence", "Undecidable", "holds", "value", "values"]
