"""Images by their first bytes: what they are and how large. Reads nothing else, and trusts no name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PROLOGUE = ((b"<?", b"?>"), (b"<!--", b"-->"), (b"<!DOCTYPE", b">"), (b"<!doctype", b">"))
_TAG = re.compile(rb"<svg\b([^>]*)")
_LENGTH = re.compile(rb"""\b(width|height)\s*=\s*["']\s*([0-9]{1,6})(?:\.[0-9]+)?(?:px)?\s*["']""")
_VIEW = re.compile(rb"""\bviewBox\s*=\s*["']\s*[-0-9.]+[ ,]+[-0-9.]+[ ,]+([0-9]{1,6})[0-9.]*[ ,]+([0-9]{1,6})""")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})

Size = tuple[int, int]


def image(head: bytes) -> tuple[str, Size | None] | None:
    """The format and, if the bytes tell, width and height in pixels; None for what is no image."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png", _at(head, 16, 4, "big") if head[12:16] == b"IHDR" else None
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg", next(_of_jpeg(head), None)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif", _at(head, 6, 2, "little")
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp", None
    drawn = _TAG.match(_after_prologue(head[:8192]))
    return ("svg", _of_svg(drawn[1])) if drawn else None


def _after_prologue(head: bytes) -> bytes:
    """From the first element on; nothing if there is none in sight."""
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    while True:
        ends = next((end for start, end in _PROLOGUE if head.startswith(start)), None)
        if ends is None:
            return head
        head = head.partition(ends)[2].lstrip()


def _at(head: bytes, start: int, width: int, order: str) -> Size | None:
    if len(head) < start + 2 * width:
        return None
    first, second = head[start : start + width], head[start + width : start + 2 * width]
    return (
        (int.from_bytes(first, "big"), int.from_bytes(second, "big"))
        if order == "big"
        else (int.from_bytes(first, "little"), int.from_bytes(second, "little"))
    )


def _of_jpeg(head: bytes) -> Iterator[Size]:
    place = 2
    while place + 9 <= len(head) and head[place] == 0xFF:
        kind = head[place + 1]
        if kind == 0xFF:
            place += 1
        elif kind in _ALONE:
            place += 2
        elif kind in _FRAMES:
            found = _at(head, place + 5, 2, "big")
            if found is not None:
                yield found[1], found[0]
            return
        else:
            place += 2 + max(2, int.from_bytes(head[place + 2 : place + 4], "big"))


def _of_svg(attributes: bytes) -> Size | None:
    said = {name: int(value) for name, value in _LENGTH.findall(attributes)}
    if len(said) == 2:
        return said[b"width"], said[b"height"]
    view = _VIEW.search(attributes)
    return (int(view[1]), int(view[2])) if view else None
