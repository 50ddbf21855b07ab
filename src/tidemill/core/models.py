"""What a registry knows: versions of models, and the moves of their aliases. Both are never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

CHAMPION = "champion"
"""The alias of the version that is in use: it goes to what a gate has passed, unless somebody says why not."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A model as it was registered: `digest` is that of its content, which the artifact holds.

    `run` and `path` name the task that registered it (empty if none did), `card` what was known then.
    """

    name: str
    version: int
    digest: str
    artifact: str
    run: str
    path: str
    created_at: datetime
    actor: str
    decision: str = ""
    description: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)


class MoveKind(Enum):
    REGISTER = "register"  # the version was registered with the alias
    PROMOTE = "promote"
    ROLLBACK = "rollback"  # back to a version that had it before
    REMOVE = "remove"  # taken away: nothing has it


@dataclass(frozen=True, slots=True)
class AliasMove:
    """An alias went from the version `before` to `version`; 0 stands for none.

    `seq` counts the moves of this alias from 1. `overrode`: no gate had passed it, and `reason` says why it was done.
    """

    model: str
    alias: str
    seq: int
    version: int
    before: int
    kind: MoveKind
    moved_at: datetime
    actor: str
    run: str = ""
    reason: str = ""
    decision: str = ""
    overrode: bool = False
