"""How task runs are named and how they end, in the plain words of the reference interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Instance: TypeAlias = tuple[tuple[int, int], ...]
"""(item, round) for each mapped or retried scope around a node and for its own map."""
Place: TypeAlias = tuple[str, Instance]


@dataclass(frozen=True)
class End:
    """How a task run ended. `began`: something of it was done; `count`: how many instances a map had."""

    place: Place
    state: str
    outputs: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0
    count: int | None = None
    began: bool = False
    follow: tuple[str, ...] | None = None
    transitive: bool = False


@dataclass(frozen=True)
class Open:
    """A map or scope that began; or a task, which has only to be done."""

    sizes: tuple[int, ...] = ()
    sources: tuple[Any, ...] = ()
    count: int = 0
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Closed:
    """What stands for all that would have been inside a scope or map which ended without having begun."""

    end: End
    many: bool
    """It would have been any number of instances, not one."""

    @property
    def count(self) -> int | None:
        return self.end.count


Tree: TypeAlias = "End | Closed | list[Tree]"
"""The instances of a node: a list for each map around them."""


def leaves(tree: Tree) -> list[End]:
    match tree:
        case list():
            return [end for inner in tree for end in leaves(inner)]
        case Closed(end=end):
            return [end]
        case _:
            return [tree]


def shown(place: Place) -> str:
    """The name that people read: `train[2]`, `folds/fit[0][3]`, `block/a[0#1]`."""
    path, instance = place
    return path + "".join(f"[{item}#{number}]" if number else f"[{item}]" for item, number in instance)
