"""The contracts of everything that can be swapped, on one page: adapters are small, and each port has one suite."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from tidemill.core.causes import Cause
from tidemill.core.records import Message, Reply, Ticket

STORE_KIND = "TIDEMILL_STORE_KIND"
"""The environment variable that tells processes of tasks which kind of store to import before they have a ticket."""


class Adoption(Enum):
    """What has become of an attempt whose engine went away."""

    RUNNING = "running"
    GONE = "gone"
    NOT_BEGUN = "not begun"  # given to an executor that is gone, and nobody had begun it


class Executor(Protocol):
    """Where tasks run. All methods are called from the engine's thread and return at once.

    For every started attempt exactly one of `Report` and `Gone` reaches the inbox, with its usage, when its process is
    gone or has nothing left to do but to go.
    """

    name: str
    slots: int
    """How many attempts may run at once."""

    ahead: bool
    """Whether it takes attempts before a slot is free; they wait here then."""

    def open(self, inbox: Callable[[Message], None]) -> None:
        """Get ready; from now on messages go to `inbox`, which may be called from any thread."""
        ...

    def start(self, *tickets: Ticket) -> None:
        """Begin attempts, in this order. A failure to begin is a `Gone` with an infrastructure cause, no exception."""
        ...

    def adopt(self, attempt: str) -> Adoption:
        """Take over an attempt that another engine started, if its process is still there."""
        ...

    def stop(self, attempt: str, cause: Cause, grace_s: float = 5.0) -> None:
        """Ask the attempt's whole process group to end (SIGTERM), and make it (SIGKILL) after the grace.

        Unknown ids are ignored.
        """
        ...

    def reply(self, attempt: str, reply: Reply) -> None:
        """Answer a request of the worker."""
        ...

    def close(self) -> None:
        """Stop everything that is out and free what is held. May be called twice."""
        ...


class Wakeup(Protocol):
    """A hint that there is work for somebody; losing every hint only makes things slower."""

    def ring(self) -> None:
        """Wake whoever waits for this home or database. Never raises, never blocks."""
        ...

    def listen(self, wake: Callable[[], None]) -> None:
        """From now on call `wake`, from any thread, after each ring of somebody else."""
        ...

    def close(self) -> None: ...
