"""The process of one attempt, forked or spawned: wait for the ticket, get ready, execute, report, leave.

It gets a channel and its standard streams, and nothing else of its parents.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import io
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.errors import TidemillError
from tidemill.core.records import Began, Report, Ticket
from tidemill.core.states import AttemptState
from tidemill.core.values import NotAValue
from tidemill.worker.cancellation import Cancellation
from tidemill.worker.channel import ChannelLost, SocketLink
from tidemill.worker.context import LOGGER, task_seed
from tidemill.worker.control import NO_CHANNEL
from tidemill.worker.execute import execute, too_large
from tidemill.worker.frames import BadFrame
from tidemill.worker.kernel import adopt_orphans, bytes_of, die_with, limit_memory
from tidemill.worker.seeding import seed
from tidemill.worker.store import open_store


def take_over(parent: int, channel: int, output: int, errors: int) -> None:
    """Make this process the head of a group of its own, with these three descriptors as all it has to talk with."""
    os.setsid()
    die_with(parent)
    adopt_orphans()
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    for descriptor in {nothing, output, errors} - {0, 1, 2, channel}:
        os.close(descriptor)


def serve(channel: int, scratch_root: Path | None) -> int:
    """Do what the ticket says that comes over the channel; the exit status of the process."""
    cancellation = Cancellation()
    link = SocketLink(socket.socket(fileno=channel), cancellation)
    _get_ready()
    try:
        ticket = link.ticket()
        if ticket is None:
            return 0
        cancellation.install()
        _fit(ticket)
        link.send(Began(ticket.attempt, os.getpid()))
        report = _executed(ticket, link, cancellation, scratch_root)
        cancellation.silence()
        # What the task printed must be in its log before the report says that it is over.
        _flush()
        try:
            link.send(report)
        except (BadFrame, NotAValue) as error:
            link.send(too_large(report, error))
    except (ChannelLost, BadFrame) as error:
        with contextlib.suppress(Exception):
            sys.stderr.write(f"[tidemill] {error}\n")
        return NO_CHANNEL
    return 0


def leave(status: int) -> NoReturn:
    """End this process: what user code registered for the end is done, threads of its own are not waited for."""
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    _flush()
    os._exit(status)


def _executed(ticket: Ticket, link: SocketLink, cancellation: Cancellation, scratch_root: Path | None) -> Report:
    try:
        store = open_store(ticket.store)
    except TidemillError as error:
        return Report(ticket.attempt, AttemptState.FAILED, cause=Cause(CauseKind.INFRASTRUCTURE, error.in_one_line))
    return execute(ticket, store, link, cancellation=cancellation, scratch_root=scratch_root)


def _get_ready() -> None:
    """What can be done while there is no ticket yet."""
    gc.enable()
    with contextlib.suppress(Exception):
        faulthandler.enable(2)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    _log_to_stderr()


def _fit(ticket: Ticket) -> None:
    seed(task_seed(ticket.facts.seed, ticket.path, ticket.indexes))
    memory = bytes_of(ticket.resources.get("memory"))
    if memory is not None:
        limit_memory(memory)


def _log_to_stderr() -> None:
    logger = logging.getLogger(LOGGER)
    logger.setLevel(logging.INFO)
    # A program that has set up logging itself says where records go.
    if not logger.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        logger.addHandler(handler)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
