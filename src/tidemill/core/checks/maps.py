"""Rules on maps: what they run over, how far, and what they follow."""

from __future__ import annotations

from collections.abc import Iterator

from tidemill.core.bindings import Binding, Const, DictOf, ListOf, Output
from tidemill.core.checks.kinds import type_of
from tidemill.core.checks.spots import Spot, Use, Where
from tidemill.core.checks.survey import Survey
from tidemill.core.checks.words import quote_binding, show_value
from tidemill.core.graph import Combine, Each
from tidemill.core.problems import Problem
from tidemill.core.types import PLAIN, Type
from tidemill.core.values import ArtifactRef


def maps_run_over_something(survey: Survey) -> Iterator[Problem]:
    for spot, each in _mapped(survey):
        if not each.over:
            message = f"node {spot.path!r} is mapped over nothing"
            yield survey.problem("map-over-nothing", spot, message, "name what it runs over")
        seen: set[str] = set()
        for over in each.over:
            if over.name in seen:
                message = f"node {spot.path!r} is mapped twice over {over.name!r}"
                yield survey.problem("duplicate-item", spot, message, "give one of them another name")
            seen.add(over.name)


def maps_are_bounded(survey: Survey) -> Iterator[Problem]:
    for spot, each in _mapped(survey):
        for name, number in (("parallelism", each.parallelism), ("longest", each.longest)):
            if number is not None and number < 1:
                message = f"node {spot.path!r}: {name} of its map is {show_value(number)}"
                yield survey.problem("bad-map", spot, message, "use 1 or more, or leave it out")


def maps_run_over_lists(survey: Survey) -> Iterator[Problem]:
    for spot, each in _mapped(survey):
        for over in each.over:
            use = Use(spot, f"the map over {over.name!r}", over.source, Where.BEFORE)
            kind = type_of(survey, over.source, use)
            if not over.follow and not _can_be_mapped(over.source, kind):
                message = f"{use.title}: {quote_binding(over.source)} is {kind}, not a list or a dict"
                yield survey.problem("not-mappable", spot, message, "map over a list, a dict or the result of a task")


def _can_be_mapped(source: Binding, kind: Type) -> bool:
    if isinstance(source, Const) and isinstance(source.value, ArtifactRef):
        return True
    if kind.name == "union":
        return any(_can_be_mapped(source, member) for member in kind.args)
    return kind.name not in PLAIN or kind.name in ("any", "list", "dict")


def zipped_lengths_agree(survey: Survey) -> Iterator[Problem]:
    for spot, each in _mapped(survey):
        if each.combine is not Combine.ZIP:
            continue
        known = {over.name: length for over in each.over if (length := _length(over.source)) is not None}
        if len(set(known.values())) > 1:
            lengths = ", ".join(f"{name}: {length}" for name, length in known.items())
            message = f"node {spot.path!r} zips lists of different lengths ({lengths})"
            yield survey.problem("zip-lengths", spot, message, "make them equally long, or map over their product")


def _length(source: Binding) -> int | None:
    match source:
        case Const(value=list() | dict() as items) | ListOf(items=items) | DictOf(items=items):
            return len(items)
        case _:
            return None


def followers_have_a_leader(survey: Survey) -> Iterator[Problem]:
    for spot, each in _mapped(survey):
        for over in each.over:
            if not over.follow:
                continue
            trouble = _no_leader(survey, spot, over.source)
            if trouble:
                message = f"node {spot.path!r} follows {quote_binding(over.source)} item by item, {trouble}"
                remedy = "follow the result of a map in the same scope, or map over the collected list"
                yield survey.problem("cannot-follow", spot, message, remedy)


def _no_leader(survey: Survey, spot: Spot, source: Binding) -> str:
    if not isinstance(source, Output):
        return "which is not the output of a node"
    leader = survey.by_path.get(source.node)
    if leader is None:
        return ""  # an unknown node has been reported as such
    if leader.node.each is None:
        return "which is not mapped"
    if leader.holder is not spot.holder:
        return "which is in another scope"
    return ""


def _mapped(survey: Survey) -> Iterator[tuple[Spot, Each]]:
    for spot in survey.spots:
        if spot.node.each is not None:
            yield spot, spot.node.each
