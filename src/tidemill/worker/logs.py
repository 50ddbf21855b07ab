"""The supervisor of logs: reads the output pipes of tasks, masks, numbers, caps and appends to their files.

Run as `python -m tidemill.worker.logs`, one for each executor. It tells when an attempt's output has ended, and ends
itself when its executor is gone and every pipe is empty. A disk that stands still never holds up a task: then output
is dropped, and counted.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Literal

from tidemill.storage.logs.files import LogWriter
from tidemill.storage.logs.mask import Masker
from tidemill.worker.arming import arm
from tidemill.worker.control import Order, receive, send
from tidemill.worker.kernel import die_with
from tidemill.worker.leaving import leave_at_once

BACKLOG_BYTES = 32 << 20
"""Output that may wait for the disk, of all attempts together."""

STALL_SECONDS = 2.0
"""After so long without a single write the disk is taken to stand still."""

_CHUNK = 1 << 16
_POLL_SECONDS = 0.2

Stream = Literal["o", "e"]


class Backlog:
    """What was read and is not written yet; one thread puts, one takes."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._jobs: deque[tuple[int, Callable[[], None]]] = deque()
        self._changed = threading.Condition()
        self._bytes = 0
        self._progress = now()

    def put(self, size: int, job: Callable[[], None]) -> None:
        with self._changed:
            if not self._jobs:
                self._progress = self._now()
            self._jobs.append((size, job))
            self._bytes += size
            self._changed.notify_all()

    def work(self) -> None:
        """Do one job, or wait for one."""
        with self._changed:
            while not self._jobs:
                self._changed.wait()
            size, job = self._jobs[0]
        try:
            job()
        finally:
            with self._changed:
                self._jobs.popleft()
                self._bytes -= size
                self._progress = self._now()
                self._changed.notify_all()

    @property
    def full(self) -> bool:
        return self._bytes > BACKLOG_BYTES

    @property
    def stalled(self) -> bool:
        return self._now() - self._progress > STALL_SECONDS

    def wait_for_room(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self.full, seconds)


class AttemptLog:
    """The file of one attempt and its two streams. Used by the writing thread, but for `lost`."""

    def __init__(self, path: Path, secrets: list[str], limit: int) -> None:
        self._path = path
        self._limit = limit
        self._maskers: dict[Stream, Masker] = {"o": Masker(secrets), "e": Masker(secrets)}
        self._writer: LogWriter | None = None
        self.trouble = ""
        self.lost = 0
        self.open_streams = 2

    def write(self, stream: Stream, data: bytes) -> None:
        self._guarded(lambda writer: writer.write(stream, self._maskers[stream].feed(data)))

    def end_of(self, stream: Stream) -> None:
        self._guarded(lambda writer: writer.write(stream, self._maskers[stream].flush()))

    def close(self) -> None:
        if self.lost:
            text = f"[tidemill] {self.lost} bytes were dropped: the disk of the logs stood still\n"
            self._guarded(lambda writer: writer.write("e", text.encode()))
        if self._writer is not None:
            self._guarded(LogWriter.close)

    def _guarded(self, job: Callable[[LogWriter], None]) -> None:
        """A full disk costs output, never the supervisor."""
        if self.trouble:
            return
        try:
            if self._writer is None:
                self._writer = LogWriter(self._path, max_bytes=self._limit)
            job(self._writer)
        except OSError as error:
            self.trouble = f"the log cannot be written: {error.strerror}"


class Supervisor:
    """Reads in the main thread, writes in another."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._backlog = Backlog()
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._open = 0
        self._owned = True

    def run(self) -> None:
        threading.Thread(target=self._write_for_ever, name="writer", daemon=True).start()
        signal.signal(signal.SIGTERM, self._on_term)
        while self._owned or self._open:
            if self._backlog.full and not self._backlog.stalled:
                self._backlog.wait_for_room(_POLL_SECONDS)
                continue
            for key, _ in self._selector.select(_POLL_SECONDS if self._backlog.full or not self._owned else None):
                if key.fileobj is self._control:
                    self._obey()
                elif self._selector.get_map().get(key.fd) is key:
                    # It may have been cut a moment ago, and its number may be that of another one by now.
                    self._read(key.fd, *key.data)
        self._finish()

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        # Sent by the kernel when the executor is gone, even if somebody else still holds its end: wakes the loop.
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RD)

    def _let_go(self) -> None:
        if self._owned:
            self._owned = False
            self._selector.unregister(self._control)

    def _obey(self) -> None:
        match receive(self._control):
            case {"open": int(number), "path": str(path), "secrets": list(secrets), "limit": int(limit)}, [
                output,
                errors,
            ]:
                log = AttemptLog(Path(path), secrets, limit)
                for descriptor, stream in ((output, "o"), (errors, "e")):
                    os.set_blocking(descriptor, False)
                    self._selector.register(descriptor, selectors.EVENT_READ, (number, log, stream))
                    self._open += 1
            case {"cut": int(number)}, []:
                for key in [key for key in self._selector.get_map().values() if key.data and key.data[0] == number]:
                    while self._read(key.fd, *key.data):
                        pass
                    self._end(key.fd, *key.data)
            case None:
                self._let_go()

    def _read(self, descriptor: int, number: int, log: AttemptLog, stream: Stream) -> bool:
        """Take what is there; whether there may be more."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._end(descriptor, number, log, stream)
            return False
        if self._backlog.full:
            log.lost += len(data)
        else:
            self._backlog.put(len(data), lambda: log.write(stream, data))
        return True

    def _end(self, descriptor: int, number: int, log: AttemptLog, stream: Stream) -> None:
        """Nothing more comes from there, or nothing that is of this attempt."""
        if descriptor not in self._selector.get_map():
            return
        self._selector.unregister(descriptor)
        os.close(descriptor)
        self._open -= 1
        log.open_streams -= 1
        self._backlog.put(0, lambda: log.end_of(stream))
        if not log.open_streams:
            self._backlog.put(0, lambda: self._close(number, log))

    def _close(self, number: int, log: AttemptLog) -> None:
        log.close()
        order: Order = {"drained": number, "trouble": log.trouble}
        with contextlib.suppress(OSError):
            send(self._control, order)

    def _write_for_ever(self) -> None:
        while True:
            self._backlog.work()

    def _finish(self) -> None:
        done = threading.Event()
        self._backlog.put(0, done.set)
        done.wait(STALL_SECONDS)


def main() -> None:
    control, parent = int(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(control, False)
    die_with(parent, signal.SIGTERM)
    arm()
    Supervisor(socket.socket(fileno=control)).run()
    leave_at_once(0)


if __name__ == "__main__":
    main()
