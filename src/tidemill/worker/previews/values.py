"""Previews of plain values that are too large for a row, and of models by their settings. Never walks a whole value."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from tidemill.worker.previews.texts import cell, short

_ITEMS = 20
_DEEPEST = 4
_PARTS = 600
_TEXT = 200
_SETTINGS = 60


def of_value(value: Any) -> dict[str, Any]:
    """Of a list, a dict or a leaf."""
    walk = _Walk()
    sample = walk.down(value, 0)
    length = {"length": len(value)} if isinstance(value, list | tuple | dict) else {}
    return {"is": "ValuePreview", "type": type(value).__name__, "sample": sample, "cut": walk.cut, **length}


def of_estimator(value: Any) -> dict[str, Any]:
    """Of a model that tells its settings as those of scikit-learn do."""
    settings = value.get_params(deep=False)
    shown = {short(str(name)): cell(settings[name]) for name in sorted(settings)[:_SETTINGS]}
    return {"is": "ObjectPreview", "type": short(_name(value)), "settings": shown}


def of_anything(value: Any) -> dict[str, Any]:
    return {"is": "NoPreview", "reason": f"a {short(_name(value))} is not looked into"}


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


class _Walk:
    """The first items to a small depth, and in all so many."""

    def __init__(self) -> None:
        self.cut = False
        self._left = _PARTS

    def down(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if isinstance(value, str):
            self.cut |= len(value) > _TEXT
            return short(value, _TEXT)
        if isinstance(value, Mapping):
            if self._too_deep(depth):
                return f"dict of {len(value)}"
            self.cut |= len(value) > _ITEMS
            items = islice(value.items(), _ITEMS)
            return {short(str(key)): self.down(item, depth + 1) for key, item in items}
        if isinstance(value, list | tuple):
            if self._too_deep(depth):
                return f"list of {len(value)}"
            self.cut |= len(value) > _ITEMS
            return [self.down(item, depth + 1) for item in islice(value, _ITEMS)]
        if value is None or type(value) in (bool, float) or (type(value) is int and value.bit_length() < 512):
            return value
        return cell(value)

    def _too_deep(self, depth: int) -> bool:
        deep = depth >= _DEEPEST or self._left <= 0
        self.cut |= deep
        return deep
