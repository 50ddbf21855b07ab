"""The canonical listing of a folder: reading a folder into one, its text, and the checks of a text from outside.

The listing's digest is the address of the tree. Pure apart from `scan`; knows nothing of where bytes are kept.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tidemill.storage.artifacts.content import is_digest
from tidemill.storage.artifacts.errors import ArtifactDamaged, NotStorable

_HEADER = "tidemill-tree 1"
_MARKED_ON_WINDOWS = re.compile(r'[\\:*?"<>|]')


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a tree, or an empty folder (`digest` is None). `path` is relative, with '/', inside the tree."""

    path: str
    digest: str | None
    size: int = 0
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One file (or empty folder) met by `scan`: where it is, and its path inside the tree."""

    path: str
    source: Path
    is_folder: bool


def encode(entries: Iterable[Entry]) -> bytes:
    """The one text of these entries, whatever their order."""
    lines = [_HEADER]
    for entry in sorted(entries, key=lambda entry: entry.path):
        if entry.digest is None:
            lines.append(json.dumps([entry.path]))
        else:
            lines.append(json.dumps([entry.path, entry.digest, entry.size, int(entry.executable)]))
    return ("\n".join(lines) + "\n").encode()


def parse(data: bytes) -> tuple[Entry, ...]:
    """The entries of a listing, checked as something hostile. Raises ArtifactDamaged, naming the line."""
    try:
        lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise ArtifactDamaged("the listing of a folder is not text") from None
    if lines[0] != _HEADER or lines[-1] != "":
        raise ArtifactDamaged("the listing of a folder is cut short or is no listing")
    entries = tuple(_parse_line(line, number) for number, line in enumerate(lines[1:-1], start=2))
    _check_together(entries)
    return entries


def _parse_line(line: str, number: int) -> Entry:
    try:
        match json.loads(line):
            case [str(path)]:
                entry = Entry(path, None)
            case [str(path), str(digest), int(size), 0 | 1 as executable] if (
                is_digest(digest) and size >= 0 and type(size) is int and type(executable) is int
            ):
                entry = Entry(path, digest, size, bool(executable))
            case _:
                raise ValueError("unexpected shape")
    except (ValueError, RecursionError):
        raise ArtifactDamaged(f"line {number} of the listing of a folder cannot be read: {line!r:.200}") from None
    if problem := _problem_with(entry.path):
        raise ArtifactDamaged(
            f"line {number} of the listing of a folder is refused: {entry.path!r:.200} {problem}",
            remedy="the listing was not written by Tidemill; nothing was written to disk",
        )
    return entry


def _problem_with(path: str) -> str | None:
    parts = path.split("/")
    if "\0" in path:
        return "holds a NUL"
    if path.startswith("/"):
        return "is an absolute path"
    if any(part in ("", ".", "..") for part in parts):
        return "leaves the folder or is not in its plain form"
    if os.name == "nt" and _MARKED_ON_WINDOWS.search(path):
        return "is not a name on this system"
    return None


def _check_together(entries: tuple[Entry, ...]) -> None:
    leaves: set[str] = set()
    previous = ""
    for entry in entries:
        if leaves and entry.path <= previous:
            raise ArtifactDamaged(f"the listing of a folder names {entry.path!r:.200} twice or out of order")
        previous = entry.path
        leaves.add(entry.path)
    for entry in entries:
        parent = entry.path.rpartition("/")[0]
        while parent:
            if parent in leaves:
                raise ArtifactDamaged(f"the listing of a folder has {parent!r:.200} both as a leaf and as a folder")
            parent = parent.rpartition("/")[0]


Skip = Callable[[str, bool], bool]
"""Whether to pass over what has this path inside the folder, and is a folder itself or not."""


def scan(folder: Path, skip: Skip | None = None) -> Iterator[Found]:
    """Every file and empty folder under `folder`, links followed while they stay inside. Raises NotStorable."""
    root = os.path.realpath(folder)
    if not os.path.isdir(root):
        raise NotStorable(f"there is no folder {folder}", remedy="write the folder before returning its path")
    pending: list[tuple[str, str, tuple[str, ...]]] = [(root, "", (root,))]
    while pending:
        place, prefix, above = pending.pop()
        children = list(os.scandir(place))
        if not children and prefix:
            yield Found(prefix.rstrip("/"), Path(place), True)
        for child in children:
            name = prefix + child.name
            if skip is not None and skip(name, child.is_dir()):
                continue
            real = _real(child, root, name)
            mode = os.stat(real).st_mode
            if stat.S_ISREG(mode):
                yield Found(name, Path(real), False)
            elif not stat.S_ISDIR(mode):
                raise NotStorable(
                    f"{name} in folder {folder} is a {_special(mode)}", remedy="remove it, or return another folder"
                )
            elif real in above:
                raise NotStorable(f"the link {name} in folder {folder} points to a folder that holds it")
            else:
                pending.append((real, name + "/", (*above, real)))


def _real(child: os.DirEntry[str], root: str, name: str) -> str:
    if not child.is_symlink():
        return child.path
    real = os.path.realpath(child.path)
    if os.path.commonpath((real, root)) != root:
        raise NotStorable(
            f"the link {name} leaves its folder (it points to {os.readlink(child.path)})",
            remedy="replace the link by a copy of what it points to",
        )
    if not os.path.exists(real):
        raise NotStorable(f"the link {name} points to nothing ({os.readlink(child.path)})", remedy="remove the link")
    return real


def _special(mode: int) -> str:
    match stat.S_IFMT(mode):
        case stat.S_IFIFO:
            return "pipe"
        case stat.S_IFSOCK:
            return "socket"
        case _:
            return "device"
