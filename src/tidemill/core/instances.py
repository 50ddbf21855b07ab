"""Instance paths: which copy of a node is meant when scopes are mapped or retried.

A node's frames are its enclosing mapped or retried scopes, outermost first, and the node itself if it is mapped. An
instance path has one `Step` for each frame. A key with a shorter path than the node's frames names the map itself, not
one of its instances.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Step(NamedTuple):
    """`item` counts from 0 in a map (0 where only retried); `generation` counts the re-runs of that scope instance."""

    item: int
    generation: int = 0


Instance: TypeAlias = tuple[Step, ...]


class Key(NamedTuple):
    """One task run inside a run: node path (ids joined by "/") and instance path."""

    path: str
    instance: Instance = ()

    def __str__(self) -> str:
        return show(self.path, self.instance)


def instance_text(instance: Instance) -> str:
    """Compact text for the database: `2.0/0.1`; the empty path is the empty text."""
    return "/".join(f"{item}.{generation}" for item, generation in instance)


def instance_from(text: str) -> Instance:
    """Inverse of `instance_text`. Raises ValueError for anything else."""
    if not text:
        return ()
    steps = (part.partition(".") for part in text.split("/"))
    return tuple([Step(int(item), int(generation)) for item, _, generation in steps])


def show(path: str, instance: Instance) -> str:
    """What people read: `train[2]`, `folds/fit[0][3]`; a re-run of a scope shows as `[0#1]`."""
    return path + "".join(f"[{item}#{generation}]" if generation else f"[{item}]" for item, generation in instance)
