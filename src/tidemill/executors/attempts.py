"""One ticket on its way through the process executor: what is known of it, and when something about it is due.

Data only; what happens when something is heard of it is decided by the loop.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from tidemill.core.causes import Cause
from tidemill.core.records import Report, Ticket
from tidemill.executors.endings import Exit, Seen
from tidemill.executors.limits_watch import Limits
from tidemill.worker.kernel import memory_kills

NEVER = math.inf


@dataclass(slots=True, eq=False)
class Attempt:
    """Times are monotonic seconds; NEVER where nothing is due. `berth` is the number of where it is, 0 while it waits.

    `begin_by` ends the wait for a fresh process to begin, `deadline` is its timeout, at `kill_at` SIGKILL follows
    SIGTERM (or the report), at `settle_by` the wait for the rest of its log is over, at `tell_at` it is told to
    have begun.
    """

    ticket: Ticket
    frame: bytes
    limits: Limits
    berth: int = 0
    report: Report | None = None
    heard: bool = False
    began_at: float = field(default_factory=time.monotonic)
    reported_at: float | None = None
    stopped: Cause | None = None
    timed_out: bool = False
    broken: str = ""
    notes: list[str] = field(default_factory=list)
    begin_by: float = NEVER
    deadline: float = NEVER
    kill_at: float = NEVER
    settle_by: float = NEVER
    tell_at: float = NEVER
    exit: Exit | None = None
    tries: int = 0
    kills_before: int | None = None

    @property
    def id(self) -> str:
        return self.ticket.attempt

    @property
    def shared(self) -> bool:
        """Whether it may run in a process together with others, one after the other."""
        # A limit of memory cannot be taken from a process again.
        return self.ticket.shared and not self.ticket.secrets and not self.limits.memory

    @property
    def due(self) -> float:
        return min(self.begin_by, self.deadline, self.kill_at, self.settle_by, self.tell_at)

    def begin(self, now: float, tell_after: float) -> None:
        """Its process has taken the ticket, or is about to."""
        self.began_at, self.tell_at, self.begin_by = now, now + tell_after, NEVER
        if self.ticket.timeout is not None:
            self.deadline = now + self.ticket.timeout

    def again(self) -> None:
        """Nothing of it has begun: it waits as it did before."""
        self.berth, self.begin_by, self.deadline, self.kill_at, self.tell_at = 0, NEVER, NEVER, NEVER, NEVER

    def seen(self) -> Seen:
        """All that is known of it, now that its process is gone or about to leave."""
        kills = memory_kills() if self.report is None and self.kills_before is not None else None
        return Seen(
            self.id,
            self.exit,
            report=self.report,
            stopped=self.stopped,
            timed_out=self.timed_out,
            broken=self.broken,
            wall_s=(self.reported_at or time.monotonic()) - self.began_at,
            memory_kills=None if kills is None or self.kills_before is None else kills - self.kills_before,
            notes=tuple(self.notes),
        )
