"""Why something ended as it did: one small record that travels from the worker to the screen unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CauseKind(Enum):
    USER_CODE = "user code"  # the task's function raised
    DATA = "data"  # an input or output could not be read, bound, expanded or stored
    INFRASTRUCTURE = "infrastructure"  # signal, out of memory, eviction, lost machine
    REFUSED = "refused"  # the task said: do not retry
    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"
    UPSTREAM = "upstream"  # something before it failed or was skipped
    CONDITION = "condition"  # a condition was false, or a task skipped itself


@dataclass(frozen=True, slots=True)
class Cause:
    """`classes` are the names of the exception's classes, most specific first; `by` is the actor or the node path."""

    kind: CauseKind
    message: str
    by: str = ""
    classes: tuple[str, ...] = ()
    traceback: str = ""
    signal: str = ""
    exit_code: int | None = None
