"""Rules on conditions: what can never be compared, what is not true or false, what only a worker could read.

The table of operators mirrors `core.expressions` in kinds instead of values; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from types import MappingProxyType

from tidemill.core.bindings import Binding, Collect, Item, Output, Param
from tidemill.core.checks.flow import CONTENT_TYPES
from tidemill.core.checks.kinds import type_of, type_of_value, whole_of
from tidemill.core.checks.spots import Spot, Use, Where
from tidemill.core.checks.survey import Survey
from tidemill.core.checks.words import quote_binding, show_binding
from tidemill.core.expressions import Binary, Expression, Fn, Op, Read, Unary, show_expression
from tidemill.core.problems import Problem
from tidemill.core.types import Type

Kinds = frozenset[str]

UNKNOWN: Kinds = frozenset({"null", "bool", "number", "text", "list", "object", "datetime", "date", "duration"})
"""Nothing is known: it may be of any kind."""

_KINDS: Mapping[str, Kinds] = MappingProxyType(
    {
        "none": frozenset({"null"}),
        "bool": frozenset({"bool"}),
        "int": frozenset({"number"}),
        "float": frozenset({"number"}),
        "str": frozenset({"text"}),
        "path": frozenset({"text"}),
        "list": frozenset({"list"}),
        "dict": frozenset({"object"}),
        "datetime": frozenset({"datetime"}),
        # A datetime fits where a date is wanted.
        "date": frozenset({"date", "datetime"}),
        "timedelta": frozenset({"duration"}),
    }
)
_ORDERED = frozenset({"number", "text", "date", "datetime", "duration"})
_CALCULATING = frozenset({Op.ADD, Op.SUB, Op.MUL, Op.DIV})
_BOOL: Kinds = frozenset({"bool"})
_NUMBER: Kinds = frozenset({"number"})
_FUNCTIONS: Mapping[Fn, tuple[Kinds, Kinds]] = MappingProxyType(
    {
        Fn.NOT: (_BOOL, _BOOL),
        Fn.NEG: (_NUMBER, _NUMBER),
        Fn.INT: (frozenset({"number", "text", "bool"}), _NUMBER),
        Fn.FLOAT: (frozenset({"number", "text", "bool"}), _NUMBER),
        Fn.STR: (frozenset({"number", "text"}), frozenset({"text"})),
        Fn.LEN: (frozenset({"text", "list", "object"}), _NUMBER),
    }
)


class _Never(Exception):
    """An operation that fails whatever the values are."""


def kinds_of(kind: Type) -> Kinds:
    """The kinds that values of a type have in an expression."""
    match kind.name:
        case "union":
            return frozenset().union(*map(kinds_of, kind.args)) or UNKNOWN
        case "choice":
            return frozenset().union(*(kinds_of(type_of_value(choice)) for choice in kind.choices)) or UNKNOWN
    return _KINDS.get(kind.name, UNKNOWN)


def conditions_make_sense(survey: Survey) -> Iterator[Problem]:
    for spot in survey.spots:
        if spot.when is None:
            continue
        try:
            kinds = _kinds(survey, spot.when, spot)
        except _Never as trouble:
            message = f"the condition of node {spot.path!r} {trouble}"
            remedy = "use values of the same kind; int, float and str convert"
            yield survey.problem("bad-condition", spot, message, remedy)
            continue
        if "bool" not in kinds:
            text = show_expression(spot.when, show_binding)
            message = f"the condition of node {spot.path!r} gives {_say(kinds)}, not true or false: {text}"
            yield survey.problem("bad-condition", spot, message, "compare it with something")


def conditions_read_no_content(survey: Survey) -> Iterator[Problem]:
    for spot in survey.spots:
        if spot.when is None:
            continue
        for binding in _content_reads(spot.when):
            kind = _read_type(survey, binding, spot)
            members = kind.args if kind.name == "union" else (kind,)
            if all(member.name in CONTENT_TYPES for member in members):
                what = f"{quote_binding(binding)}, the content of a {kind}"
                message = f"the condition of node {spot.path!r} reads {what}"
                remedy = "use its metadata, or let the task return a plain value beside it"
                yield survey.problem("content-in-condition", spot, message, remedy)


def _read_type(survey: Survey, binding: Binding, spot: Spot) -> Type:
    """The type of what a condition must open to read a binding: that of the whole where it reads a part."""
    use = Use(spot, "", binding, Where.BEFORE)
    if isinstance(binding, Param | Item | Output | Collect) and binding.path:
        return whole_of(survey, binding, use)[0]
    return type_of(survey, binding, use)


def _content_reads(expression: Expression) -> Iterator[Binding]:
    """What an expression reads the value of; whether something is null can be told without it."""
    match expression:
        case Read(binding):
            yield binding
        case Unary(fn, operand):
            if not (fn is Fn.IS_NULL and isinstance(operand, Read)):
                yield from _content_reads(operand)
        case Binary(_, left, right):
            yield from _content_reads(left)
            yield from _content_reads(right)


def _kinds(survey: Survey, expression: Expression, spot: Spot) -> Kinds:
    """The kinds an expression can have. Raises _Never."""
    match expression:
        case Read(binding):
            return kinds_of(type_of(survey, binding, Use(spot, "", binding, Where.BEFORE)))
        case Unary(fn, operand):
            inner = _kinds(survey, operand, spot)
            found = unary_kinds(fn, inner)
            if not found:
                raise _Never(f"asks for {fn.value} of {_say(inner)}: {show_expression(expression, show_binding)}")
            return found
        case Binary(op, left, right):
            sides = _kinds(survey, left, spot), _kinds(survey, right, spot)
            found = binary_kinds(op, *sides)
            if not found:
                verb = "can never do" if op in _CALCULATING else "can never compare"
                said = f"{verb} {_say(sides[0])} {op.value} {_say(sides[1])}"
                raise _Never(f"{said}: {show_expression(expression, show_binding)}")
            return found


def binary_kinds(op: Op, left: Kinds, right: Kinds) -> Kinds:
    """The kinds of `left op right`; none if it always fails."""
    if op in (Op.AND, Op.OR):
        return _BOOL if "bool" in left and "bool" in right else frozenset()
    return frozenset(filter(None, (_result(op, one, other) for one, other in product(left, right))))


def _result(op: Op, left: str, right: str) -> str:
    match op:
        case Op.IN:
            return "bool" if right == "list" or (left == "text" and right in ("text", "object")) else ""
        case Op.EQ | Op.NE:
            return "bool" if left == right or "null" in (left, right) else ""
        case Op.LT | Op.LE | Op.GT | Op.GE:
            return "bool" if left == right and left in _ORDERED else ""
        case Op.ADD if left == right == "text":
            return "text"
    return "number" if left == right == "number" else ""


def unary_kinds(fn: Fn, operand: Kinds) -> Kinds:
    """The kinds of a function of an operand; none if it always fails."""
    if fn is Fn.IS_NULL:
        return _BOOL
    takes, gives = _FUNCTIONS[fn]
    return gives if takes & operand else frozenset()


def _say(kinds: Kinds) -> str:
    return " or ".join(sorted(kinds)) if len(kinds) <= 3 else "a value"
