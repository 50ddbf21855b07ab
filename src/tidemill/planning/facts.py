"""What planning may ask about a run: the engine answers from its state, a dry run from what is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tidemill.core.bindings import RunField
from tidemill.core.causes import Cause
from tidemill.core.instances import Instance, Key, Step
from tidemill.core.joins import Counts
from tidemill.core.records import Artifact
from tidemill.core.states import TaskState
from tidemill.core.values import Missing, Value
from tidemill.core.wiring import Frame, Wiring


class NotYet(Exception):
    """The answer is not known before something has run; `waiting_for` names it."""

    def __init__(self, waiting_for: str) -> None:
        super().__init__(waiting_for)
        self.waiting_for = waiting_for


@dataclass(frozen=True, slots=True)
class CacheHit:
    outputs: Mapping[str, Any]
    source: str
    """The task run whose result it is, for people: run id and task."""


@dataclass(frozen=True, slots=True)
class CacheMiss:
    """`parts` is the key with what was observed outside, such as the content of files; None if nothing was.

    `alone`: it is computed whoever else computes the same. `unusable`: the stamp of an entry that is there, and cannot
    be used.
    """

    reason: str = ""
    parts: Mapping[str, Any] | None = None
    alone: bool = False
    unusable: str = ""


class Facts(Protocol):
    """Every method may raise NotYet."""

    @property
    def wiring(self) -> Wiring: ...

    def counts(self, key: Key) -> Counts:
        """How the upstreams of a node (or of one mapped instance: only what it follows) stand."""
        ...

    def setup_end(self, key: Key) -> TaskState | None:
        """How the worst of the indirect setups ended, or None if all succeeded."""
        ...

    def import_id(self, key: Key) -> str:
        """The id of what a task run imports now. An artifact is never changed: imported again, it is another one."""
        ...

    def previous(self, path: str) -> TaskState | None:
        """How this node ended in the previous run of the pipeline; None if there is none to hold for."""
        ...

    def scope_input(self, name: str, scope: Key) -> Value | Missing: ...

    def steps(self, frame: Frame, prefix: Instance) -> Sequence[Step] | None:
        """The instances of a frame in order, each with its current generation; None if it never came to be."""
        ...

    def count(self, key: Key) -> int | None:
        """How many instances the map at `key` has; None if it ended without expanding."""
        ...

    def sizes(self, key: Key) -> Sequence[int]:
        """The lengths of what the expanded map at `key` runs over."""
        ...

    def output(self, key: Key, name: str) -> Value | Missing: ...

    def status(self, path: str, prefix: Instance) -> tuple[TaskState, Cause | None]:
        """How a node ended as a whole under a prefix."""
        ...

    def source(self, key: Key, position: int) -> Value:
        """What the map at `key` runs over at `position`; worked out once for each map."""
        ...

    def artifact(self, id: str) -> Artifact: ...

    def run(self, field: RunField) -> Value: ...

    def cached(self, key: Key, parts: Mapping[str, Any]) -> CacheHit | CacheMiss: ...
