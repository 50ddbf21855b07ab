"""Codecs of plain values: JSON, text and bytes. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

from tidemill.core.values import NotAValue, Value, decode, encode, normalize
from tidemill.storage.artifacts.codecs.codec import Metadata, Unsuitable, type_name

KEYS = 1000
"""How many keys of a dict are told in its metadata, so that it can be mapped without being loaded."""


class JsonCodec:
    """Values as in `core.values`: tuples become lists, enums their value, numbers of numpy Python's; int is not float.

    A dict keeps the order of its keys, for it is the order in which it is mapped.
    """

    name = "json"
    safe = True
    suffix = ".json"

    def dump(self, value: object, target: Path) -> Metadata:
        try:
            plain = _value(value)
            text = json.dumps(encode(plain), separators=(",", ":"), allow_nan=False)
            if '"$date' in text:
                _refuse_odd_dates(plain)
        except (NotAValue, RecursionError) as error:
            raise Unsuitable(str(error)) from None
        except ValueError:
            # Python refuses to write integers of more than 4300 digits, since reading them back takes so long.
            raise Unsuitable("it holds a number with too many digits for JSON") from None
        target.write_text(text, encoding="ascii")
        return _describe(plain)

    def load(self, source: Path) -> object:
        return decode(json.loads(source.read_bytes()))


def _value(value: object) -> Value:
    try:
        return normalize(value)
    except NotAValue as error:
        if not error.kind.startswith("numpy."):
            raise
        return normalize(_without_numpy_numbers(value))


def _without_numpy_numbers(value: object) -> object:
    """The same with Python numbers for those of numpy, which is told by name and so need not be imported."""
    match value:
        case Mapping():
            return {key: _without_numpy_numbers(item) for key, item in value.items()}
        case str() | bytes() | bytearray():
            return value
        case Sequence():
            return [_without_numpy_numbers(item) for item in value]
        case _ if hasattr(value, "item") and _is_numpy_number(type(value)):
            number = value.item()
            return number if isinstance(number, bool | int | float) else value
        case _:
            return value


def _refuse_odd_dates(value: Value) -> None:
    """Raise NotAValue for classes derived from dates, such as those of pandas: they hold what a date cannot."""
    match value:
        case dict():
            for item in value.values():
                _refuse_odd_dates(item)
        case list():
            for item in value:
                _refuse_odd_dates(item)
        case date() if type(value) not in (date, datetime):
            raise NotAValue(value, "")


def _is_numpy_number(kind: type) -> bool:
    names = {type_name(above) for above in kind.__mro__}
    # To numpy a duration is a number too, but one that has a unit.
    return bool(names & {"numpy.number", "numpy.bool", "numpy.bool_"}) and "numpy.timedelta64" not in names


def _describe(value: Value) -> Metadata:
    match value:
        case dict():
            keys = list(value)[:KEYS]
            return {"type": "dict", "length": len(value), "keys": keys}
        case list():
            return {"type": "list", "length": len(value)}
        case None:
            return {"type": "none"}
        case _:
            return {"type": type(value).__name__}


class TextCodec:
    """A `str` as UTF-8, line ends untouched."""

    name = "text"
    safe = True
    suffix = ".txt"

    def dump(self, value: object, target: Path) -> Metadata:
        if not isinstance(value, str):
            raise Unsuitable(f"{type_name(type(value))} is not text")
        # Lone surrogates come from file names that are not UTF-8; they must survive.
        target.write_bytes(value.encode("utf-8", "surrogatepass"))
        return {"type": "str", "length": len(value), "lines": len(value.splitlines())}

    def load(self, source: Path) -> object:
        return source.read_bytes().decode("utf-8", "surrogatepass")


class BytesCodec:
    """`bytes`, `bytearray` and `memoryview` as they are; loaded as `bytes`."""

    name = "bytes"
    safe = True
    suffix = ".bin"

    def dump(self, value: object, target: Path) -> Metadata:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise Unsuitable(f"{type_name(type(value))} is not bytes")
        with open(target, "xb") as sink:
            sink.write(value)
        return {"type": "bytes", "length": target.stat().st_size}

    def load(self, source: Path) -> object:
        return source.read_bytes()
