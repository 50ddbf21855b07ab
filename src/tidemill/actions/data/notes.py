"""The note beside a path that says which version it holds: a small TOML file, to be committed with the code."""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tidemill.core.errors import InputError
from tidemill.storage.artifacts.content import is_digest
from tidemill.storage.artifacts.files import random_name

SUFFIX = ".tide"
_NAME = re.compile(r"[\w][\w.+-]{0,99}\Z")
_LARGEST = 64 << 10


@dataclass(frozen=True, slots=True)
class Note:
    """`kind` is "file" or "tree", `size` in bytes."""

    name: str
    version: str
    kind: str
    size: int
    files: int
    message: str
    taken_at: str


def note_of(path: Path) -> Path:
    """Where the note of a path stands."""
    return path.with_name(path.name + SUFFIX)


def write(path: Path, note: Note) -> None:
    """Write the note beside the path, whole or not at all. Raises InputError."""
    place = note_of(path)
    shown = path.name
    text = (
        f"# Written by `tidemill data snapshot`. Commit it: `tidemill data checkout {shown}` puts this version back.\n"
        f"name = {_text(note.name)}\n"
        f"version = {_text(note.version)}\n"
        f"kind = {_text(note.kind)}\n"
        f"size = {note.size}\n"
        f"files = {note.files}\n"
        f"message = {_text(note.message)}\n"
        f"taken_at = {_text(note.taken_at)}\n"
    )
    fresh = place.with_name(f".{place.name}.{random_name()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, place)
    except OSError as problem:
        fresh.unlink(missing_ok=True)
        raise InputError(f"the note cannot be written: {problem.strerror}", place=str(place)) from None


def read(path: Path) -> Note | None:
    """The note beside the path, or None. Raises InputError for one that cannot be read."""
    place = note_of(path)
    try:
        with open(place, "rb") as source:
            found = tomllib.loads(source.read(_LARGEST).decode("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise InputError(f"cannot be read: {problem}", place=str(place), remedy="take it from git again") from None
    match found:
        case {
            "name": str(name),
            "version": str(version),
            "kind": "file" | "tree" as kind,
            "size": int(size),
            "files": int(files),
            "message": str(message),
            "taken_at": str(taken_at),
        } if is_name(name) and is_digest(version):
            return Note(name, version, kind, size, files, message, taken_at)
    raise InputError("is no note of a snapshot", place=str(place), remedy="take it from git again")


def is_name(text: str) -> bool:
    """Whether a name of a snapshot may look so."""
    return _NAME.match(text) is not None


def name_from(path: Path) -> str:
    """A name for what has none yet."""
    return re.sub(r"[^\w.+-]+", "-", path.name).lstrip(".+-")[:100] or "data"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
