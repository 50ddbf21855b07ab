"""How graphs are named in messages: bindings as people read them, texts cut to a bearable length."""

from __future__ import annotations

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
    Path,
    RunInfo,
    Status,
    Template,
)

LONGEST_TEXT = 200


def shorten(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text, or its beginning and its end where it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    head = longest * 2 // 3
    return f"{text[:head]} ... {text[-(longest - head) :]}"


def show_value(value: object) -> str:
    """A constant in a message; a value too deep or too long to be written is named by its class only."""
    try:
        return shorten(repr(value), 80)
    except (RecursionError, ValueError):
        return f"a {type(value).__name__}"


def show_path(path: Path) -> str:
    """`.rows[0]` for ("rows", 0)."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


def quote_binding(binding: Binding) -> str:
    """A binding inside a sentence: in quotes, unless it is a constant."""
    text = show_binding(binding)
    return text if isinstance(binding, Const) else f"'{text}'"


def show_binding(binding: Binding) -> str:
    """A binding as people read it: `load.rows`, `threshold`, `item x`."""
    match binding:
        case Const(value=value):
            return show_value(value)
        case Param(name=name, path=path):
            return f"{name}{show_path(path)}"
        case Item(name=name, path=path):
            return f"item {name}{show_path(path)}"
        case Index():
            return "index"
        case Output(node=node, key=key, path=path):
            return f"{node}{'' if key == RESULT else f'.{key}'}{show_path(path)}"
        case Collect(node=node, key=key, path=path):
            return f"all {node}{'' if key == RESULT else f'.{key}'}{show_path(path)}"
        case Status(node=node, path=path):
            return f"status of {node}{show_path(path)}"
        case Metadata(of=of, path=path):
            return f"{show_binding(of)}.metadata{show_path(path)}"
        case RunInfo(field=field):
            return f"run.{field.value}"
        case FirstOf(options=options):
            return f"first of ({', '.join(map(show_binding, options))})"
        case Template():
            return "a template"
        case ListOf():
            return "a list"
        case DictOf():
            return "an object"
        case Apply(function=function):
            return f"{function.name}(...)"
