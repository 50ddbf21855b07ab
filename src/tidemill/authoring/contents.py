"""What a value holds, as a digest that is the same in every process: a pickle in which sets are sorted.

Code inside a value (functions, classes, modules) is handed to the caller, who says by what name it counts.
"""

from __future__ import annotations

import copyreg
import functools
import inspect
import logging
import os
import pickle
import sys
import threading
import types
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from tidemill.authoring.references import is_own_binary, module_file
from tidemill.core.blake import blake2b
from tidemill.core.errors import DefinitionError

PROTOCOL = 5

PLAIN = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict),
    *(date, datetime, time, timedelta),
)
_PLAIN = frozenset(PLAIN)
# These hold nothing that a result depends on, or nothing yet when a definition is read.
_HARMLESS: tuple[type, ...] = (
    *(type(threading.Lock()), type(threading.RLock()), threading.local, ContextVar),
    *(logging.Logger, logging.Handler, weakref.ref),
    type(os.environ),  # what of it is read cannot be told, and most of it is another in each terminal
    *(weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet),
)
_CODE = (types.FunctionType, types.ModuleType, type, functools._lru_cache_wrapper)


class NoFingerprint(DefinitionError):
    """The code cannot be told apart from a later version of itself."""

    code = "no-fingerprint"


class NotTold(Exception):
    """The value holds something that cannot be pickled."""


@dataclass(frozen=True, slots=True)
class Told:
    """`plain`: made of Python's own plain types alone."""

    digest: str
    plain: bool


def is_definition(found: object) -> bool:
    """Whether it is a task or a pipeline, which stands for its function."""
    if isinstance(found, type) or not type(found).__module__.startswith("tidemill.authoring."):
        return False
    # Others of these answer to any name, or complain of it.
    return inspect.getattr_static(found, "function", None) is not None and callable(getattr(found, "function", None))


def is_code(found: object) -> bool:
    """Whether it counts by its text, and not by what it holds."""
    return isinstance(found, _CODE) or is_definition(found)


def told(value: object, code: Callable[[Any], str], lenient: bool = False) -> Told:
    """What `value` holds; `code` names the code inside. Raises NotTold; if lenient, of such parts the kind counts."""
    for shared in (False, True):
        try:
            return _told(value, code, lenient, shared)
        except Exception as error:  # Whatever the classes of users raise while they are pickled.
            if shared or not isinstance(error, ValueError):
                raise NotTold(str(error)) from error
            # It contains itself, perhaps.
    raise AssertionError


def _told(value: object, code: Callable[[Any], str], lenient: bool, shared: bool) -> Told:
    sink = _Sink()
    pickler = _Contents(sink, code, lenient)
    # Without a memo two equal strings count the same whether or not they are one object, which differs by process.
    pickler.fast = not shared
    pickler.dump(value)
    return Told(sink.hash.hexdigest(), pickler.plain)


class _Sink:
    def __init__(self) -> None:
        self.hash = blake2b(digest_size=16)

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return len(data)


class _Contents(pickle.Pickler):
    def __init__(self, sink: _Sink, code: Callable[[Any], str], lenient: bool) -> None:
        super().__init__(sink, protocol=PROTOCOL)
        self.code = code
        self.lenient = lenient
        self.plain = True

    def persistent_id(self, found: Any) -> Any:
        kind = type(found)
        if kind in _PLAIN:
            return None
        if isinstance(found, set | frozenset):
            return self._unordered(found)
        if isinstance(found, type) and found in _PLAIN:
            return "class", found.__name__
        self._binary(found, kind)
        if kind is types.BuiltinFunctionType and (
            found.__self__ is None or isinstance(found.__self__, types.ModuleType)
        ):
            return None
        self.plain = False
        if is_code(found):
            return "code", self.code(found)
        if isinstance(found, _HARMLESS):
            return "kind", _kind(found)
        if kind is types.MappingProxyType:
            return "proxy", self._inner(dict(found))
        if kind.__module__.partition(".")[0] == "torch" and hasattr(found, "untyped_storage"):
            return self._tensor(found)
        return None

    def _binary(self, found: Any, kind: type) -> None:
        """A function in machine code counts by its name, below, and by the file it comes from if that is the user's."""
        if kind is types.BuiltinFunctionType or kind.__name__ == "cython_function_or_method":
            home = sys.modules.get(str(getattr(found, "__module__", "")))
            if home is not None and is_own_binary(module_file(home.__name__)):
                self.code(home)

    def reducer_override(self, found: Any) -> Any:
        if not self.lenient or type(found) in copyreg.dispatch_table:
            return NotImplemented
        try:
            return found.__reduce_ex__(PROTOCOL)
        except Exception:
            return str, (_kind(found),)

    def _unordered(self, found: Any) -> Any:
        own = type(found) not in (set, frozenset)
        held = (self.code(type(found)), self._inner(getattr(found, "__dict__", {}))) if own else type(found).__name__
        self.plain = self.plain and not own
        return "set", held, sorted(self._inner(item) for item in found)

    def _inner(self, value: object) -> str:
        inner = told(value, self.code, self.lenient)
        self.plain = self.plain and inner.plain
        return inner.digest

    def _tensor(self, found: Any) -> Any:
        # Its own pickle holds addresses of memory.
        flat = found.detach().cpu().contiguous().reshape(-1).view(sys.modules["torch"].uint8)
        return "tensor", self.code(type(found)), str(found.dtype), list(found.shape), self._inner(flat.numpy())


def _kind(found: object) -> str:
    return f"{type(found).__module__}.{type(found).__qualname__}"
