"""Rewrites a skops archive so that equal models have equal bytes.

skops names parts by their place in memory and dates them by the clock; here they are numbered in order, without a date.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

_SCHEMA = "schema.json"
_NO_DATE = (1980, 1, 1, 0, 0, 0)


def rewrite(source: Path, target: Path) -> None:
    """Write the archive `source` to `target` in its one form."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        numbers: dict[object, int] = {}
        schema = _renumber(json.loads(old.read(_SCHEMA)), numbers)
        names = {name: _rename(name, numbers) for name in old.namelist() if name != _SCHEMA}
        for name in sorted(names, key=lambda name: names[name]):
            info = zipfile.ZipInfo(names[name], _NO_DATE)
            with old.open(name) as part, new.open(info, "w", force_zip64=True) as sink:
                while chunk := part.read(1 << 20):
                    sink.write(chunk)
        new.writestr(zipfile.ZipInfo(_SCHEMA, _NO_DATE), json.dumps(schema, indent=2))


def _renumber(node: Any, numbers: dict[object, int]) -> Any:
    match node:
        case dict():
            return {key: _renumber_field(key, value, numbers) for key, value in node.items()}
        case list():
            return [_renumber(item, numbers) for item in node]
        case _:
            return node


def _renumber_field(key: str, value: Any, numbers: dict[object, int]) -> Any:
    if key == "__id__" and isinstance(value, int):
        return numbers.setdefault(str(value), len(numbers) + 1)
    if key == "file" and isinstance(value, str):
        stem = value.partition(".")[0]
        numbers.setdefault(stem, len(numbers) + 1)
        return _rename(value, numbers)
    return _renumber(value, numbers)


def _rename(name: str, numbers: dict[object, int]) -> str:
    stem, dot, suffix = name.partition(".")
    return f"{numbers[stem]:06}{dot}{suffix}" if stem in numbers else name
