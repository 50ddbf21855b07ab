"""The last resort: cloudpickle. Loading runs code from the bytes, so these artifacts are marked unsafe."""

from __future__ import annotations

import io
import pickle
import platform
import socket
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle

from tidemill.storage.artifacts.codecs.codec import Metadata, type_name
from tidemill.storage.artifacts.errors import NotStorable

_LIVE = (
    io.FileIO,
    io.BufferedReader,
    io.BufferedWriter,
    io.BufferedRandom,
    io.TextIOWrapper,
    socket.socket,
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
)

_REMEDY = "return data instead (text, numbers, a frame, a path), and open or make the object where it is used"
_DEPTH = 6
_PROTOCOL = 5


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Refuses what lives in this process only; cloudpickle would keep a file by its text, without a word."""

    def reducer_override(self, obj: object) -> Any:
        if isinstance(obj, _LIVE):
            raise TypeError("it lives in this process only")
        return super().reducer_override(obj)


class PickleCodec:
    """Any Python object that can be pickled, classes of the entry file and lambdas included."""

    name = "pickle"
    safe = False
    suffix = ".pkl"

    def dump(self, value: object, target: Path) -> Metadata:
        try:
            with open(target, "xb") as sink:
                _Pickler(sink, protocol=_PROTOCOL).dump(value)
        except Exception as error:
            where, culprit = _culprit(value)
            what = type_name(type(culprit))
            inside = f" (at {where})" if where else ""
            raise NotStorable(f"a {what} cannot be stored{inside}: {error}", remedy=_REMEDY) from error
        return {
            "type": type_name(type(value)),
            "bytes": target.stat().st_size,
            "library": {"python": platform.python_version(), "cloudpickle": cloudpickle.__version__},
        } | ({"length": len(value)} if isinstance(value, list | tuple | dict) else {})

    def load(self, source: Path) -> object:
        with open(source, "rb") as file:
            return pickle.load(file)


def _culprit(value: object, depth: int = _DEPTH) -> tuple[str, object]:
    """The innermost part that cannot be pickled, and the way to it."""
    if depth and not isinstance(value, _LIVE):
        for step, part in _parts(value):
            if not _storable(part):
                rest, culprit = _culprit(part, depth - 1)
                return step + rest, culprit
    return "", value


def _storable(part: object) -> bool:
    try:
        _Pickler(io.BytesIO(), protocol=_PROTOCOL).dump(part)
    except Exception:
        return False
    return True


def _parts(value: object) -> Iterator[tuple[str, object]]:
    match value:
        case dict():
            yield from ((f"[{key!r:.60}]", item) for key, item in value.items())
        case list() | tuple() | set() | frozenset():
            yield from ((f"[{n}]", item) for n, item in enumerate(value))
        case _ if hasattr(value, "__dict__") and not isinstance(value, type | types.ModuleType | types.FunctionType):
            yield from ((f".{name}", item) for name, item in vars(value).items())
