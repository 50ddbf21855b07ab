"""A berth: where one process of a template waits for a ticket, and after it the next.

Its channel and its two output pipes outlast the process, so a task that ends as it should costs a fork and nothing
else. What happens when something is heard of it is decided by the loop.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import termios
import time
from collections import deque
from dataclasses import dataclass, field

from tidemill.executors.attempts import Attempt
from tidemill.executors.started import close_all
from tidemill.executors.template import Template
from tidemill.worker.frames import Frames

_CHUNK = 1 << 18
_NONE = bytes(4)


@dataclass(slots=True, eq=False)
class Berth:
    """Owns this end of the channel and the reading ends of the pipes.

    `pid` is 0 while nobody is there, `since` when who is there came. `queue`: attempts whose tickets were sent, the one
    that runs first; more than one only in a shared berth. `leaving`: the last one has reported, and its process is not
    gone yet. `logged`: the supervisor reads the pipes for it. `spoke`: something was printed before there was a ticket.
    `last`: nobody will come after the process that was here. `theirs` is kept to see what a dead process left unread.
    """

    number: int
    template: Template
    shared: bool
    channel: socket.socket
    theirs: socket.socket
    output: int
    errors: int
    frames: Frames = field(default_factory=Frames)
    unsent: bytearray = field(default_factory=bytearray)
    queue: deque[Attempt] = field(default_factory=deque)
    pid: int = 0
    since: float = 0.0
    leaving: bool = False
    logged: Attempt | None = None
    spoke: bool = False
    last: bool = False
    closed: bool = False

    def enter(self, pid: int) -> None:
        """A process is here now; none, for 0."""
        self.pid, self.since = pid, time.monotonic()

    @property
    def free(self) -> bool:
        """Whether a process waits here for a ticket of its own."""
        return bool(self.pid) and not (self.queue or self.leaving or self.logged or self.last or self.shared)

    @property
    def coming(self) -> bool:
        """Whether one will wait here soon, without being told."""
        return not (self.queue or self.last or self.shared)

    @property
    def has_output(self) -> bool:
        """Whether something was printed here that nobody has read."""
        return any(fcntl.ioctl(pipe, termios.FIONREAD, _NONE) != _NONE for pipe in (self.output, self.errors))

    def signal(self, number: int) -> bool:
        """Have the template send a signal to the process that is here, and to its whole group."""
        return self.template.started.send({"signal": self.number, "with": number})

    def unread(self) -> int:
        """How many bytes of tickets nobody has taken, once the process is dead. They are thrown away."""
        left = len(self.unsent)
        self.unsent.clear()
        with contextlib.suppress(OSError):
            while data := self.theirs.recv(_CHUNK, socket.MSG_DONTWAIT):
                left += len(data)
        return left

    def close(self) -> None:
        self.channel.close()
        self.theirs.close()
        close_all(self.output, self.errors)


def new_berth(number: int, template: Template, shared: bool, pipe_bytes: int) -> Berth | None:
    """Have the template make a berth and fork into it; None if it cannot be told. Raises OSError: no descriptors."""
    pipes: list[int] = []
    ours, theirs = socket.socketpair()
    try:
        for _ in range(2):
            pipes += os.pipe()
        output, output_end, errors, errors_end = pipes
        for end in (output_end, errors_end):
            _widen(end, pipe_bytes)
        order = {"berth": number, "shared": shared}
        sent = template.started.send(order, (theirs.fileno(), output_end, errors_end))
    except OSError:
        ours.close()
        theirs.close()
        close_all(*pipes)
        raise
    close_all(output_end, errors_end)
    ours.setblocking(False)
    berth = Berth(number, template, shared, ours, theirs, output, errors)
    if not sent:
        berth.close()
        return None
    return berth


def _widen(pipe: int, size: int) -> None:
    # More output fits while the supervisor is busy. Not possible everywhere, and limited for each user.
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, getattr(fcntl, "F_SETPIPE_SZ", 1031), size)
