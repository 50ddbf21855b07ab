"""The contract of a codec, and how one declines a value. Imports no library that a codec needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tidemill.core.values import Json

Metadata = Mapping[str, Json]
"""Facts about a value that conditions and pages may use without loading it: JSON, no NaN."""


class Codec(Protocol):
    """Turns values of some types into a file or a folder, and back.

    `safe`: loading runs no code from the bytes, whoever wrote them. `suffix`: of a file made by it, with the dot.
    """

    name: str
    safe: bool
    suffix: str

    def dump(self, value: object, target: Path) -> Metadata:
        """Write `value` to `target`, which does not exist yet, as a file or a folder; what it is like.

        Raises Unsuitable for a value that cannot be kept faithfully this way, NotStorable for one that cannot be kept.
        """
        ...

    def load(self, source: Path) -> object:
        """The value from its file or folder, which must be left as it is, also by changes to the value."""
        ...


class Unsuitable(Exception):
    """This codec cannot keep the value faithfully; another one may. The text says why, as the end of a sentence."""


def type_name(kind: type) -> str:
    """The qualified name by which types are known here, such as pandas.DataFrame."""
    return f"{kind.__module__}.{kind.__qualname__}"
