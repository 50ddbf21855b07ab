"""Previews of files, folders, texts and bytes that a task leaves: a look at their beginning."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Any

from tidemill.storage.artifacts.listing import scan
from tidemill.worker.previews.images import image
from tidemill.worker.previews.texts import NAME, beginning, short

ENTRIES = 200
"""Files of a folder that are listed."""

COUNTED = 100_000
"""Files of a folder that are counted, at most."""

_HEAD = 128 << 10
_HTML = (b"<!doctype html", b"<html")
_FORMATS = {
    ".html": "html",
    ".htm": "html",
    ".json": "json",
    ".md": "markdown",
    ".csv": "csv",
    ".tsv": "tsv",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".xml": "xml",
}
_LISTED = 48 << 10


def of_path(path: Path, size: int) -> dict[str, Any]:
    """Of a file or a folder; `size` is that of its content, in bytes."""
    if path.is_dir():
        return _of_folder(path, size)
    with open(path, "rb") as source:
        head = source.read(_HEAD)
    return of_bytes(head, size, path.suffix.lower())


def of_bytes(head: bytes, size: int, suffix: str = "") -> dict[str, Any]:
    """Of bytes by their beginning; `size` is that of all of them."""
    drawn = image(head)
    if drawn is not None:
        return _of_image(drawn)
    text = _text(head, size)
    if text is None:
        return {"is": "NoPreview", "reason": f"a binary file{f' ({short(suffix, 20)})' if suffix else ''}"}
    return of_text(text, size, suffix)


def _of_image(drawn: tuple[str, tuple[int, int] | None]) -> dict[str, Any]:
    kind, measures = drawn
    width, height = measures or (None, None)
    return {"is": "ImagePreview", "format": kind, "width": width, "height": height}


def of_text(text: str, size: int, suffix: str = "") -> dict[str, Any]:
    drawn = image(text[:8192].encode("utf-8", "replace"))
    if drawn is not None and drawn[0] == "svg":
        return _of_image(drawn)
    start = text[:200].lstrip("\ufeff \t\r\n").lower().encode("utf-8", "replace")
    kind = "html" if start.startswith(_HTML) else _FORMATS.get(suffix, "text")
    kept, cut = beginning(text, size)
    return {"is": "TextPreview", "format": kind, "text": kept, "cut": cut}


def _of_folder(path: Path, size: int) -> dict[str, Any]:
    files = [entry for entry in islice(scan(path), COUNTED + 1) if not entry.is_folder]
    uncounted = len(files) > COUNTED
    entries: list[dict[str, Any]] = []
    room = _LISTED
    for entry in sorted(files, key=lambda entry: entry.path)[:ENTRIES]:
        name = short(os.fsencode(entry.path).decode("utf-8", "replace"), 2 * NAME)
        room -= 6 * len(name)
        if room < 0:
            break
        entries.append({"path": name, "size": os.stat(entry.source).st_size})
    found: dict[str, Any] = {"is": "FolderPreview", "files": min(len(files), COUNTED), "size": size, "entries": entries}
    return found | {"uncounted": True} if uncounted else found


def _text(head: bytes, size: int) -> str | None:
    """The bytes as UTF-8 text, or None if they are something else; the last character may be cut off."""
    if b"\0" in head:
        return None
    for missing in range(4 if len(head) < size else 1):
        try:
            return head[: len(head) - missing].decode()
        except UnicodeDecodeError:
            continue
    return None
