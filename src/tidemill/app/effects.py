"""The effects that a task may ask for, by name: each done once, in the transaction that records it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tidemill.core.errors import InputError
from tidemill.core.history import CommandKind
from tidemill.core.values import Value
from tidemill.engine.requests import Action, ActionContext
from tidemill.lifecycle.decisions.effects import record_decision
from tidemill.lifecycle.registry.effects import model_alias, model_version, move_alias, register_model
from tidemill.storage.metadata import commands, variables


def set_variable(context: ActionContext, arguments: Mapping[str, Any]) -> Value:
    """arguments: name, value. Answers with the value."""
    name = _text(arguments, "name")
    value = arguments.get("value")
    variables.put(context.connection, context.team, name, value, context.now)
    return value


def emit(context: ActionContext, arguments: Mapping[str, Any]) -> Value:
    """An event for tasks that wait for one. arguments: name, key, payload, run (default: this one)."""
    run = str(arguments.get("run") or context.run)
    payload = {
        "name": _text(arguments, "name"),
        "key": str(arguments.get("key", "")),
        "payload": arguments.get("payload"),
    }
    return commands.add(context.connection, context.team, run, CommandKind.EVENT, context.path, payload, context.now)


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise InputError(f"the effect needs a text {name!r}")
    return value


ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "set_variable": set_variable,
        "emit": emit,
        "record_decision": record_decision,
        "register_model": register_model,
        "move_alias": move_alias,
        "model_alias": model_alias,
        "model_version": model_version,
    }
)
