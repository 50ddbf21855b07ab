"""Bindings, conditions and values in the words that people read them in, for pictures, listings and details. Pure."""

from __future__ import annotations

import json
import shlex
from datetime import date, datetime, timedelta
from typing import Any

from tidemill.core.bindings import (
    RESULT,
    Apply,
    Binding,
    Collect,
    Const,
    DictOf,
    FirstOf,
    Index,
    Item,
    ListOf,
    Metadata,
    Output,
    Param,
    RunInfo,
    Status,
    Template,
)
from tidemill.core.expressions import Expression, show_expression
from tidemill.core.history import TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.states import TaskState
from tidemill.core.values import ArtifactRef, Value

LONGEST = 60


def value_text(value: Value, longest: int = LONGEST) -> str:
    """A value in one line, cut where it is long."""
    text = " ".join(_value(value).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def binding_text(binding: Binding) -> str:
    """Where a value comes from: `split.train`, `parameter threshold`, `all of train`."""
    match binding:
        case Const(value=value):
            return value_text(value)
        case Param(name=name, path=path):
            return name + _path(path)
        case Item(name=name, path=path):
            return f"each {name}" + _path(path)
        case Index():
            return "its position"
        case Output(node=node, key=key, path=path):
            return _output(node, key) + _path(path)
        case Collect(node=node, key=key, path=path):
            return f"all of {_output(node, key)}" + _path(path)
        case FirstOf(options=options):
            return "the first of " + ", ".join(binding_text(option) for option in options)
        case Status(node=node):
            return f"how {_last(node)} ended"
        case Metadata(of=of, path=path):
            return binding_text(of) + (_path(path) or ".metadata")
        case RunInfo(field=field):
            return f"run {field.value}"
        case Template(parts=parts):
            return " + ".join(binding_text(part) for part in parts)
        case ListOf(items=items):
            return f"[{', '.join(binding_text(item) for item in items)}]"
        case DictOf(items=named):
            return "{" + ", ".join(f"{name}: {binding_text(item)}" for name, item in named.items()) + "}"
        case Apply(function=function, inputs=inputs):
            return f"{function.name}({', '.join(binding_text(one) for one in inputs.values())})"


def condition_text(expression: Expression) -> str:
    """A condition as people read it: `evaluate.accuracy >= 0.85`."""
    return show_expression(expression, binding_text)


def question_of(record: TaskRecord | None) -> str:
    """What a task that waits for approval asks, or ""."""
    if record is None or record.state is not TaskState.SUSPENDED or record.wake is None:
        return ""
    return record.wake.approval


def approve_command(record: TaskRecord) -> str:
    """The command that says yes to a task that waits for approval."""
    name = str(Key(record.path, instance_from(record.instance)))
    return f"tidemill approve {record.run} {shlex.quote(name)}"


def _output(node: str, key: str) -> str:
    return _last(node) if key == RESULT else f"{_last(node)}.{key}"


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _path(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _value(value: Value) -> str:
    match value:
        case ArtifactRef(id=id_, at=at):
            return f"<artifact {id_}{_path(at)}>"
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return str(value)
        case str():
            return value if len(value) > LONGEST * 10 else json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(_value(item) for item in value)}]"
        case dict():
            return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"
        case _:
            return _plain(value)


def _plain(value: Any) -> str:
    return (
        {None: "null", True: "true", False: "false"}.get(value, repr(value))
        if value is None or isinstance(value, bool)
        else repr(value)
    )
