"""YAML from anywhere to plain data, with the line of every part: no objects, bounded size, depth and repetition.

Knows nothing of what the data means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

Step: TypeAlias = str | int
Where: TypeAlias = tuple[Step, ...]

LARGEST = 1 << 20
"""Characters of a text; a list that is longer belongs in a file of its own."""

_TAG = "tag:yaml.org,2002:"
_SCALARS = ("null", "bool", "int", "float", "str", "timestamp")
DEEPEST = 40
MOST = 100_000
"""Values in it, each counted as often as anchors repeat it."""


class NotYaml(ValueError):
    """The text cannot be read; `line` counts from 1."""

    def __init__(self, message: str, line: int = 1, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Tree:
    value: Any
    lines: Mapping[Where, int] = field(default_factory=dict)

    def line(self, where: Where) -> int:
        """Where a part stands, or else what it is in."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)


def read_tree(text: str) -> Tree:
    """Raises NotYaml."""
    if len(text) > LARGEST:
        raise NotYaml(f"it has {len(text):,} characters, and {LARGEST:,} are allowed", remedy="put long lists in files")
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        building = _Building(loader)
        value = building.value(root, (), 0) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what, remedy = _in_words(str(error.problem or error.context))
        raise NotYaml(f"this is not YAML: {what}", mark.line + 1 if mark else 1, remedy) from None
    except yaml.YAMLError as error:
        raise NotYaml(f"this is not YAML: {' '.join(str(error).split())[:200]}") from None
    except RecursionError:
        raise NotYaml(f"it is nested more than {DEEPEST} deep") from None
    finally:
        loader.dispose()
    return Tree(value, building.lines)


_TROUBLES = (
    (
        ("expected <block end>", "mapping values are not allowed", "did not find expected '-'"),
        "the indent of this line does not go with the lines above it, or it has a colon too many",
        "keys that belong together begin in the same column; put a text with `: ` in it in quotes",
    ),
    (("'\\t' that cannot",), "a tab stands where spaces are wanted", "indent with spaces"),
    (("expected ':'",), "a key has no colon behind it", "write `key: value`, or close the quote before it"),
    (("end of stream", "end of document"), "a quote is not closed", "close it with the same kind of quote"),
    (
        ("expected ',' or",),
        "a bracket is not closed, or a comma is missing",
        "write [a, b] or {key: value}",
    ),
    (
        ("that cannot start any token",),
        "a text begins with a character that YAML keeps",
        "put it in quotes",
    ),
    (("undefined alias",), "`*` begins the name of an anchor, and there is none", "put the text in quotes"),
)


def _in_words(problem: str) -> tuple[str, str]:
    """What a parser found, as somebody would say it who looks at the text; and what to do."""
    for parts, words, remedy in _TROUBLES:
        if any(part in problem for part in parts):
            return words, remedy
    return problem, ""


class _Building:
    def __init__(self, loader: yaml.SafeLoader) -> None:
        self._loader = loader
        self.lines: dict[Where, int] = {}
        self._count = 0

    def value(self, node: yaml.Node, where: Where, depth: int) -> Any:
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > MOST:
            raise NotYaml(f"it holds more than {MOST:,} values", line, "anchors repeat what they name")
        if depth > DEEPEST:
            raise NotYaml(f"it is nested more than {DEEPEST} deep", line)
        self.lines.setdefault(where, line)
        kinds = ("map", "seq") if isinstance(node, yaml.CollectionNode) else _SCALARS
        if node.tag.removeprefix(_TAG) not in kinds:
            raise NotYaml(f"the tag {node.tag[:60]} is not known here", line)
        match node:
            case yaml.MappingNode():
                return self._mapping(node, where, depth)
            case yaml.SequenceNode():
                return [self.value(item, (*where, n), depth + 1) for n, item in enumerate(node.value)]
        try:
            return self._loader.construct_object(node)
        except (ValueError, OverflowError) as error:
            raise NotYaml(f"{str(node.value)[:60]!r} cannot be read: {error}", line, "put it in quotes") from None

    def _mapping(self, node: yaml.MappingNode, where: Where, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if key.tag == f"{_TAG}merge":
                inner = self.value(item, where, depth + 1)
                for one in inner if isinstance(inner, list) else [inner]:
                    if not isinstance(one, dict):
                        raise NotYaml("`<<` takes a mapping, or a list of them", line)
                    merged = {**one, **merged}
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise NotYaml("a key is a text, not a list or a mapping", line)
            # As it is written: `no: 1` and `1: x` are keys "no" and "1".
            name = str(key.value)
            if name in found:
                raise NotYaml(f"the key {name[:60]!r} stands here twice", line)
            self.lines[(*where, name)] = line
            found[name] = self.value(item, (*where, name), depth + 1)
        return {**merged, **found}
