"""Calling the functions that a user hung on an event of a task. Their own failure is noted and changes nothing."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from typing import Any

from tidemill.core.graph import Hook, HookEvent
from tidemill.worker.context import Context
from tidemill.worker.failures import one_line
from tidemill.worker.functions import load_function

AWAITING = "tidemill.worker.awaiting"


def call_hooks(hooks: Sequence[Hook], event: HookEvent, context: Context) -> list[str]:
    """Call every hook of the event, in order; a note for each that failed. A hook takes the context, or nothing."""
    notes = []
    for hook in hooks:
        if hook.event is not event:
            continue
        try:
            call(load_function(hook.function), *((context,) if _takes_one(load_function(hook.function)) else ()))
        except Exception as error:
            notes.append(f"the {event.value} hook {hook.function} failed: {one_line(error)}")
    return notes


def call(function: Any, *positional: Any, **named: Any) -> Any:
    """The result of a function, awaited if it is to be."""
    returned = function(*positional, **named)
    if not inspect.isawaitable(returned):
        return returned
    # Loaded by its name when the first one is there: asyncio is large, and every process that is forked pays for it.
    return importlib.import_module(AWAITING).result_of(returned)


def _takes_one(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    return True
