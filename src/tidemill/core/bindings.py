"""Bindings: where the value of an input comes from, as plain data.

Paths name nodes from the root of the graph ("prepare/split"). Each binding that may find nothing says what then happens
(`Absent`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tidemill.core.values import Value

Path: TypeAlias = tuple[str | int, ...]
"""Keys and positions inside a value, outermost first."""

RESULT = "result"
"""The output key of a task that returns one plain value."""


class Absent(Enum):
    """What happens when a binding finds no value."""

    FAIL = "fail"  # the node fails, with a data cause
    SKIP = "skip"  # the node is skipped
    OMIT = "omit"  # the input is left out, so that the function's own default applies
    NULL = "null"  # the input is null


class Shape(Enum):
    NESTED = "nested"  # one list level for each map between here and there
    FLAT = "flat"  # one list in instance order


class Gap(Enum):
    """What a collected list holds for an instance that gave no value."""

    OMIT = "omit"
    NULL = "null"
    FAIL = "fail"


class RunField(Enum):
    RUN_ID = "run_id"
    PIPELINE = "pipeline"
    SCHEDULED_FOR = "scheduled_for"
    INTERVAL_START = "interval_start"
    INTERVAL_END = "interval_end"
    STARTED_AT = "started_at"
    SEED = "seed"
    ACTOR = "actor"


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """A function by module and qualified name; `file` is set when the module is a file given by the user."""

    module: str
    name: str
    file: str = ""

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


@dataclass(frozen=True, slots=True)
class Const:
    value: Value


@dataclass(frozen=True, slots=True)
class Param:
    """An input of a scope, the path of whose `Sub` is `scope`; the root's inputs are the pipeline's parameters."""

    name: str
    scope: str = ""
    path: Path = ()
    absent: Absent = Absent.FAIL


@dataclass(frozen=True, slots=True)
class Item:
    """The current item `name` of an enclosing map; `depth` 0 is the innermost, counting a mapped node itself."""

    name: str
    depth: int = 0
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Index:
    """The current position in an enclosing map, counted as in `Item`."""

    depth: int = 0


@dataclass(frozen=True, slots=True)
class Output:
    """An output of another node. If that node is mapped beyond the shared scopes: as `Collect` with nested shape."""

    node: str
    key: str = RESULT
    path: Path = ()
    absent: Absent = Absent.FAIL


@dataclass(frozen=True, slots=True)
class Collect:
    """The outputs of all instances of a node under the shared scopes, in instance order; `path` is applied to each."""

    node: str
    key: str = RESULT
    path: Path = ()
    shape: Shape = Shape.NESTED
    missing: Gap = Gap.OMIT


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The first option that has a value: whichever branch ran. Its upstreams are those of all options."""

    options: tuple[Binding, ...]
    absent: Absent = Absent.FAIL


@dataclass(frozen=True, slots=True)
class Status:
    """How a node ended: {"state": text, "error": {"kind", "message"} or null}, or what lies at `path` inside that."""

    node: str
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Metadata:
    """Metadata of the artifact that `of` refers to; read from its record, never from its content."""

    of: Binding
    path: Path = ()
    absent: Absent = Absent.FAIL


@dataclass(frozen=True, slots=True)
class RunInfo:
    field: RunField


@dataclass(frozen=True, slots=True)
class Template:
    """The texts of the parts, joined: numbers as Python writes them, true/false/null and structures as JSON."""

    parts: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class DictOf:
    items: Mapping[str, Binding] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Apply:
    """The result of a user's function, called in the worker just before the task; nothing but the task sees it."""

    function: FunctionRef
    inputs: Mapping[str, Binding] = field(default_factory=dict)


Binding: TypeAlias = (
    Const
    | Param
    | Item
    | Index
    | Output
    | Collect
    | FirstOf
    | Status
    | Metadata
    | RunInfo
    | Template
    | ListOf
    | DictOf
    | Apply
)


def children(binding: Binding) -> tuple[Binding, ...]:
    """The bindings directly inside a binding."""
    match binding:
        case FirstOf(options=inner) | Template(parts=inner) | ListOf(items=inner):
            return inner
        case DictOf(items=named) | Apply(inputs=named):
            return tuple(named.values())
        case Metadata(of=of):
            return (of,)
        case _:
            return ()


def walk(binding: Binding) -> Iterator[Binding]:
    """The binding and all inside it, depth first."""
    yield binding
    for inner in children(binding):
        yield from walk(inner)
