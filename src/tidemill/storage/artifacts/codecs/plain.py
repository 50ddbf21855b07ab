"""Codecs of plain values: JSON, text and bytes. Standard library only."""

from __future__ import annotations

import json
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
            plain = normalize(value)
            text = json.dumps(encode(plain), separators=(",", ":"), allow_nan=False)
        except (NotAValue, RecursionError) as error:
            raise Unsuitable(str(error)) from None
        target.write_text(text, encoding="ascii")
        return _describe(plain)

    def load(self, source: Path) -> object:
        return decode(json.loads(source.read_bytes()))


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
