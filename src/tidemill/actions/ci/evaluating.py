"""What an expression gives, by GitHub's rules: loose equality, texts compared in any case, null for what is absent.

Knows values only: objects are dicts, arrays are lists, and names in objects are found in any case.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tidemill.actions.ci.expressions import BadExpression, Binary, Call, Context, Expression, Index, Literal, Not, Star

Data: TypeAlias = Any
"""None, bool, float (or int), str, dict, list."""


class Filtered(list[Any]):
    """What `.*` gives: a further access goes to each item."""


class UnknownYet(Exception):
    """It depends on something that only running would tell. `what` names it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True)
class Pending:
    """Stands in contexts for what is not known before it has run."""

    name: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What expressions see. `status`: success, failure, always and cancelled by name; `hash_files` reads the disk."""

    contexts: Mapping[str, Data]
    status: Mapping[str, bool | Pending]
    hash_files: Callable[[tuple[str, ...]], str] | None = None


def evaluate(tree: Expression, scope: Scope) -> Data:
    """Raises BadExpression, or UnknownYet."""
    return _known(_evaluate(tree, scope))


def _evaluate(tree: Expression, scope: Scope) -> Data:
    match tree:
        case Literal(value):
            return value
        case Context(name):
            if name.lower() not in scope.contexts:
                raise BadExpression(f"there is no context {name!r} here")
            return scope.contexts[name.lower()]
        case Index(of, key):
            return _at(_evaluate(of, scope), evaluate(key, scope))
        case Star(of):
            return _every(_evaluate(of, scope))
        case Not(of):
            return not truth(evaluate(of, scope))
        case Binary("&&", left, right):
            first = evaluate(left, scope)
            return evaluate(right, scope) if truth(first) else first
        case Binary("||", left, right):
            first = evaluate(left, scope)
            return first if truth(first) else evaluate(right, scope)
        case Binary(operator, left, right):
            return compare(operator, evaluate(left, scope), evaluate(right, scope))
        case Call(name, arguments):
            return _call(name, arguments, scope)


def _known(value: Data) -> Data:
    if isinstance(value, Pending):
        raise UnknownYet(value.name)
    return value


def truth(value: Data) -> bool:
    if _is_number(value):
        return not (value == 0 or math.isnan(value))
    return not (value is None or value == "" or value is False)


def compare(operator: str, left: Data, right: Data) -> bool:
    match operator:
        case "==":
            return loosely_equal(left, right)
        case "!=":
            return not loosely_equal(left, right)
    one, other = _alike(left, right)
    if isinstance(one, str) and isinstance(other, str):
        one, other = one.upper(), other.upper()
    elif not (_is_number(one) and _is_number(other)):
        return False
    match operator:
        case "<":
            return bool(one < other)
        case "<=":
            return bool(one <= other)
        case ">":
            return bool(one > other)
        case ">=":
            return bool(one >= other)
    raise BadExpression(f"there is no operator {operator!r}")


def loosely_equal(left: Data, right: Data) -> bool:
    one, other = _alike(left, right)
    if isinstance(one, str) and isinstance(other, str):
        return one.upper() == other.upper()
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return one is other
    return bool(one == other)


def number(value: Data) -> float:
    """As a number, nan if it is none: null, false and the empty text are 0."""
    match value:
        case None:
            return 0.0
        case bool() | int() | float():
            return float(value)
        case str():
            return _parsed(value.strip())
    return math.nan


def text(value: Data) -> str:
    """As it is put into a text."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number_text(float(value))
        case str():
            return value
        case list():
            return "Array"
        case Pending(name):
            raise UnknownYet(name)
    return "Object"


def number_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.15G}"


def _parsed(stripped: str) -> float:
    if stripped == "":
        return 0.0
    if re.fullmatch(r"0x[0-9a-fA-F]+", stripped):
        return float(int(stripped, 16))
    if re.fullmatch(r"0o[0-7]+", stripped):
        return float(int(stripped, 8))
    if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?Infinity", stripped):
        return float(stripped)
    return math.nan


def _alike(left: Data, right: Data) -> tuple[Data, Data]:
    """Both as they are if they are of one kind, else as numbers."""
    if _kind(left) == _kind(right):
        return left, right
    if isinstance(left, dict | list) or isinstance(right, dict | list):
        return math.nan, math.nan
    return number(left), number(right)


def _kind(value: Data) -> str:
    if _is_number(value):
        return "number"
    return type(value).__name__ if not isinstance(value, list) else "list"


def _is_number(value: Data) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(value: Data, key: Data) -> Data:
    match value:
        case Pending(name):
            return Pending(f"{name}.{text(key)}")
        case Filtered():
            found = [_at(item, key) for item in value]
            return Filtered(item for item in found if item is not None)
        case dict():
            if not isinstance(key, str):
                key = text(key)
            if key in value:
                return value[key]
            return next((found for name, found in value.items() if name.lower() == key.lower()), None)
        case list():
            place = number(key)
            whole = not math.isnan(place) and not math.isinf(place) and place == int(place)
            return value[int(place)] if whole and 0 <= place < len(value) else None
    return None


def _every(value: Data) -> Data:
    match value:
        case Pending(name):
            return Pending(f"{name}.*")
        case Filtered():
            return Filtered(inner for item in value for inner in _every(item))
        case dict():
            return Filtered(value.values())
        case list():
            return Filtered(value)
    return Filtered()


# --- functions --------------------------------------------------------------------------------------------------------


def _call(name: str, arguments: tuple[Expression, ...], scope: Scope) -> Data:
    if name in scope.status:
        return _known(scope.status[name])
    if name == "case":
        return _case(arguments, scope)
    values = [evaluate(one, scope) for one in arguments]
    match name:
        case "contains":
            return _contains(values[0], values[1])
        case "startswith":
            return text(values[0]).upper().startswith(text(values[1]).upper())
        case "endswith":
            return text(values[0]).upper().endswith(text(values[1]).upper())
        case "format":
            return formatted(text(values[0]), [text(value) for value in values[1:]])
        case "join":
            between = text(values[1]) if len(values) > 1 else ","
            items = values[0] if isinstance(values[0], list) else [values[0]]
            return between.join(text(item) for item in items)
        case "tojson":
            return json.dumps(_plain(values[0]), indent=2, ensure_ascii=False)
        case "fromjson":
            return _from_json(text(values[0]))
        case "hashfiles" if scope.hash_files is not None:
            return scope.hash_files(tuple(text(value) for value in values))
    raise BadExpression(f"{name}() is not available here")


def _case(arguments: tuple[Expression, ...], scope: Scope) -> Data:
    if len(arguments) % 2 == 0:
        raise BadExpression("case takes conditions and values in turn, and at its end what else holds")
    for condition, value in zip(arguments[:-1:2], arguments[1::2], strict=True):
        if truth(evaluate(condition, scope)):
            return evaluate(value, scope)
    return evaluate(arguments[-1], scope)


def _contains(where: Data, what: Data) -> bool:
    if isinstance(where, list):
        return any(loosely_equal(_known(item), what) for item in where)
    if isinstance(where, dict) or isinstance(what, dict | list):
        return False
    return text(what).upper() in text(where).upper()


def formatted(pattern: str, values: list[str]) -> str:
    """`{0} is not {{0}}`. Raises BadExpression for a brace that stands alone, and a number without value."""

    def put(found: re.Match[str]) -> str:
        match found[0]:
            case "{{":
                return "{"
            case "}}":
                return "}"
        if found[1] is None:
            raise BadExpression(f"format: a brace that stands alone in {pattern!r}; write it twice")
        if int(found[1]) >= len(values):
            raise BadExpression(f"format: there is no value {found[0]}")
        return values[int(found[1])]

    return re.sub(r"\{\{|\}\}|\{(\d{1,3})\}|[{}]", put, pattern)


def _plain(value: Data) -> Data:
    """For JSON: whole numbers without a point, and nothing that is still to come."""
    match value:
        case Pending(name):
            raise UnknownYet(name)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case float() if value == value and abs(value) < 1e15 and value == int(value):
            return int(value)
    return value


def _from_json(source: str) -> Data:
    try:
        return json.loads(source)
    except (ValueError, RecursionError) as error:
        raise BadExpression(f"fromJSON: that is no JSON ({error})") from None
