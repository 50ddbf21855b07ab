"""What a command means to a run that is under way. Pure: who consumes it, and when, is the loop's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tidemill.core.history import CommandKind, CommandRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.states import TaskState
from tidemill.engine.moves import Approved, Cancel, Event, Happened, Marked


def event_of(wish: CommandRecord) -> Event | None:
    """None if it means nothing to the run, or cannot be read."""
    try:
        return _event_of(wish, wish.payload)
    except (KeyError, ValueError):
        return None


def priority_of(wish: CommandRecord) -> int | None:
    """The priority that is wished for the run; None for every other command."""
    wanted = wish.payload.get("priority") if wish.kind is CommandKind.PRIORITY else None
    return wanted if isinstance(wanted, int) and not isinstance(wanted, bool) else None


def superseded(wishes: Iterable[CommandRecord]) -> frozenset[int]:
    """Ids of the marks after which somebody marked the same task run again: only the last word counts."""
    last: dict[tuple[str, str, str], int] = {}
    before: set[int] = set()
    for wish in wishes:
        if wish.kind is CommandKind.MARK:
            place = wish.run, str(wish.payload.get("path", "")), str(wish.payload.get("instance", ""))
            if place in last:
                before.add(last[place])
            last[place] = wish.id
    return frozenset(before)


def _event_of(wish: CommandRecord, said: Mapping[str, Any]) -> Event | None:
    key = Key(str(said.get("path", "")), instance_from(str(said.get("instance", ""))))
    match wish.kind:
        case CommandKind.CANCEL:
            return Cancel(wish.actor, str(said.get("reason", "")))
        case CommandKind.APPROVE:
            return Approved(key, bool(said.get("yes", True)), wish.actor, str(said.get("comment", "")))
        case CommandKind.MARK:
            return Marked(key, TaskState(said["state"]), wish.actor)
        case CommandKind.EVENT:
            return Happened(str(said["name"]), str(said.get("key", "")), said.get("payload"))
        case CommandKind.REOPEN | CommandKind.PRIORITY:
            return None
