"""JSON that has one text for one content (RFC 8785), so that its digest means something everywhere.

Knows JSON alone. Numbers are IEEE doubles, written as ECMAScript does; keys are in the order of
their UTF-16 code units.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from tidemill.core.errors import InputError
from tidemill.core.values import Json

EXACT = 1 << 53
"""From here on a double does not hold every whole number."""

_DEEPEST = 100
_text_out = json.encoder.encode_basestring


class NotCanonical(InputError):
    """Something that has no canonical JSON; the place is the path to it."""

    code = "not-canonical"


def write(plain: Json) -> str:
    """The canonical text. Raises NotCanonical for anything but JSON, nan, infinity, and numbers that would be rounded.

    Tuples are lists. Its UTF-8 bytes are what a digest is of.
    """
    parts: list[str] = []
    _write(plain, parts, "", 0)
    text = "".join(parts)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotCanonical("a text holds half of a surrogate pair, which has no UTF-8") from None
    return text


def read(text: str | bytes) -> Json:
    """The content of a canonical text; `write` gives the same text again. Raises ValueError for what is no JSON."""
    return json.loads(text, parse_int=_whole_in, parse_constant=_no_number, object_pairs_hook=_object_in)


def as_recorded(plain: Json) -> Json:
    """What reading the canonical text of `plain` gives: other order of keys, 1.0 as 1. Raises NotCanonical.

    Whatever is to be judged again later should be judged in this form the first time too.
    """
    return read(write(plain))


def number_text(number: float) -> str:
    """A finite double as ECMAScript writes it: the shortest digits that are read as the same number."""
    if number == 0:
        return "0"
    sign, digits, point = _decimal(number)
    count = len(digits)
    if count <= point <= 21:
        return f"{sign}{digits}{'0' * (point - count)}"
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{rest}e{point - 1:+d}"


def text_out(text: str) -> str:
    """A text as canonical JSON; halves of surrogate pairs are not looked for."""
    return _text_out(text)


def _decimal(number: float) -> tuple[str, str, int]:
    """Sign, digits without zeros at either end, and where the point stands: 0.digits times ten to that power."""
    # Python writes the shortest digits too, only in another form.
    text = repr(number)
    sign = "-" if text[0] == "-" else ""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, part = mantissa.partition(".")
    digits = whole + part
    leading = len(digits) - len(digits.lstrip("0"))
    return sign, digits.strip("0"), len(whole) - leading + int(exponent or 0)


def _write(plain: Json, parts: list[str], where: str, depth: int) -> None:
    match plain:
        case None:
            parts.append("null")
        case bool():
            parts.append("true" if plain else "false")
        case str():
            parts.append(_text_out(plain))
        case int():
            parts.append(_whole_out(plain, where))
        case float():
            if not math.isfinite(plain):
                raise NotCanonical(f"JSON has no {plain}", place=where, remedy="write it as a text")
            parts.append(number_text(float(plain)))
        case list() | tuple():
            _deep(where, depth)
            parts.append("[")
            for n, item in enumerate(plain):
                if n:
                    parts.append(",")
                _write(item, parts, f"{where}[{n}]", depth + 1)
            parts.append("]")
        case Mapping():
            _deep(where, depth)
            _write_object(plain, parts, where, depth)
        case _:
            kind = f"{type(plain).__module__}.{type(plain).__qualname__}"
            raise NotCanonical(f"a {kind} is not JSON", place=where, remedy="write it as text, numbers and lists")


def _write_object(plain: Mapping[Any, Json], parts: list[str], where: str, depth: int) -> None:
    for key in plain:
        if not isinstance(key, str):
            raise NotCanonical(f"the key {key!r} is not a text", place=where)
    parts.append("{")
    for n, key in enumerate(sorted(plain, key=_in_utf16)):
        if n:
            parts.append(",")
        parts.append(f"{_text_out(key)}:")
        _write(plain[key], parts, f"{where}.{key}" if where else key, depth + 1)
    parts.append("}")


def _deep(where: str, depth: int) -> None:
    if depth >= _DEEPEST:
        raise NotCanonical(f"this is nested more than {_DEEPEST} levels deep", place=where[:80])


def _in_utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _whole_out(number: int, where: str) -> str:
    if -EXACT < number < EXACT:
        return str(int(number))
    try:
        rounded = float(number)
    except OverflowError:
        rounded = math.inf
    if rounded != number:
        raise NotCanonical(
            f"{str(number)[:40]} would be rounded: JSON numbers are doubles", place=where, remedy="write it as a text"
        )
    return number_text(rounded)


def _whole_in(text: str) -> int | float:
    number = int(text) if len(text) < 20 else float(text)
    return number if -EXACT < number < EXACT else float(text)


def _no_number(text: str) -> Json:
    raise ValueError(f"{text} is not JSON")


def _object_in(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found
