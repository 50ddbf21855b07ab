"""Files of a workspace by patterns, as the actions for artifacts and `hashFiles` take them."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path


def matching(workspace: Path, patterns: Iterable[str], hidden: bool = True) -> list[Path]:
    """Files, in order of their names; folders stand for all that is in them, a pattern with `!` takes away again."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        wanted = pattern.strip()
        if not wanted or wanted.startswith("#"):
            continue
        some = _files(workspace, os.path.expanduser(wanted.lstrip("!").strip()), hidden)
        if wanted.startswith("!"):
            for path in some:
                found.pop(path, None)
        else:
            found.update(dict.fromkeys(some))
    return sorted(found)


def root_of(workspace: Path, patterns: Sequence[str]) -> Path:
    """The folder above which nothing of the patterns lies: names in an artifact begin below it."""
    bases = []
    for pattern in patterns:
        wanted = os.path.expanduser(pattern.strip())
        if not wanted or wanted.startswith(("!", "#")):
            continue
        path = workspace / wanted
        parts = path.parts
        wild = next((n for n, part in enumerate(parts) if glob.has_magic(part)), None)
        base = Path(*parts[:wild]) if wild is not None else path if path.is_dir() else path.parent
        bases.append(Path(os.path.normpath(base)))
    return Path(os.path.commonpath(bases)) if bases else workspace


def hash_files(workspace: Path, patterns: tuple[str, ...]) -> str:
    """What hashFiles() gives: one SHA-256 over those of all files, "" if there are none."""
    together = hashlib.sha256()
    found = [path for path in matching(workspace, patterns) if path.resolve().is_relative_to(workspace.resolve())]
    for path in found:
        with path.open("rb") as file:
            together.update(hashlib.file_digest(file, "sha256").digest())
    return together.hexdigest() if found else ""


def _files(workspace: Path, pattern: str, hidden: bool) -> list[Path]:
    names = glob.glob(pattern, root_dir=workspace, recursive=True, include_hidden=hidden)
    found: list[Path] = []
    for name in names:
        path = Path(os.path.normpath(workspace / name))
        if path.is_dir():
            found += [inner for inner in path.rglob("*") if inner.is_file() and (hidden or not _is_hidden(inner, path))]
        elif path.is_file():
            found.append(path)
    return found


def _is_hidden(path: Path, below: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(below).parts)
