"""YAML as GitHub reads it, with the line of everything: `on`, `yes` and `off` are texts, keys are unique, no merging.

Knows nothing of workflows. What a file says is hostile: its size, depth and repetition have bounds.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from tidemill.core.errors import InputError

LARGEST = 1_000_000
"""Bytes of a file."""

MOST = 50_000
"""Items of a document, each alias counted as what it repeats."""

DEEPEST = 60

Content: TypeAlias = "bool | int | float | str | list[Item] | dict[str, Item] | None"

_STANDARD = "tag:yaml.org,2002:"
_TAGS = frozenset({"map", "seq", "str", "null", "bool", "int", "float", "timestamp", "merge", "value"})
_INT = re.compile(r"[-+]?[0-9]+")
_OTHER_INT = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Item:
    """Something of a document, and the line where it, or its key, stands (from 1)."""

    content: Content
    line: int

    @property
    def plain(self) -> Any:
        match self.content:
            case dict():
                return {key: item.plain for key, item in self.content.items()}
            case list():
                return [item.plain for item in self.content]
        return self.content


def read_yaml(path: Path, shown: str) -> Item:
    """The one document of a file. Raises InputError, naming the place as `shown:line`."""
    try:
        size = path.stat().st_size
        data = b"" if size > LARGEST else path.read_bytes()
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror or error}", place=shown) from None
    if size > LARGEST:
        raise InputError(f"the file has more than {LARGEST} bytes", place=shown)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("the file is not UTF-8 text", place=shown) from None
    return parse_yaml(text, shown)


def parse_yaml(text: str, shown: str) -> Item:
    """As `read_yaml`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{shown}:{mark.line + 1}" if mark else shown
        raise InputError(f"this is no YAML: {error.problem or error.context}", place=place) from None
    except yaml.YAMLError as error:
        raise InputError(f"this is no YAML: {error}", place=shown) from None
    except RecursionError:
        raise InputError("it is nested too deeply", place=shown) from None
    if node is None:
        raise InputError("the file is empty", place=shown)
    return _Reading(shown).item(node, node.start_mark.line + 1, 0)


class _Reading:
    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._items = 0

    def item(self, node: yaml.Node, line: int, depth: int) -> Item:
        self._items += 1
        place = f"{self._shown}:{line}"
        if self._items > MOST:
            raise InputError(f"the file holds more than {MOST} items", place=place)
        if depth > DEEPEST:
            raise InputError(f"it is nested more than {DEEPEST} deep", place=place)
        if node.tag.removeprefix(_STANDARD) not in _TAGS and node.tag != "!":
            raise InputError(f"the tag {node.tag.removeprefix(_STANDARD)!r} means nothing here", place=place)
        match node:
            case yaml.MappingNode():
                return Item(self._mapping(node, depth), line)
            case yaml.SequenceNode():
                return Item([self.item(one, one.start_mark.line + 1, depth + 1) for one in node.value], line)
            case yaml.ScalarNode():
                return Item(self._scalar(node), line)
        raise InputError("this is no YAML that is understood here", place=place)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            place = f"{self._shown}:{line}"
            if not isinstance(key, yaml.ScalarNode):
                raise InputError("a key is a text", place=place)
            name = str(key.value)
            if name == "<<" and key.style is None:
                raise InputError("keys are not merged with '<<' here, nor by GitHub", place=place)
            if name in found:
                remedy = f"the first one stands in line {found[name].line}"
                raise InputError(f"the key {name!r} stands there twice", place=place, remedy=remedy)
            found[name] = self.item(value, line, depth + 1)
        return found

    def _scalar(self, node: yaml.ScalarNode) -> bool | int | float | str | None:
        text = str(node.value)
        if node.style is not None or node.tag == "!":
            return text
        return _plain_scalar(text)


def _plain_scalar(text: str) -> bool | int | float | str | None:
    """By the core schema of YAML 1.2, in which `on` is no truth and `012` is no octal number."""
    match text:
        case "" | "~" | "null" | "Null" | "NULL":
            return None
        case "true" | "True" | "TRUE":
            return True
        case "false" | "False" | "FALSE":
            return False
        case ".nan" | ".NaN" | ".NAN":
            return math.nan
        case ".inf" | ".Inf" | ".INF" | "+.inf":
            return math.inf
        case "-.inf" | "-.Inf" | "-.INF":
            return -math.inf
    if _INT.fullmatch(text) and len(text) < 300:
        return int(text)
    if _OTHER_INT.fullmatch(text) and len(text) < 300:
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text
