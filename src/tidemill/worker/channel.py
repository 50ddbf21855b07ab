"""The worker's end of the channel to the owner of the run: messages out, answers in.

A `Link` is all that the rest of the worker sees; whether a socket or a plain call is behind it makes no difference.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from typing import Protocol

from tidemill.core.crash import point
from tidemill.core.errors import ExecutionError
from tidemill.core.records import Began, Note, Pushed, Reply, Report, Request, Ticket
from tidemill.worker.cancellation import Cancellation
from tidemill.worker.frames import HEADER, BadFrame, Frames, pack
from tidemill.worker.messages import decode_as, encode

BEFORE_REPORT = point("worker.before-report")
AFTER_REPORT = point("worker.after-report")

Outgoing = Began | Pushed | Report | Note
_CHUNK = 1 << 18


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
    """A link over a connected stream socket; threads of the task may share it."""

    def __init__(self, channel: socket.socket, cancellation: Cancellation) -> None:
        self._socket = channel
        self._identity = _identity(channel.fileno())
        self._cancellation = cancellation
        self._frames = Frames()
        self._arrived: list[bytes] = []
        self._sending = threading.Lock()
        self._asking = threading.Lock()

    def ticket(self) -> Ticket | None:
        """The first thing that comes; None if the owner went away without giving one."""
        body = self._receive()
        return None if body is None else decode_as(Ticket, body)

    def send(self, message: Outgoing) -> None:
        frame = pack(encode(message))
        if isinstance(message, Report):
            BEFORE_REPORT()
        self._write(frame)
        if isinstance(message, Report):
            AFTER_REPORT()

    def ask(self, request: Request) -> Reply:
        with self._asking:
            self._write(pack(encode(request)))
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
                self._socket.sendall(frame)
            except OSError as error:
                raise ChannelLost(f"the owner of the run cannot be reached: {error.strerror}") from None

    def _receive(self) -> bytes | None:
        while not self._arrived:
            self._check()
            # Waiting may be interrupted, taking bytes from the socket may not: they would be lost.
            waiting = select.poll()
            waiting.register(self._socket, select.POLLIN)
            waiting.poll()
            with self._cancellation.shield():
                try:
                    data = self._socket.recv(_CHUNK)
                except OSError as error:
                    raise ChannelLost(f"the owner of the run cannot be reached: {error.strerror}") from None
                if not data:
                    return None
                self._arrived += self._frames.feed(data)
        return self._arrived.pop(0)

    def _check(self) -> None:
        # A task that closes every descriptor may have opened a file of its own under our number.
        if _identity(self._socket.fileno()) != self._identity:
            raise ChannelLost("the task closed the descriptor of its channel")


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


__all__ = ["HEADER", "BadFrame", "ChannelLost", "Link", "Outgoing", "SocketLink"]
