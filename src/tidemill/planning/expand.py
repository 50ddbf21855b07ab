"""Maps: how many instances there are, and which position of each source an instance stands for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tidemill.core.graph import Combine, Each
from tidemill.core.records import Artifact
from tidemill.core.values import ArtifactRef, Value


class NotMappable(ValueError):
    """What should be mapped over has no items, or the lengths do not go together."""


def length_of(source: Value, artifacts: Mapping[str, Artifact]) -> int:
    """How many items a source has. An artifact says so in its metadata ("length"); its content is never opened."""
    match source:
        case list() | dict():
            return len(source)
        case ArtifactRef(id=id, at=()):
            length = artifacts[id].metadata.get("length") if id in artifacts else None
            if isinstance(length, int):
                return length
            raise NotMappable("an artifact without a length cannot be mapped over; return a list from the task before")
        case ArtifactRef():
            raise NotMappable("a part of a stored value cannot be mapped over; return the list as an output of its own")
    raise NotMappable(f"{_kind(source)} cannot be mapped over; a list or an object is needed")


def _kind(source: Value) -> str:
    return "null" if source is None else f"{type(source).__name__} {source!r:.40}"


def count_of(each: Each, sizes: Sequence[int]) -> int:
    """The number of instances. Raises NotMappable for a zip of different lengths or a map that is too long."""
    if each.combine is Combine.ZIP:
        if len(set(sizes)) > 1:
            lengths = ", ".join(f"{over.name}: {size}" for over, size in zip(each.over, sizes, strict=True))
            raise NotMappable(f"zipped sources have different lengths ({lengths})")
        count = sizes[0] if sizes else 0
    else:
        count = math.prod(sizes)
    if each.longest is not None and count > each.longest:
        raise NotMappable(f"the map has {count} instances, more than its limit of {each.longest}")
    return count


def split_index(index: int, sizes: Sequence[int], combine: Combine) -> tuple[int, ...]:
    """The position in each source: the same in all for a zip; mixed radix, the last fastest, for a product."""
    if combine is Combine.ZIP:
        return (index,) * len(sizes)
    found = []
    for size in reversed(sizes):
        index, at = divmod(index, size)
        found.append(at)
    return tuple(reversed(found))
