"""Modules of the user's own are compiled from their source each time they are imported.

Python trusts byte code that fits its source by size and second: an edit right after a run would be fingerprinted, but
not run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.abc import PathEntryFinder

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_roots: set[str] = set()


class FromSource(SourceFileLoader):
    """Neither reads nor writes byte code."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def import_from_source(folder: Path) -> None:
    """From now on, what is imported from `folder` or below (installed packages aside) is compiled from its source."""
    root = str(folder)
    if root in _roots:
        return
    if not _roots:
        sys.path_hooks.insert(0, _finder)
    _roots.add(root)
    for known in [known for known in sys.path_importer_cache if _is_own(known)]:
        del sys.path_importer_cache[known]


_files: Callable[[str], PathEntryFinder] = FileFinder.path_hook(
    (ExtensionFileLoader, EXTENSION_SUFFIXES), (FromSource, SOURCE_SUFFIXES), (SourcelessFileLoader, BYTECODE_SUFFIXES)
)


def _finder(path: str) -> PathEntryFinder:
    if not _is_own(path):
        raise ImportError("not a folder of the user's own", path=path)
    return _files(path)


def _is_own(path: str) -> bool:
    below = any(path == root or path.startswith(root + os.sep) for root in _roots)
    with_python = path.startswith((sys.prefix + os.sep, sys.base_prefix + os.sep))
    return below and not with_python and not _INSTALLED.intersection(path.split(os.sep))
