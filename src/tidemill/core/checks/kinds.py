"""What is known of a binding before anything runs: its type, and the values of constants.

Whatever is not known is of type `any`, which fits everything: better no word than a false alarm.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from tidemill.core.bindings import (
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
    RunField,
    RunInfo,
    Shape,
    Status,
    Template,
)
from tidemill.core.checks.references import declared_outputs
from tidemill.core.checks.spots import Spot, Use, Where
from tidemill.core.checks.survey import Survey
from tidemill.core.checks.words import quote_binding, show_path
from tidemill.core.graph import Over, Sub
from tidemill.core.types import ANY, NONE, PLAIN, Type, fits, judge_value
from tidemill.core.values import MISSING, Value, pick

_MOST_ITEMS = 1000
_MOST_HOPS = 60
_MOST_LEVELS = 8

_STR, _INT, _LIST, _DICT = Type("str"), Type("int"), Type("list"), Type("dict")
_DATETIME = Type("datetime")
_MAYBE_DATETIME = Type("union", (_DATETIME, NONE))
_RUN_FIELDS = {
    RunField.RUN_ID: _STR,
    RunField.PIPELINE: _STR,
    RunField.ACTOR: _STR,
    RunField.SEED: _INT,
    RunField.STARTED_AT: _DATETIME,
    RunField.SCHEDULED_FOR: _MAYBE_DATETIME,
    RunField.INTERVAL_START: _MAYBE_DATETIME,
    RunField.INTERVAL_END: _MAYBE_DATETIME,
}


def type_of_value(value: Value, levels: int = _MOST_LEVELS) -> Type:
    """The type of a constant; lists of one type of item know it, down to so many levels."""
    match value:
        case None:
            return NONE
        case bool() | int() | float() | str() | dict():
            return Type(type(value).__name__)
        case list() if levels:
            return list_of(type_of_value(item, levels - 1) for item in value)
        case list():
            return _LIST
        case datetime():
            return _DATETIME
        case date():
            return Type("date")
        case timedelta():
            return Type("timedelta")
    return ANY


def list_of(items: Iterable[Type]) -> Type:
    kinds = set(items)
    return Type("list", (kinds.pop(),)) if len(kinds) == 1 else _LIST


def type_of(survey: Survey, binding: Binding, use: Use, hops: int = 0) -> Type:
    """The type of what a binding will give where it is read."""
    if hops > _MOST_HOPS:
        return ANY
    match binding:
        case Const(value=value):
            return ANY if id(binding) in survey.unsound else type_of_value(value)
        case Index():
            return _INT
        case Status(path=path):
            return _STR if path == ("state",) else ANY if path else _DICT
        case Template():
            return _STR
        case RunInfo(field=field):
            return _RUN_FIELDS[field]
        case ListOf(items=items):
            return list_of(type_of(survey, item, use, hops + 1) for item in items)
        case DictOf():
            return _DICT
        case FirstOf(options=options):
            return _union(type_of(survey, option, use, hops + 1) for option in options)
        case Metadata() | Apply():
            return ANY
        case Param() | Item() | Output() | Collect():
            whole, levels = whole_of(survey, binding, use, hops)
            found = inside(whole, binding.path) or ANY
            for _ in range(levels):
                found = Type("list", (found,))
            return found


def whole_of(survey: Survey, binding: Param | Item | Output | Collect, use: Use, hops: int = 0) -> tuple[Type, int]:
    """The type its path is applied to, and how many levels of lists come around what the path leads to."""
    match binding:
        case Param(name=name, scope=scope):
            holder = survey.by_path.get(scope)
            return next((known.type for known in survey.inputs(holder) if known.name == name), ANY), 0
        case Item():
            found = source_of(binding, use)
            return (ANY if found is None else _item_type(survey, *found, hops)), 0
        case Output(node=node, key=key) | Collect(node=node, key=key):
            spot = survey.by_path.get(node)
            if spot is None:
                return ANY, 0
            levels = _extra_maps(spot, use)
            if isinstance(binding, Collect) and binding.shape is Shape.FLAT:
                levels = min(levels, 1)
            return _output_type(survey, spot, key, hops), levels


def _item_type(survey: Survey, use: Use, over: Over, hops: int) -> Type:
    key = (id(use.spot), f"item {over.name}")
    if key not in survey.known_types:
        survey.known_types[key] = _element(type_of(survey, over.source, use, hops + 1))
    return survey.known_types[key]


def _output_type(survey: Survey, spot: Spot, key: str, hops: int) -> Type:
    if not isinstance(spot.node.body, Sub):
        spec = declared_outputs(spot).get(key)
        return spec.type if spec else ANY
    binding = spot.node.body.scope.outputs.get(key)
    if binding is None:
        return ANY
    known = (id(spot), f"output {key}")
    if known not in survey.known_types:
        use = Use(spot, "", binding, Where.INSIDE)
        survey.known_types[known] = type_of(survey, binding, use, hops + 1)
    return survey.known_types[known]


def _extra_maps(spot: Spot, use: Use) -> int:
    """How many maps are between a node and the deepest scope that holds both it and its reader."""
    if not spot.holders:
        return int(spot.node.each is not None)
    around_reader = {id(holder) for holder in use.holders}
    shared = [holder for holder in spot.holders if id(holder) in around_reader]
    return len(spot.maps) - (len(shared[-1].maps) if shared else 0)


def source_of(item: Item, use: Use) -> tuple[Use, Over] | None:
    """What an item is taken from, and the use in which that source is read; None if there is no such map."""
    if not 0 <= item.depth < len(use.maps):
        return None
    spot = use.maps[-1 - item.depth]
    overs = spot.node.each.over if spot.node.each else ()
    over = next((over for over in overs if over.name == item.name), None)
    return None if over is None else (Use(spot, "", over.source, Where.BEFORE), over)


def _element(kind: Type) -> Type:
    match kind.name:
        case "list" if len(kind.args) == 1:
            return kind.args[0]
        case "dict":
            return _LIST
        case "union":
            return _union(_element(member) for member in kind.args if member != NONE)
    return ANY


def _union(kinds: Iterable[Type]) -> Type:
    members = tuple(dict.fromkeys(kinds))
    if not members or ANY in members:
        return ANY
    return members[0] if len(members) == 1 else Type("union", members)


def inside(kind: Type, path: Path) -> Type | None:
    """The type at a path inside a type; None if a value of that type has nothing there."""
    for key in path:
        step = _step(kind, key)
        if step is None:
            return None
        kind = step
    return kind


def _step(kind: Type, key: str | int) -> Type | None:
    match kind.name:
        case "any":
            return ANY
        case "list":
            return None if isinstance(key, str) else kind.args[0] if len(kind.args) == 1 else ANY
        case "dict":
            return None if isinstance(key, int) else kind.args[-1] if kind.args else ANY
        case "union":
            steps = [step for member in kind.args if (step := _step(member, key)) is not None]
            return _union(steps) if steps else None
    return None if kind.name in PLAIN else ANY


def complaint(survey: Survey, binding: Binding, wanted: Type, use: Use) -> str | None:
    """Why what a binding gives can never be of a type, in words, or None."""
    match binding:
        case Const(value=value):
            return None if id(binding) in survey.unsound else judge_value(value, wanted)
        case FirstOf(options=options):
            return next(filter(None, (complaint(survey, option, wanted, use) for option in options)), None)
        case ListOf(items=items) if wanted.name == "list" and len(wanted.args) == 1:
            return next(filter(None, (complaint(survey, item, wanted.args[0], use) for item in items)), None)
        case DictOf(items=named) if wanted.name == "dict" and wanted.args:
            return next(filter(None, (complaint(survey, item, wanted.args[-1], use) for item in named.values())), None)
        case Item() if (found := source_of(binding, use)) and isinstance(found[1].source, Const):
            return _item_complaint(survey, binding, found[1].source, wanted)
    given = type_of(survey, binding, use)
    return None if fits(given, wanted) else f"{quote_binding(binding)} is {given}, not {wanted}"


def _item_complaint(survey: Survey, item: Item, source: Const, wanted: Type) -> str | None:
    if id(source) in survey.unsound:
        return None
    values = source.value if isinstance(source.value, list) else []
    for value in values[:_MOST_ITEMS]:
        found = pick(value, item.path)
        if found is MISSING:
            return f"an item of {item.name!r} has nothing at {show_path(item.path)}"
        trouble = judge_value(found, wanted)
        if trouble:
            return f"an item of {item.name!r}: {trouble}"
    return None
