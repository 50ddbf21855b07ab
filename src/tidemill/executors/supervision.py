"""The executor's hold on the log supervisor: starting it, handing it pipes, hearing that they are drained."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

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


class Logs:
    """The supervisor of this executor; started when the first log is opened, and anew if it went away."""

    def __init__(self, root: Path, environment: Mapping[str, str], limit: int) -> None:
        self.root = root
        self._environment = environment
        self._limit = limit
        self.started: Started | None = None

    def start(self) -> Started:
        self.started = start_process("tidemill.worker.logs", self._environment, output=subprocess.DEVNULL)
        return self.started

    def open(self, number: int, path: Path, secrets: tuple[str, ...], output: int, errors: int) -> bool:
        """Have the supervisor read these pipes into the file at `path` until they end."""
        order: Order = {"open": number, "path": str(path), "secrets": list(secrets), "limit": self._limit}
        return self.started is not None and self.started.send(order, (output, errors))

    def close(self, grace_s: float) -> None:
        if self.started is not None:
            self.started.end(grace_s)
            self.started = None


def close_all(*descriptors: int) -> None:
    """Close descriptors, whatever state they are in."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
