"""The process of one attempt, forked or spawned: wait for the ticket, get ready, execute, report, leave.

It gets a channel and its standard streams, and nothing else of its parents.
"""

from __future__ import annotations

import _thread
import contextlib
import faulthandler
import gc
import io
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from tidemill.core.causes import CauseKind
from tidemill.core.errors import TidemillError
from tidemill.core.records import Began, Report, Ticket, Usage
from tidemill.core.values import NotAValue
from tidemill.storage.artifacts.store import ArtifactStore
from tidemill.worker.cancellation import Cancellation
from tidemill.worker.channel import ChannelLost, SocketLink
from tidemill.worker.context import task_seed
from tidemill.worker.control import LEFT_CLEAN, NO_CHANNEL
from tidemill.worker.execute import execute, too_large
from tidemill.worker.failures import Fault
from tidemill.worker.frames import BadFrame
from tidemill.worker.kernel import adopt_orphans, bytes_of, die_with, limit_memory, peak_bytes
from tidemill.worker.leaving import begin_watching, do_exit_work, flush, has_exit_work
from tidemill.worker.messages import Done
from tidemill.worker.seeding import seed
from tidemill.worker.store import open_store


def take_over(parent: int, output: int, errors: int) -> None:
    """Make this process the head of a group of its own that ends with its parent, and writes where it is told to."""
    os.setsid()
    die_with(parent)
    adopt_orphans()
    os.dup2(output, 1)
    os.dup2(errors, 2)


def get_ready() -> None:
    """What may be done before a fork, for all that come out of it."""
    with contextlib.suppress(Exception):
        faulthandler.enable(2)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    begin_watching()


def serve(
    channel: int,
    scratch_root: Path | None,
    *,
    shared: bool = False,
    tells: bool = False,
    meanwhile: Callable[[], None] | None = None,
) -> int:
    """Do what the ticket says that comes over the channel; the exit status of the process.

    `shared`: do so again and again, until a task leaves something behind. `tells`: say when a task begins.
    `meanwhile` is done first if there is no ticket yet.
    """
    cancellation = Cancellation()
    link = SocketLink(channel, cancellation)
    spoke = _Spoke() if shared else None
    gc.enable()
    if meanwhile is not None and not link.has_something:
        meanwhile()
    try:
        while (ticket := link.ticket()) is not None:
            cancellation.install()
            _fit(ticket)
            if tells:
                link.send(Began(ticket.attempt, os.getpid()))
            report = _executed(ticket, link, cancellation, scratch_root, shared)
            cancellation.silence()
            # What the task printed must be in its log before the report says that it is over.
            flush()
            done = _done(ticket, spoke)
            if done.leaves and has_exit_work():
                _report(link, report)
                do_exit_work()
                done = _done(ticket, spoke)
                link.tell(done)
            else:
                _report(link, report, done)
            if done.leaves:
                # Nobody may follow in the same pipes while what was printed here still lies in them.
                return LEFT_CLEAN if done.alone and not done.spoke else 0
            cancellation = link.renewed()
    except (ChannelLost, BadFrame) as error:
        with contextlib.suppress(Exception):
            sys.stderr.write(f"[tidemill] {error}\n")
        return NO_CHANNEL
    return 0


def leave(status: int) -> NoReturn:
    """End this process; threads of its own are not waited for."""
    if status != LEFT_CLEAN:
        with contextlib.suppress(BaseException):
            do_exit_work()
        flush()
    os._exit(status)


def _report(link: SocketLink, report: Report, *more: Done) -> None:
    try:
        link.send(report, *more)
    except (BadFrame, NotAValue) as error:
        link.send(too_large(report, error), *more)


def _done(ticket: Ticket, spoke: _Spoke | None) -> Done:
    alone = _thread._count() == 0 and not _has_children()
    said = spoke is not None and spoke.heard()
    return Done(ticket.attempt, alone, said, leaves=spoke is None or said or not alone)


def _used() -> tuple[float, int]:
    """Seconds of processor so far, peak memory in bytes; of this process and those it has waited for."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    return cpu_s, max(peak_bytes(own), peak_bytes(others))


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


class _Spoke:
    """Whether anything was written to the streams of Python since it was last asked."""

    def __init__(self) -> None:
        self._written = False
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            raw = _Noticed(descriptor, self)
            text = io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace")
            text.reconfigure(line_buffering=True)
            setattr(sys, name, text)

    def notice(self) -> None:
        self._written = True

    def heard(self) -> bool:
        return self._written


class _Noticed(io.FileIO):
    def __init__(self, descriptor: int, spoke: _Spoke) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._spoke = spoke

    def write(self, data: Any, /) -> int:
        self._spoke.notice()
        return super().write(data)


def _executed(
    ticket: Ticket, link: SocketLink, cancellation: Cancellation, scratch_root: Path | None, shared: bool
) -> Report:
    before = _used()[0] if shared else 0.0

    def usage() -> Usage:
        cpu_s, peak = _used()
        return Usage(0.0, cpu_s - before, peak)

    def store() -> ArtifactStore:
        try:
            return open_store(ticket.store)
        except TidemillError as error:
            raise Fault(CauseKind.INFRASTRUCTURE, error.in_one_line, error) from None

    return execute(ticket, store, link, cancellation=cancellation, scratch_root=scratch_root, usage=usage)


def _fit(ticket: Ticket) -> None:
    seed(lambda: task_seed(ticket.facts.seed, ticket.path, ticket.indexes))
    memory = bytes_of(ticket.resources.get("memory"))
    if memory is not None:
        limit_memory(memory)
