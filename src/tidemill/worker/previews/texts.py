"""Pieces of text for a preview: cut to a length, and without what JSON cannot hold. Control characters stay."""

from __future__ import annotations

import json
from collections.abc import Sized
from typing import Any

CELL = 60
"""Characters of one cell."""

NAME = 120
"""Characters of a name: of a column, a type, a key."""

_TEXT = 64 << 10
_IN_JSON = 90 << 10
_MANY = 8


def short(text: str, width: int = NAME) -> str:
    """At most `width` characters, the last of which tells that there were more."""
    text = text if len(text) <= width else f"{text[: width - 1]}…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def cell(value: Any) -> str:
    """One value of a table. Nothing large is turned into text to be cut afterwards."""
    kind = type(value)
    if kind is str:
        return short(value, CELL)
    if kind is float:
        return f"{value:.6g}"
    if value is None or kind in (int, bool):
        return short(str(value) if kind is not int or value.bit_length() < 4096 else "a very long number", CELL)
    if hasattr(value, "isoformat"):
        return short(str(value).removesuffix(" 00:00:00"), CELL)
    if isinstance(value, Sized) and not _is_brief(value):
        return f"{kind.__name__} of {len(value)}"
    return short(str(value), CELL)


def _is_brief(value: Any) -> bool:
    """Whether a container holds a few leaves and nothing else."""
    if isinstance(value, bytes | bytearray | memoryview) or len(value) > _MANY:
        return False
    parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    return all(part is None or type(part) in (bool, int, float) or _is_word(part) for part in parts)


def _is_word(part: Any) -> bool:
    return type(part) is str and len(part) <= CELL


def beginning(text: str, size: int) -> tuple[str, bool]:
    """The first part of a text, such that it stays small inside JSON too, and whether there is more of its `size`."""
    kept = text[:_TEXT].encode("utf-8", "replace")[:_TEXT].decode("utf-8", "ignore")
    while len(json.dumps(kept)) > _IN_JSON:
        kept = kept[: len(kept) * 2 // 3]
    return kept, len(kept) < len(text) or len(kept.encode()) < size
