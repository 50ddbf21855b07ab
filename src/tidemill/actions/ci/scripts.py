"""One script as a process of its own group: its lines as they come, a time limit, and an end for all that it began."""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GRACE = 5.0
"""Seconds between asking a script to end and killing it."""

_LINGER = 0.5
"""Seconds for which output is still read when the script has ended and left others behind that hold its pipe."""

_TICK = 0.2
_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Ended:
    """`code` as of a shell: 128 + N for the signal N; `timed_out` and `interrupted` say why it was ended, if it was."""

    code: int
    timed_out: bool = False
    interrupted: bool = False


def run_script(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
    line: Callable[[str], None],
    cut: Callable[[str], int] = len,
    stopped: Callable[[], bool] = lambda: False,
) -> Ended:
    """Run it to its end; `line` gets each line of what it prints, without its end.

    `cut` says where a line that is too long can be cut: what is behind that waits for what follows; once `stopped`
    holds the script is ended. Raises OSError if it cannot be started.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    reading = _Reading(process.stdout.fileno(), line, cut)
    deadline = time.monotonic() + seconds
    timed_out = interrupted = False
    try:
        with process.stdout:
            while not (timed_out or interrupted) and not _over(process, reading):
                interrupted, timed_out = stopped(), time.monotonic() >= deadline
            if timed_out or interrupted:
                _end(process, reading)
            reading.finish()
    finally:
        # Nothing that a step began outlives it.
        _signal(process.pid, signal.SIGKILL)
        process.wait()
    code = process.returncode
    return Ended(128 - code if code < 0 else code, timed_out, interrupted)


def _over(process: subprocess.Popen[bytes], reading: _Reading) -> bool:
    """Read for a moment; whether it has ended, and so has what it prints or what others print for it."""
    if reading.ended():
        try:
            process.wait(timeout=_TICK)
        except subprocess.TimeoutExpired:
            return False
        return True
    reading.some(_TICK)
    if process.poll() is None:
        return False
    limit = time.monotonic() + _LINGER
    while not reading.ended() and time.monotonic() < limit:
        reading.some(_TICK)
    return True


def _end(process: subprocess.Popen[bytes], reading: _Reading) -> None:
    _signal(process.pid, signal.SIGTERM)
    limit = time.monotonic() + GRACE
    while process.poll() is None and time.monotonic() < limit:
        reading.some(_TICK)
    _signal(process.pid, signal.SIGKILL)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


class _Reading:
    """Bytes of a pipe as lines."""

    def __init__(self, descriptor: int, line: Callable[[str], None], cut: Callable[[str], int]) -> None:
        os.set_blocking(descriptor, False)
        self._ended = False
        self._descriptor = descriptor
        self._line = line
        self._cut = cut
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._selector = selectors.DefaultSelector()
        self._selector.register(descriptor, selectors.EVENT_READ)

    def ended(self) -> bool:
        return self._ended

    def some(self, seconds: float) -> None:
        """Wait for output and pass it on; once nobody can write any more it has ended."""
        if self.ended():
            time.sleep(seconds)
            return
        if not self._selector.select(seconds):
            return
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._descriptor, 1 << 16)
            self._ended = not data
            self._take(self._decoder.decode(data))

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._descriptor, 1 << 16):
                self._take(self._decoder.decode(data))
        self._take(self._decoder.decode(b"", final=True))
        if self._rest:
            self._line(self._rest)
            self._rest = ""
        self._selector.close()

    def _take(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for one in lines:
            self._line(one.removesuffix("\r"))
        if len(self._rest) > _LONGEST:
            cut = self._cut(self._rest)
            self._line(self._rest[:cut])
            self._rest = self._rest[cut:]
