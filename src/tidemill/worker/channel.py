"""The worker's end of the channel to the owner of the run: messages out, answers in.

A `Link` is all that the rest of the worker sees; whether a socket or a plain call is behind it makes no difference.
"""

from __future__ import annotations

import _thread
import os
import select
from typing import Protocol

from tidemill.core.crash import point
from tidemill.core.errors import ExecutionError
from tidemill.core.records import Began, Note, Pushed, Reply, Report, Request, Ticket
from tidemill.worker.cancellation import Cancellation
from tidemill.worker.frames import HEADER, BadFrame, pack
from tidemill.worker.messages import Done, decode_as, encode, is_ticket

BEFORE_REPORT = point("worker.before-report")
AFTER_REPORT = point("worker.after-report")

Outgoing = Began | Pushed | Report | Note


class ChannelLost(ExecutionError):
    """The owner of the run is gone, or the task closed or replaced the descriptor of its channel."""

    code = "channel-lost"


class Link(Protocol):
    """What a running task can say and ask."""

    def send(self, message: Outgoing) -> None:
        """Say something. Raises NotAValue or BadFrame for what cannot be sent."""
        ...

    def ask(self, request: Request) -> Reply:
        """Ask and wait for the answer."""
        ...


class SocketLink:
    """A link over the descriptor of a connected stream socket; threads of the task may share it.

    It takes no byte of the frame after the one that it wants: what it leaves is for the next process.
    """

    def __init__(self, channel: int, cancellation: Cancellation) -> None:
        self._channel = channel
        self._identity = _identity(channel)
        self._cancellation = cancellation
        self._early: list[bytes] = []
        self._sending = _thread.allocate_lock()
        self._asking = _thread.allocate_lock()

    def ticket(self) -> Ticket | None:
        """The next one; None if the owner went away without giving one."""
        body = self._early.pop(0) if self._early else self._take()
        return decode_as(Ticket, body) if body is not None else None

    @property
    def has_something(self) -> bool:
        """Whether something waits to be taken."""
        waiting = select.poll()
        waiting.register(self._channel, select.POLLIN)
        return bool(waiting.poll(0))

    def renewed(self) -> Cancellation:
        """The next ticket has a cancellation of its own."""
        self._cancellation = Cancellation()
        return self._cancellation

    def send(self, message: Outgoing, *more: Done) -> None:
        frames = b"".join([pack(encode(one)) for one in (message, *more)])
        if isinstance(message, Report):
            BEFORE_REPORT()
        self._write(frames)
        if isinstance(message, Report):
            AFTER_REPORT()

    def tell(self, done: Done) -> None:
        """Say, after the report, that the task is over altogether."""
        self._write(pack(encode(done)))

    def ask(self, request: Request) -> Reply:
        with self._asking:
            self._write(pack(encode(request)))
            body = self._receive()
            while body is not None and is_ticket(body):
                # In a shared process the next ones may lie before the answer.
                self._early.append(body)
                body = self._receive()
        if body is None:
            raise ChannelLost("the owner of the run went away before it answered")
        reply = decode_as(Reply, body)
        if reply.number != request.number:
            raise BadFrame(f"the answer {reply.number} is not the one to request {request.number}")
        return reply

    def _write(self, frame: bytes) -> None:
        with self._sending, self._cancellation.shield():
            self._check()
            try:
                left = memoryview(frame)
                while left:
                    left = left[os.write(self._channel, left) :]
            except OSError as error:
                raise ChannelLost(f"the owner of the run cannot be reached: {error.strerror}") from None

    def _receive(self) -> bytes | None:
        self._check()
        # Waiting may be interrupted, taking a frame may not: the rest of it would be lost.
        waiting = select.poll()
        waiting.register(self._channel, select.POLLIN)
        waiting.poll()
        with self._cancellation.shield():
            return self._take()

    def _take(self) -> bytes | None:
        """The body of the next frame; None at the end."""
        try:
            header = self._exactly(HEADER.size)
            return self._exactly(HEADER.unpack(header)[0]) if header is not None else None
        except OSError as error:
            raise ChannelLost(f"the owner of the run cannot be reached: {error.strerror}") from None

    def _exactly(self, size: int) -> bytes | None:
        data = os.read(self._channel, size)
        while len(data) < size:
            more = os.read(self._channel, size - len(data))
            if not more:
                return None
            data += more
        return data

    def _check(self) -> None:
        # A task that closes every descriptor may have opened a file of its own under our number.
        if _identity(self._channel) != self._identity:
            raise ChannelLost("the task closed the descriptor of its channel")


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


__all__ = ["HEADER", "BadFrame", "ChannelLost", "Link", "Outgoing", "SocketLink"]
