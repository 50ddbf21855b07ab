"""What is done once, before the first fork, so that no child has to: the codecs, and one attempt of nothing."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tidemill.core.bindings import Const, FunctionRef
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import OutputSpec, Returns
from tidemill.core.records import Began, Note, Pushed, Reply, Report, Request, RunFacts, RunFunction, Ticket
from tidemill.core.states import AttemptState
from tidemill.core.types import ANY
from tidemill.storage.artifacts.codecs.registry import TYPES, codec
from tidemill.storage.artifacts.memory import MemoryStore
from tidemill.worker.execute import execute
from tidemill.worker.functions import unwrap
from tidemill.worker.hooks import AWAITING
from tidemill.worker.messages import FROM_WORKER, Done, decode, decode_as, encode
from tidemill.worker.outputs import PREVIEWS


def nothing(value: int = 0) -> int:
    return value


class _NoOwner:
    """A link that leads nowhere."""

    def send(self, message: Began | Pushed | Report | Note) -> None:
        decode(encode(message), FROM_WORKER)

    def ask(self, request: Request) -> Reply:
        return decode_as(Reply, encode(Reply(request.number)))


def import_codecs() -> None:
    """Import the codecs for what the entry has imported, and what looks at it: its tasks are likely to return it."""
    for kind, names in TYPES.items():
        library = kind.partition(".")[0]
        if library in sys.modules and library not in sys.stdlib_module_names:
            for name in names:
                # A codec that cannot be used is told to the task that needs it.
                with contextlib.suppress(Exception):
                    codec(name)
                    importlib.import_module(PREVIEWS)


def import_asyncio(entry: Mapping[str, Any]) -> None:
    """Import what awaits the tasks of an entry, if one of them is to be awaited."""
    if any(inspect.iscoroutinefunction(unwrap(found)) for found in entry.values()):
        importlib.import_module(AWAITING)


def warm_up() -> None:
    """Send a ticket through everything that a task passes; nothing is written anywhere."""
    work = RunFunction(
        FunctionRef(__name__, nothing.__name__), Returns.VALUE, {"result": OutputSpec()}, takes={"value": ANY}
    )
    facts = RunFacts("warm-up", "warm-up", "warm-up", datetime(2026, 1, 1, tzinfo=UTC), 0)
    ticket = Ticket("warm-up", "nothing", "", 0, 1, work, facts, "", {"value": Const(1)})
    _rehearsal.append(encode(ticket))
    _NoOwner().send(Began(ticket.attempt))
    _NoOwner().send(Report(ticket.attempt, AttemptState.FAILED, cause=Cause(CauseKind.USER_CODE, "")))
    rehearse()


def rehearse() -> None:
    """In a process that waits for its ticket: have its own copy of each page of memory that a task will write to.

    What is copied on writing costs most of the time of a short task; like this it is not on the way of the ticket.
    """
    for body in _rehearsal[:1]:
        report = execute(decode_as(Ticket, body), MemoryStore, _NoOwner())
        encode(report)
        encode(Done(report.attempt, True))


_rehearsal: list[bytes] = []
