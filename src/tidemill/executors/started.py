"""Helper processes of an executor: starting one, sending it orders, hearing of it, ending it."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping

from tidemill.core.crash import point
from tidemill.worker.control import Order, parse, send
from tidemill.worker.frames import Frames

STARTED = point("processes.helper-started")

SEND_SECONDS = 5.0
"""An order that cannot be handed over for so long means that the process behind the socket stands still."""


def start_process(
    module: str, environment: Mapping[str, str], *arguments: str, output: int, descriptors: tuple[int, ...] = ()
) -> Started:
    """Start `python -m module <control> <our pid> arguments...` in a session of its own; it inherits `descriptors`."""
    ours, theirs = socket.socketpair()
    with theirs:
        program = [sys.executable, "-P", "-m", module, str(theirs.fileno()), str(os.getpid()), *arguments]
        process = subprocess.Popen(
            program,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            pass_fds=(theirs.fileno(), *descriptors),
            start_new_session=True,
        )
    STARTED()
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

    def let_go(self) -> None:
        """Close the socket, which ends the process. May be called twice."""
        self.control.close()

    def end(self, grace_s: float) -> int:
        """Let go of it and wait; kill it if it does not end. Its return code."""
        self.let_go()
        try:
            self._wait(grace_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return self.process.wait()

    def _wait(self, seconds: float) -> None:
        if self.process.returncode is not None:
            return
        try:
            handle = os.pidfd_open(self.process.pid)
        except (AttributeError, OSError):
            self.process.wait(seconds)
            return
        # With a limit, Popen.wait would look now and then and sleep in between.
        try:
            over = select.poll()
            over.register(handle, select.POLLIN)
            if not over.poll(seconds * 1000):
                raise subprocess.TimeoutExpired(self.process.args, seconds)
        finally:
            os.close(handle)


def close_all(*descriptors: int) -> None:
    """Close descriptors, whatever state they are in."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
