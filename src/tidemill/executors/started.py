"""Helper processes of an executor: starting one, sending it orders, hearing of it, ending it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping

from tidemill.worker.control import Order, parse, send
from tidemill.worker.frames import Frames

SEND_SECONDS = 5.0
"""An order that cannot be handed over for so long means that the process behind the socket stands still."""


def start_process(module: str, environment: Mapping[str, str], *arguments: str, output: int) -> Started:
    """Start `python -m module <control> <our pid> arguments...` in a session of its own."""
    ours, theirs = socket.socketpair()
    with theirs:
        program = [sys.executable, "-P", "-m", module, str(theirs.fileno()), str(os.getpid()), *arguments]
        process = subprocess.Popen(
            program,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    ours.settimeout(SEND_SECONDS)
    return Started(process, ours)


class Started:
    """A helper process and its control socket."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self.process = process
        self.control = control
        self._frames = Frames(1 << 20)

    def send(self, order: Order, descriptors: tuple[int, ...] = ()) -> bool:
        """Hand over an order; False if the process is gone or stands still."""
        try:
            send(self.control, order, descriptors)
        except OSError:
            return False
        return True

    def receive(self) -> list[Order] | None:
        """The orders that have come; None at the end. Call it when the socket is readable."""
        try:
            data = self.control.recv(1 << 16)
        except (ConnectionError, TimeoutError):
            data = b""
        return [parse(body) for body in self._frames.feed(data)] if data else None

    def end(self, grace_s: float) -> int:
        """Close the socket, which ends the process, and wait; kill it if it does not end. Its return code."""
        self.control.close()
        try:
            return self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def close_all(*descriptors: int) -> None:
    """Close descriptors, whatever state they are in."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
