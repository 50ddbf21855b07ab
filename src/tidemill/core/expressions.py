"""Conditions: a small expression tree over bindings, evaluated on stored values only, with strict types.

Comparing text with a number, or asking truth of anything but a bool, is an error and not False.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

from tidemill.core.bindings import Binding, Const, walk
from tidemill.core.values import ArtifactRef, Value


class Op(Enum):
    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    IN = "in"
    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    AND = "and"
    OR = "or"


class Fn(Enum):
    NOT = "not"
    NEG = "neg"
    INT = "int"
    FLOAT = "float"
    STR = "str"
    LEN = "len"
    IS_NULL = "is_null"


@dataclass(frozen=True, slots=True)
class Read:
    """The value of a binding."""

    binding: Binding


@dataclass(frozen=True, slots=True)
class Binary:
    op: Op
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Unary:
    fn: Fn
    operand: Expression


Expression: TypeAlias = Read | Binary | Unary


class ExpressionError(ValueError):
    """The expression cannot be evaluated on these values."""


def evaluate(expression: Expression, read: Callable[[Binding], Value]) -> Value:
    """The value of an expression; `read` gives that of a binding. Raises ExpressionError, or what `read` raises."""
    match expression:
        case Read(binding):
            return read(binding)
        case Unary(fn, operand):
            return _unary(fn, evaluate(operand, read))
        case Binary(Op.AND, left, right):
            return _truth(evaluate(left, read)) and _truth(evaluate(right, read))
        case Binary(Op.OR, left, right):
            return _truth(evaluate(left, read)) or _truth(evaluate(right, read))
        case Binary(op, left, right):
            return _binary(op, evaluate(left, read), evaluate(right, read))


def holds(expression: Expression, read: Callable[[Binding], Value]) -> bool:
    """The truth of a condition. Raises ExpressionError when its value is not a bool."""
    return _truth(evaluate(expression, read))


def top_reads(expression: Expression) -> Iterator[Binding]:
    """The bindings an expression reads."""
    match expression:
        case Read(binding):
            yield binding
        case Unary(_, operand):
            yield from top_reads(operand)
        case Binary(_, left, right):
            yield from top_reads(left)
            yield from top_reads(right)


def reads(expression: Expression) -> Iterator[Binding]:
    """Every binding an expression reads, those inside others included."""
    for binding in top_reads(expression):
        yield from walk(binding)


def show_expression(expression: Expression, name: Callable[[Binding], str]) -> str:
    """The expression as people read it; `name` gives the text of a binding that is not a constant."""
    match expression:
        case Read(Const(value)):
            return repr(value)
        case Read(binding):
            return name(binding)
        case Unary(Fn.NOT, operand):
            return f"not ({show_expression(operand, name)})"
        case Unary(fn, operand):
            return f"{fn.value}({show_expression(operand, name)})"
        case Binary(op, left, right):
            sides = [
                f"({show_expression(side, name)})" if isinstance(side, Binary) else show_expression(side, name)
                for side in (left, right)
            ]
            return f"{sides[0]} {op.value} {sides[1]}"


def _kind(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case dict():
            return "object"
        case datetime():
            return "datetime"
        case date():
            return "date"
        case timedelta():
            return "duration"
        case ArtifactRef():
            raise ExpressionError(
                "a condition cannot read the content of an artifact; "
                "use its metadata, or let the task return a plain value"
            )
    raise ExpressionError(f"a condition cannot read a {type(value).__name__}")


def _truth(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    raise ExpressionError(f"a condition must be true or false, not {_kind(value)} {value!r}")


_COMPARE: Mapping[Op, Callable[[Value, Value], bool]] = MappingProxyType(
    {Op.LT: operator.lt, Op.LE: operator.le, Op.GT: operator.gt, Op.GE: operator.ge}
)
_CALCULATE: Mapping[Op, Callable[[Value, Value], Value]] = MappingProxyType(
    {Op.ADD: operator.add, Op.SUB: operator.sub, Op.MUL: operator.mul, Op.DIV: operator.truediv}
)


def _binary(op: Op, left: Value, right: Value) -> Value:
    kinds = (_kind(left), _kind(right))
    if op is Op.IN:
        return _contains(left, right, kinds)
    if op in (Op.EQ, Op.NE):
        if kinds[0] != kinds[1] and "null" not in kinds:
            raise ExpressionError(f"cannot compare {kinds[0]} {left!r} with {kinds[1]} {right!r}")
        return (left == right) is (op is Op.EQ)
    if op in _COMPARE:
        if kinds[0] != kinds[1] or kinds[0] not in ("number", "text", "date", "datetime", "duration"):
            raise ExpressionError(f"cannot order {kinds[0]} {left!r} and {kinds[1]} {right!r}")
        try:
            return _COMPARE[op](left, right)
        except TypeError as error:  # a datetime with a zone and one without
            raise ExpressionError(f"cannot order {left!r} and {right!r}: {error}") from None
    if op is Op.ADD and kinds == ("text", "text"):
        return left + right
    if kinds != ("number", "number"):
        raise ExpressionError(f"cannot calculate {kinds[0]} {left!r} {op.value} {kinds[1]} {right!r}")
    try:
        return _CALCULATE[op](left, right)
    except ArithmeticError as error:
        raise ExpressionError(f"{left!r} {op.value} {right!r}: {error}") from None


def _contains(item: Value, whole: Value, kinds: tuple[str, str]) -> bool:
    match kinds:
        case (_, "list"):
            return item in whole
        case ("text", "text" | "object"):
            return item in whole
    raise ExpressionError(f"cannot look for {kinds[0]} {item!r} in {kinds[1]}")


def _unary(fn: Fn, value: Value) -> Value:
    if fn is Fn.IS_NULL:
        return value is None
    if fn is Fn.NOT:
        return not _truth(value)
    kind = _kind(value)
    try:
        match fn, kind:
            case Fn.NEG, "number":
                return -value
            case Fn.INT, "number" | "text" | "bool":
                return int(value)
            case Fn.FLOAT, "number" | "text" | "bool":
                return float(value)
            case Fn.STR, "text" | "number":
                return str(value)
            case Fn.LEN, "text" | "list" | "object":
                return len(value)
    except (ValueError, OverflowError) as error:
        raise ExpressionError(f"{fn.value}({value!r}): {error}") from None
    raise ExpressionError(f"{fn.value} does not take {kind} {value!r}")
