"""Calling a task's function for somebody who watches: in the debugger, or free to enter it by `breakpoint()`.

Knows nothing of runs; whoever leaves the debugger interrupts the attempt.
"""

from __future__ import annotations

import bdb
import contextlib
import inspect
import pdb
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from tidemill.worker.hooks import call

_OURS = str(Path(__file__).parent)


def watched(function: Callable[..., Any], *positional: Any, **named: Any) -> Any:
    """The function's result. Raises KeyboardInterrupt if a debugger that it entered is left."""
    with _leaving():
        return call(function, *positional, **named)


def debugged(at_first_line: bool) -> Callable[..., Any]:
    """Calls a function, and stops where it raises; with `at_first_line` also where it begins, unless it is awaited."""

    def calling(function: Callable[..., Any], *positional: Any, **named: Any) -> Any:
        with _leaving():
            try:
                if at_first_line and not inspect.iscoroutinefunction(function):
                    return _from_the_first_line(function, positional, named)
                return call(function, *positional, **named)
            except bdb.BdbQuit:
                raise
            except Exception as error:
                pdb.post_mortem(_users(error.__traceback__))
                raise

    return calling


class _Debugger(pdb.Pdb):
    """Knows whether it was left, about which `runcall` is silent."""

    left = False

    def set_quit(self) -> None:
        self.left = True
        super().set_quit()


def _from_the_first_line(function: Callable[..., Any], positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
    debugger = _Debugger()
    result = debugger.runcall(function, *positional, **named)
    if debugger.left:
        raise bdb.BdbQuit
    return result


@contextlib.contextmanager
def _leaving() -> Iterator[None]:
    try:
        yield
    except bdb.BdbQuit:
        raise KeyboardInterrupt("the debugger was left") from None


def _users(found: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is not of this package."""
    inner = found
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_OURS):
        inner = inner.tb_next
    return inner or found
