"""Locks on folders of objects: putting marks bytes as wanted, collecting looks at the mark and removes, never at once.

A lock dies with its process. Where the file system has none for folders, collecting relies on its period of grace.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def shared(folder: Path) -> Iterator[None]:
    """With others that put. Raises FileNotFoundError if there is no such folder."""
    with _locked(folder, fcntl.LOCK_SH):
        yield


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """With nobody. Raises FileNotFoundError if there is no such folder."""
    with _locked(folder, fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)
