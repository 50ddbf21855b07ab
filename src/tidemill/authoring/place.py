"""Where the user's code stands: file and line of the nearest frame outside this package."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FrameType

from tidemill.core.graph import Source

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep


def here() -> Source:
    """The place of the call that led into this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return Source("<unknown>", 0) if frame is None else Source(frame.f_code.co_filename, frame.f_lineno)


def source_of(function: Callable[..., object]) -> Source | None:
    """Where a function is defined; None for what is not written in Python."""
    code = getattr(function, "__code__", None)
    return Source(code.co_filename, code.co_firstlineno) if code else None


def show(source: Source | None) -> str:
    """`file:line`, the file as seen from the current folder where it lies below it."""
    if source is None:
        return ""
    try:
        near = os.path.relpath(source.file)
    except ValueError:  # another drive
        near = source.file
    return f"{source.file if near.startswith(os.pardir) else near}:{source.line}"


def relative(place: str) -> str:
    """A place of `core.check`, as `show` gives it; a node path stays as it is."""
    file, _, line = place.rpartition(":")
    return show(Source(file, int(line))) if file and line.isdigit() else place
