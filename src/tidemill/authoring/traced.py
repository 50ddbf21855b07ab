"""Values of a pipeline while it is traced: what they offer to the user, and where each comes from.

A traced value is known only when the run is under way, so Python may pass it on but not look at it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from tidemill.authoring.drafts import NodeDraft, ScopeDraft
from tidemill.authoring.place import here, show
from tidemill.core.bindings import (
    Binding,
    Const,
    DictOf,
    ListOf,
)
from tidemill.core.errors import DefinitionError
from tidemill.core.expressions import Binary, Expression, Fn, Op, Read, Unary
from tidemill.core.values import NotAValue, normalize


def fail(message: str, remedy: str = "") -> NoReturn:
    """Raise a DefinitionError at the user's place."""
    raise DefinitionError(message, remedy=remedy, place=show(here()))


class Origin(Protocol):
    """Where a traced value comes from."""

    def bind(self, at: ScopeDraft) -> Binding:
        """The binding, as read from the scope `at`."""

    def item(self, key: str | int, attribute: bool) -> Origin:
        """What is inside under a key or position; `attribute`: it was written with a dot."""

    def items(self) -> Sequence[Origin] | None:
        """The outputs that Python may unpack it into, or None."""

    def name(self) -> str:
        """What people read in a message."""


class Traced:
    """The result of a task, a parameter, or something computed from them, as seen while tracing."""

    __slots__ = ("_origin",)
    _origin: Origin

    def __init__(self, origin: Origin) -> None:
        object.__setattr__(self, "_origin", origin)

    def __getattr__(self, name: str) -> Traced:
        if name.startswith("_"):
            raise AttributeError(name)
        return Traced(self._origin.item(name, attribute=True))

    def __getitem__(self, key: str | int) -> Traced:
        if isinstance(key, bool) or not isinstance(key, str | int):
            fail(f"{self._origin.name()} cannot be indexed with {key!r}", "use a text or a whole number, or a task")
        return Traced(self._origin.item(key, attribute=False))

    def __iter__(self) -> Iterator[Traced]:
        items = self._origin.items()
        if items is not None:
            return iter([Traced(item) for item in items])
        fail(
            f"{self._origin.name()} cannot be iterated over or unpacked: its items are not known before the run",
            "map over it with each(task, over={...}); to unpack results, annotate the task with -> tuple[A, B]",
        )

    # --- expressions ----------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> Traced:  # type: ignore[override]
        return _binary(Op.EQ, self, other)

    def __ne__(self, other: object) -> Traced:  # type: ignore[override]
        return _binary(Op.NE, self, other)

    def __lt__(self, other: object) -> Traced:
        return _binary(Op.LT, self, other)

    def __le__(self, other: object) -> Traced:
        return _binary(Op.LE, self, other)

    def __gt__(self, other: object) -> Traced:
        return _binary(Op.GT, self, other)

    def __ge__(self, other: object) -> Traced:
        return _binary(Op.GE, self, other)

    def __and__(self, other: object) -> Traced:
        return _binary(Op.AND, self, other)

    def __rand__(self, other: object) -> Traced:
        return _binary(Op.AND, other, self)

    def __or__(self, other: object) -> Traced:
        return _binary(Op.OR, self, other)

    def __ror__(self, other: object) -> Traced:
        return _binary(Op.OR, other, self)

    def __invert__(self) -> Traced:
        return _unary(Fn.NOT, self)

    def __neg__(self) -> Traced:
        return _unary(Fn.NEG, self)

    def __add__(self, other: object) -> Traced:
        return _binary(Op.ADD, self, other)

    def __radd__(self, other: object) -> Traced:
        return _binary(Op.ADD, other, self)

    def __sub__(self, other: object) -> Traced:
        return _binary(Op.SUB, self, other)

    def __rsub__(self, other: object) -> Traced:
        return _binary(Op.SUB, other, self)

    def __mul__(self, other: object) -> Traced:
        return _binary(Op.MUL, self, other)

    def __rmul__(self, other: object) -> Traced:
        return _binary(Op.MUL, other, self)

    def __truediv__(self, other: object) -> Traced:
        return _binary(Op.DIV, self, other)

    def __rtruediv__(self, other: object) -> Traced:
        return _binary(Op.DIV, other, self)

    # --- order ----------------------------------------------------------------------------------------------------

    def __rshift__(self, later: Any) -> Any:
        """`a >> b`: b starts only after a. Either side may be a list."""
        put_in_order(self, later)
        return later

    def __rrshift__(self, earlier: Any) -> Traced:
        put_in_order(earlier, self)
        return self

    def __lshift__(self, earlier: Any) -> Any:
        put_in_order(earlier, self)
        return earlier

    # --- what needs the value itself ------------------------------------------------------------------------------

    def _unknown(self, doing: str, remedy: str) -> DefinitionError:
        message = f"{self._origin.name()} {doing}: its value is known only when the run is under way"
        return DefinitionError(message, remedy=remedy, place=show(here()))

    def __bool__(self) -> bool:
        raise self._unknown(
            "is neither true nor false yet", "use `with when(...):`, and & | ~ in place of and, or, not"
        )

    def __len__(self) -> int:
        raise self._unknown("has no length yet", "compare length(x) in a condition, or map over it with each(...)")

    def __contains__(self, item: object) -> bool:
        raise self._unknown("cannot be searched with `in`", "write `when(contains(x, item))`")

    def __str__(self) -> str:
        raise self._unknown("has no text yet", 'write template("... {x} ...", x=value)')

    def __format__(self, spec: str) -> str:
        raise self._unknown(
            "cannot be put into a text yet", 'write template("... {x} ...", x=value) in place of an f-string'
        )

    def _not_a_number(self) -> DefinitionError:
        return self._unknown("is no number yet", "calculate inside a task")

    def __int__(self) -> int:
        raise self._not_a_number()

    def __float__(self) -> float:
        raise self._not_a_number()

    def __index__(self) -> int:
        raise self._not_a_number()

    def __mod__(self, other: object) -> Any:
        raise self._not_a_number()

    def __pow__(self, other: object) -> Any:
        raise self._not_a_number()

    def __floordiv__(self, other: object) -> Any:
        raise self._not_a_number()

    def __call__(self, *args: object, **kwargs: object) -> Any:
        raise self._unknown("cannot be called", "call it inside a task")

    def __setattr__(self, name: str, value: object) -> None:
        raise self._unknown(f"cannot be changed (.{name})", "let a task return the changed value")

    def __setitem__(self, key: object, value: object) -> None:
        raise self._unknown(f"cannot be changed ([{key!r}])", "let a task return the changed value")

    def __repr__(self) -> str:
        return f"<{self._origin.name()}, known only when the run is under way>"

    def __hash__(self) -> int:
        return id(self)


def origin_of(traced: Traced) -> Origin:
    origin: Origin = object.__getattribute__(traced, "_origin")
    return origin


# --- bindings and expressions out of whatever the user wrote ---------------------------------------------------------


def to_binding(value: Any, at: ScopeDraft) -> Binding:
    """The binding for an argument: a traced value, a plain value, or a list or dict that holds traced ones.

    Raises DefinitionError for what is neither; NotAValue for an object that is not plain.
    """
    if isinstance(value, Traced):
        return origin_of(value).bind(at)
    if has_traced(value):
        if isinstance(value, dict):
            return DictOf({_text_key(key): to_binding(item, at) for key, item in value.items()})
        return ListOf(tuple(to_binding(item, at) for item in value))
    return Const(normalize(value))


def has_traced(value: Any) -> bool:
    """Whether a traced value is inside."""
    match value:
        case Traced():
            return True
        case dict():
            return any(has_traced(item) for item in value.values())
        case list() | tuple() | set() | frozenset():
            return any(has_traced(item) for item in value)
    return dataclasses.is_dataclass(value) and any(
        has_traced(getattr(value, field.name, None)) for field in dataclasses.fields(value)
    )


def _text_key(key: Any) -> str:
    if not isinstance(key, str):
        raise NotAValue(key, f"key {key!r}")
    return key


def to_expression(value: Any, at: ScopeDraft) -> Expression:
    """The expression for one side of a condition."""
    if isinstance(value, Traced):
        origin = origin_of(value)
        return origin.make(at) if isinstance(origin, ExpressionOrigin) else Read(origin.bind(at))
    try:
        return Read(to_binding(value, at))
    except NotAValue as error:
        fail(f"a condition cannot use {value!r:.60}: {error}", "compare with plain values only")


@dataclass(frozen=True, slots=True)
class ExpressionOrigin:
    """A comparison, a calculation, or a combination of them: for conditions only."""

    make: Callable[[ScopeDraft], Expression]

    def name(self) -> str:
        return "a condition or calculation"

    def items(self) -> Sequence[Origin] | None:
        return None

    def bind(self, at: ScopeDraft) -> Binding:
        fail("a condition or calculation cannot be passed on as a value", "calculate inside a task and use its result")

    def item(self, key: str | int, attribute: bool) -> Origin:
        fail(f"a condition or calculation has no {key!r}", "use it in `with when(...):`")


def _binary(op: Op, left: object, right: object) -> Traced:
    return Traced(ExpressionOrigin(lambda at: Binary(op, to_expression(left, at), to_expression(right, at))))


def _unary(fn: Fn, operand: object) -> Traced:
    return Traced(ExpressionOrigin(lambda at: Unary(fn, to_expression(operand, at))))


def length(value: Any) -> Any:
    """The length of a list, text or dict, for conditions: `when(length(rows) > 0)`."""
    return _unary(Fn.LEN, value)


def contains(whole: Any, item: Any) -> Any:
    """Whether a list, text or dict holds an item, for conditions: `when(contains(tags, "new"))`."""
    return _binary(Op.IN, item, whole)


def is_null(value: Any) -> Any:
    """Whether a value is None, for conditions."""
    return _unary(Fn.IS_NULL, value)


# --- order ------------------------------------------------------------------------------------------------------------


def node_of(value: Any, what: str) -> NodeDraft:
    """The node a traced value comes from. Raises DefinitionError for what no node made."""
    node = getattr(origin_of(value), "node", None) if isinstance(value, Traced) else None
    if not isinstance(node, NodeDraft):
        name = origin_of(value).name() if isinstance(value, Traced) else repr(value)
        fail(f"{what}: {name} is not the result of a task", "give the result of a task called in this pipeline")
    return node


def put_in_order(earlier: Any, later: Any) -> None:
    """Every node of `later` starts only after every node of `earlier`."""
    for second in _each_of(later):
        for first in _each_of(earlier):
            add_order(node_of(first, ">>"), node_of(second, ">>"))


def add_order(first: NodeDraft, second: NodeDraft) -> None:
    if first is second:
        fail(f"{first.path!r} cannot come after itself")
    if first not in second.after:
        second.after.append(first)


def _each_of(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)
