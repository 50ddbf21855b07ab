"""What a fingerprint is made of: the texts that stand under each name, and their digests. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tidemill.authoring.refusals import Refused
from tidemill.core.values import digest


@dataclass(frozen=True, slots=True)
class Part:
    """One function, class, constant or module: the digest of what it says, and where it stands.

    Of an installed library: its version, and no place.
    """

    digest: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`digest` is that of all parts; a change can be named by comparing `parts`."""

    digest: str
    parts: Mapping[str, Part]


@dataclass
class Text:
    """What stands under one name: more than one text where a factory made several functions of that name."""

    file: str
    line: int
    texts: set[str] = field(default_factory=set)
    version: str = ""
    """Of an installed library, which has no text."""

    @cached_property
    def part(self) -> Part:
        """To be asked for when all texts are there."""
        return Part(self.version or digest(sorted(self.texts)), self.file, self.line)


@dataclass(slots=True, eq=False)
class Unit:
    """What was found in one function, class, value or module, and the units of what that leads to.

    `bindings` say what names lead to, where code goes by another name than its own; `leads` are the same as parts, for
    names under which nothing else stands. `refused`: why it has no fingerprint, nor has anything above it.
    """

    texts: dict[str, Text] = field(default_factory=dict)
    bindings: dict[str, str] = field(default_factory=dict)
    leads: dict[str, Text] = field(default_factory=dict)
    below: list[Unit] = field(default_factory=list)
    refused: Refused | None = None

    def all_below(self) -> list[Unit]:
        """This one and all that it leads to, the near ones first, each once."""
        found, known = [self], {self}
        for unit in found:
            for below in unit.below:
                if below not in known:
                    known.add(below)
                    found.append(below)
        return found
