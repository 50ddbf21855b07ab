"""From an exception to a cause: class names, a traceback from the user's file on, the retry rule that matches."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.errors import TidemillError
from tidemill.core.graph import RetryRule
from tidemill.core.signals import Signal
from tidemill.core.sizes import size_text
from tidemill.worker.kernel import memory_limit

MAX_MESSAGE = 4_000
MAX_TRACEBACK = 64_000

Mask = Callable[[str], str]

_PACKAGE = Path(__file__).resolve().parents[1]
_HERE = f"{_PACKAGE}{os.sep}"
# Frames that lie between the process and the user's function.
_OURS = tuple(str(_PACKAGE / folder) for folder in ("worker", "authoring", "executors", "testing"))
_MACHINERY = ("asyncio", "importlib")


class Fault(Exception):
    """An attempt fails here, for this cause, and nobody else needs to look at it."""

    def __init__(self, kind: CauseKind, message: str, error: BaseException | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.error = error

    def cause(self, mask: Mask) -> Cause:
        if self.error is None or isinstance(self.error, TidemillError):
            classes = class_names(self.error) if self.error is not None else ()
            return Cause(self.kind, mask(self.message)[:MAX_MESSAGE], classes=classes)
        return cause_of(self.error, mask, kind=self.kind, message=self.message)


def cause_of(
    error: BaseException,
    mask: Mask,
    *,
    kind: CauseKind = CauseKind.USER_CODE,
    message: str = "",
    exit_code: int | None = None,
) -> Cause:
    """The cause of a failure in code that is not ours."""
    return Cause(
        kind,
        mask((message or one_line(error)) + _for_want_of(error))[:MAX_MESSAGE],
        classes=class_names(error),
        traceback="" if _is_our_word(error) else mask(user_traceback(error)),
        exit_code=exit_code,
    )


def _for_want_of(error: BaseException) -> str:
    limit = memory_limit() if isinstance(error, MemoryError) else None
    return f": out of memory: its limit is {size_text(limit)}" if limit is not None else ""


def one_line(error: BaseException) -> str:
    """`ValueError: no rows`; an exception whose text cannot be made is named by its class alone."""
    try:
        text = error.in_one_line if isinstance(error, TidemillError) else str(error).strip()
    except Exception:
        text = "(its message cannot be shown)"
    name = type(error).__qualname__
    return f"{name}: {text}" if text else name


def class_names(error: BaseException) -> tuple[str, ...]:
    """Qualified names of the exception's classes, most specific first; built-in ones by their bare name."""
    return tuple(_name(cls) for cls in type(error).__mro__ if cls is not object)


def matched_rule(error: BaseException, rules: Sequence[RetryRule]) -> int | None:
    """The index of the first rule that names a class of the exception, by qualified or bare name."""
    names = {name for cls in type(error).__mro__ for name in (_name(cls), cls.__qualname__)} - {"object"}
    for index, rule in enumerate(rules):
        for wanted in rule.exceptions:
            wanted = wanted.removeprefix("builtins.")
            if wanted in names or _is_instance(error, wanted):
                return index
    return None


def _name(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _is_instance(error: BaseException, wanted: str) -> bool:
    """A class may be known by another path than where it was defined, such as requests.ConnectionError."""
    module, _, name = wanted.rpartition(".")
    found = getattr(sys.modules.get(module), name, None) if module else None
    return isinstance(found, type) and isinstance(error, found)


def user_traceback(error: BaseException) -> str:
    """The formatted traceback without the frames that lead to the user's code; the middle is cut if it is very long."""
    try:
        summary = traceback.TracebackException(type(error), error, _from_user(error.__traceback__))
        _trim_chain(summary, error)
        text = "".join(_places(summary) if isinstance(error, Signal) else summary.format())
    except Exception as trouble:
        text = f"{one_line(error)}\n(the traceback cannot be shown: {type(trouble).__name__})\n"
    if len(text) > MAX_TRACEBACK:
        half = MAX_TRACEBACK // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters are left out ...\n{text[-half:]}"
    return text


def _places(summary: traceback.TracebackException) -> Iterator[str]:
    """Where a refusal was said: what it says is the message, and need not stand here again."""
    led_to = summary.__cause__ or (None if summary.__suppress_context__ else summary.__context__)
    if led_to is not None or not summary.stack:
        yield from summary.format()
        return
    yield "Traceback (most recent call last):\n"
    yield from summary.stack.format()


def _is_our_word(error: BaseException) -> bool:
    """Whether a task of ours says how it ends: its message is all there is to know, its frames are not the user's."""
    trace = error.__traceback__
    while isinstance(error, Signal) and trace is not None and trace.tb_frame.f_code.co_filename.startswith(_HERE):
        trace = trace.tb_next
    return isinstance(error, Signal) and trace is None


def _from_user(trace: TracebackType | None) -> TracebackType | None:
    start = trace
    while start is not None and _is_ours(start.tb_frame.f_code.co_filename):
        start = start.tb_next
    return start


def _trim_chain(summary: traceback.TracebackException, error: BaseException) -> None:
    """The same for the exceptions that led to this one."""
    for inner, cause in ((summary.__cause__, error.__cause__), (summary.__context__, error.__context__)):
        if inner is not None and cause is not None:
            frames = inner.stack
            while frames and _is_ours(frames[0].filename):
                del frames[0]
            _trim_chain(inner, cause)


def _is_ours(file: str) -> bool:
    return file.startswith((*_OURS, "<frozen importlib")) or bool(
        re.search(rf"[/\\](?:{'|'.join(_MACHINERY)})[/\\]\w+\.py$", file)
    )
