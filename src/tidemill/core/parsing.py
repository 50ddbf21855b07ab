"""Values from outside made fit for a type: text of the command line, and plain JSON of a request or a default.

Knows types and values only; nothing here looks at Python annotations.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime

from tidemill.core.durations import as_duration
from tidemill.core.errors import InputError, did_you_mean
from tidemill.core.types import PLAIN, Type, judge_value
from tidemill.core.values import Value

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_NULL = frozenset({"null", "none"})


def parse(text: str, wanted: Type) -> Value:
    """The value of type `wanted` that a text of the command line names. Raises InputError, with what would be right."""
    match wanted.name:
        case "any":
            return _json_or_text(text)
        case "str" | "path":
            return text
        case "none":
            return _null(text)
        case "bool":
            return _bool(text)
        case "int":
            return _number(text, wanted, int)
        case "float":
            return _number(text, wanted, float)
        case "date" | "datetime" | "timedelta":
            try:
                return coerce(text, wanted)
            except ValueError as error:
                raise InputError(str(error)) from None
        case "choice":
            return _choice(text, wanted)
        case "list":
            return _list(text, wanted)
        case "dict":
            return _checked(_json(text, wanted, '{"key": 1}'), wanted)
        case "union":
            return _union(text, wanted)
    return _json_or_text(text)


def coerce(value: Value, wanted: Type) -> Value:
    """A plain value in the form its type calls for: ISO text becomes a date, an int a float where a float is wanted.

    Raises ValueError, in words, when the value does not fit.
    """
    match wanted.name, value:
        case "float", int() if not isinstance(value, bool):
            return float(value)
        case "datetime", str():
            return _iso(value, datetime.fromisoformat, "a date and time such as '2026-01-31T08:00:00+00:00'")
        case "date", datetime():
            return value.date()
        case "date", str():
            return _iso(value, date.fromisoformat, "a date such as '2026-01-31'")
        case "timedelta", str() | int() | float():
            return as_duration(value)
        case "list", list() if wanted.args:
            return [_inside(item, wanted.args[0], f"[{n}]") for n, item in enumerate(value)]
        case "dict", dict() if wanted.args:
            return {key: _inside(item, wanted.args[-1], f".{key}") for key, item in value.items()}
        case "union", _ if judge_value(value, wanted) is not None:
            return _first_that_fits(value, wanted)
    problem = judge_value(value, wanted)
    if problem is not None:
        raise ValueError(problem)
    return value


def _inside(item: Value, wanted: Type, where: str) -> Value:
    try:
        return coerce(item, wanted)
    except ValueError as error:
        raise ValueError(f"{where} {error}") from None


def _first_that_fits(value: Value, wanted: Type) -> Value:
    for member in wanted.args:
        try:
            return coerce(value, member)
        except ValueError:
            continue
    raise ValueError(f"{value!r} is not {wanted}")


def _iso(text: str, read: Callable[[str], Value], what: str) -> Value:
    try:
        return read(text)
    except ValueError:
        raise ValueError(f"{text!r} is not {what}") from None


def _null(text: str) -> None:
    if text.lower() not in _NULL:
        raise InputError(f"{text!r} is not null", remedy="write null")


def _bool(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise InputError(f"{text!r} is not true or false", remedy=did_you_mean(text.lower(), ["true", "false"]))


def _number(text: str, wanted: Type, read: Callable[[str], Value]) -> Value:
    try:
        return read(text)
    except ValueError:
        example = "5" if wanted.name == "int" else "0.5"
        raise InputError(f"{text!r} is not {wanted}", remedy=f"write a number such as {example}") from None


def _choice(text: str, wanted: Type) -> Value:
    by_text = {_choice_text(choice): choice for choice in wanted.choices}
    if text in by_text:
        return by_text[text]
    raise InputError(f"{text!r} is not {wanted}", remedy=did_you_mean(text, by_text))


def _choice_text(choice: Value) -> str:
    return choice if isinstance(choice, str) else json.dumps(choice, default=str)


def _list(text: str, wanted: Type) -> Value:
    if text.lstrip().startswith("["):
        return _checked(_json(text, wanted, "[1, 2]"), wanted)
    item = wanted.args[0] if wanted.args else Type("any")
    return [parse(part.strip(), item) for part in text.split(",")] if text.strip() else []


def _union(text: str, wanted: Type) -> Value:
    # Text fits whatever comes, so it is asked last.
    members = sorted(wanted.args, key=lambda member: member.name in ("str", "path", "any") or member.name not in PLAIN)
    for member in members:
        try:
            return parse(text, member)
        except InputError:
            continue
    choices = [_choice_text(choice) for member in members for choice in member.choices]
    raise InputError(f"{text!r} is not {wanted}", remedy=did_you_mean(text, choices))


def _json(text: str, wanted: Type, example: str) -> Value:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not {wanted}: {error}", remedy=f"write JSON, such as '{example}'") from None


def _json_or_text(text: str) -> Value:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _checked(value: Value, wanted: Type) -> Value:
    try:
        return coerce(value, wanted)
    except ValueError as error:
        raise InputError(str(error)) from None
