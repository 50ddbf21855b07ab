"""Modules of the standard library that libraries rely on, kept from being hidden by a file of the user's."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path

_RELIED_ON = frozenset(
    [
        "asyncio",
        "base64",
        "binascii",
        "bisect",
        "bz2",
        "calendar",
        "concurrent",
        "csv",
        "email",
        "hashlib",
        "hmac",
        "locale",
        "logging",
        "lzma",
        "platform",
        "random",
        "secrets",
        "shutil",
        "ssl",
        "string",
        "subprocess",
        "sysconfig",
        "tempfile",
        "threading",
        "zipfile",
        "zlib",
    ]
)


def keep_standard_modules(folder: Path) -> None:
    """Import those that would be looked for in `folder` first, and be found there: a user's random.py, say."""
    for name in _modules_in(folder) & _RELIED_ON - sys.modules.keys():
        # Not every Python has been built with all of them.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _modules_in(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as found:
            return {entry.name.removesuffix(".py") for entry in found if _is_module(entry)}
    except OSError:
        return set()


def _is_module(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(".py") or os.path.isfile(os.path.join(entry.path, "__init__.py"))
