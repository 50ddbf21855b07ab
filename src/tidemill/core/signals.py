"""What a task may raise, or a poll return, to say how its attempt ends. Knows nothing of who catches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidemill.core.records import Wake


class Signal(Exception):
    """Base of the exceptions that are a task's word, not its failure."""


class Skip(Signal):
    """Ends the attempt as skipped; what comes after it is skipped along unless its join rule says otherwise."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Refuse(Signal):
    """Fails the task run at once: no retry, whatever its policy."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Suspend(Signal):
    """Ends the process but not the task run: it goes on at `wake`, with `wake.resume` in its hands."""

    def __init__(self, wake: Wake) -> None:
        super().__init__("the task asked to be woken later")
        self.wake = wake


@dataclass(frozen=True, slots=True)
class PollResult:
    """What a polled function may return instead of true or false: whether the wait is over, and with what value."""

    done: bool
    value: Any = None
