"""The records of `core.records` as the bytes of one frame, and back.

What comes from a task is hostile until it passed here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from tidemill.core.plain import Malformed, from_plain, to_plain
from tidemill.core.records import Began, Gone, Note, Pushed, Reply, Report, Request, Ticket
from tidemill.worker.frames import BadFrame

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Done:
    """Follows the report when nothing of the user's code is going on any more, but for what it left behind.

    `alone`: there are no other threads or processes of it. `spoke`: something was printed, as far as Python knows.
    `leaves`: the process ends now; otherwise it takes the next ticket.
    """

    attempt: str
    alone: bool
    spoke: bool = False
    leaves: bool = True


FROM_WORKER: tuple[type, ...] = (Began, Pushed, Request, Report, Note, Done)
FROM_OWNER: tuple[type, ...] = (Ticket, Reply)
_write = json.JSONEncoder(separators=(",", ":")).encode
_KINDS: dict[str, type] = {kind.__name__: kind for kind in (*FROM_WORKER, *FROM_OWNER, Gone)}


def encode(record: Any) -> bytes:
    """One record as JSON: its class name and its plain form. Raises NotAValue for what a value cannot hold."""
    return _write([type(record).__name__, to_plain(record)]).encode()


def decode(body: bytes, allowed: tuple[type, ...]) -> Any:
    """The record that `encode` wrote, if its class is allowed here. Raises BadFrame for anything else."""
    try:
        match json.loads(body):
            case [str(name), dict(plain)] if _KINDS.get(name) in allowed:
                return from_plain(_KINDS[name], plain)
            case _:
                raise Malformed("not one of " + ", ".join(kind.__name__ for kind in allowed))
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise BadFrame(f"not a message: {str(error)[:200]}") from None


def decode_as(kind: type[R], body: bytes) -> R:
    """As `decode`, for exactly one class."""
    found = decode(body, (kind,))
    assert isinstance(found, kind)
    return found


def is_ticket(body: bytes) -> bool:
    """Whether a body is that of a ticket, by its first bytes."""
    return body.startswith(b'["Ticket"')
