"""The process that reads a definition file: begun as early as can be, asked for its answer when that is needed.

Imports next to nothing, and knows no graph: what the answer means is said in `compile`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from tidemill.executors.early import Early, begin_template
from tidemill.executors.environment import clean_environment
from tidemill.settings import Settings

_END_SECONDS = 5.0

_READ_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "GLIBC_", "MALLOC_")
"""What Python and the loader read once: it cannot be changed in a process that runs."""

_OF_NO_IMPORTANCE = frozenset({"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"})


class Answer(NamedTuple):
    """What the process wrote, and its exit code."""

    output: bytes
    code: int


class Reader(Protocol):
    """A process that reads a file."""

    def answer(self) -> Answer:
        """Wait for it. To be asked once."""
        ...

    def close(self) -> None:
        """End it, if it has not ended. May be called twice."""
        ...


@dataclass(slots=True)
class Reading:
    """The file of `target` is being read by `reader`; None if there is no such file. `early` becomes its template."""

    target: str
    reader: Reader | None
    early: Early | None = None


@contextmanager
def reading(target: str, settings: Settings | None = None) -> Iterator[Reading]:
    """Begin to read `FILE` or `FILE:NAME`. At the end nothing that was begun is left, but what somebody has taken.

    With `settings`, tasks of the file are about to run in processes: their template is begun along with it.
    """
    file, _, name = target.partition(":")
    path = Path(file)
    begun = Reading(target, None)
    if path.is_file():
        wanted = str(path) + (f":{name}" if name else "")
        begun = _with_template(path, wanted, settings) if settings is not None else Reading(wanted, _Apart(wanted))
    try:
        yield begun
    finally:
        if begun.reader is not None:
            begun.reader.close()
        if begun.early is not None:
            begun.early.end_unused()


def _with_template(path: Path, target: str, settings: Settings) -> Reading:
    environment = clean_environment(settings.for_tasks(os.environ))
    if not hasattr(os, "pidfd_open") or path.suffix != ".py" or not _starts_alike(environment):
        return Reading(target, _Apart(target))
    full = path.resolve()
    ours, theirs = socket.socketpair()
    try:
        with theirs, _standard_error() as errors:
            early = begin_template(
                (full.stem, str(full)),
                environment,
                settings.scratch,
                "tidemill.authoring.reader",
                (str(theirs.fileno()), str(errors), target),
                (theirs.fileno(), errors),
            )
    except OSError:
        ours.close()
        raise
    return Reading(target, _Beside(ours), early)


def _starts_alike(environment: Mapping[str, str]) -> bool:
    """Whether a process that was started with the environment of tasks can become one that was started with ours."""
    ours = {**os.environ, "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", environment["PYTHONHASHSEED"])}
    return all(
        ours.get(name) == environment.get(name)
        for name in {*ours, *environment} - _OF_NO_IMPORTANCE
        if name.startswith(_READ_AT_START)
    )


@contextmanager
def _standard_error() -> Iterator[int]:
    try:
        descriptor = os.dup(2)
    except OSError:
        descriptor = os.open(os.devnull, os.O_WRONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _environment() -> dict[str, str]:
    """The environment without our own settings: a definition must not read the server's secrets."""
    return {name: value for name, value in os.environ.items() if name != "TIDEMILL_DATABASE_URL"}


class _Apart:
    """A process of our own that does nothing else."""

    def __init__(self, target: str) -> None:
        # It says what it found on a pipe of its own, so that nothing the user's code prints can be taken for it.
        # In a process group of its own, Ctrl-C is heard here, which ends it, and not answered there with a traceback.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tidemill.authoring.compile", target],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=_environment(),
            process_group=0,
        )

    def answer(self) -> Answer:
        output, _ = self._process.communicate()
        return Answer(output, self._process.returncode)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()


class _Beside:
    """A process that `authoring.reader` looks after; all is said on one channel."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._lines = channel.makefile("rb")
        self._met = False
        self._keeper = -1
        with contextlib.suppress(OSError):
            channel.sendall(json.dumps(_environment()).encode() + b"\n")

    def answer(self) -> Answer:
        self._meet()
        output = self._line()
        if output.endswith(b"}\n"):
            return Answer(output, 0)
        # It has ended before it had said all. Who was killed along with it says nothing at all.
        code = self._line().strip()
        return Answer(output, int(code) if code.lstrip(b"-").isdigit() else -9)

    def close(self) -> None:
        if self._channel.fileno() < 0:
            return
        self._channel.settimeout(_END_SECONDS)
        self._meet()
        self._lines.close()
        self._channel.close()
        if self._keeper >= 0:
            ended = select.poll()
            ended.register(self._keeper, select.POLLIN)
            ended.poll(_END_SECONDS * 1000)
            os.close(self._keeper)

    def _meet(self) -> None:
        """Learn who looks after the reader; whether that one has ended is known without being its parent."""
        if not self._met:
            said = self._line().strip()
            self._met = True
            if said.isdigit():
                with contextlib.suppress(OSError):
                    self._keeper = os.pidfd_open(int(said))

    def _line(self) -> bytes:
        try:
            return self._lines.readline()
        except (OSError, ValueError):
            return b""
