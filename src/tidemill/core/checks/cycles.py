"""Rules on circles: nodes that wait for each other, along edges and through the scopes that hold them.

A scope begins before what is inside it and ends after it, so each node that holds one counts as two moments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tidemill.core.checks.spots import Reference, Where
from tidemill.core.checks.survey import Survey
from tidemill.core.graph import Sub
from tidemill.core.problems import Problem

_MOST_CIRCLES = 20


def nobody_waits_for_what_holds_it(survey: Survey) -> Iterator[Problem]:
    for reference in survey.references:
        if reference.spot is None or reference.up not in survey.by_path:
            continue
        me, up = reference.spot.path, reference.up
        if up == me:
            message = f"node {me!r} waits for itself ({reference.what})"
            yield survey.problem("waits-for-itself", reference.spot, message, "remove this dependency")
        elif me.startswith(up + "/"):
            message = f"node {me!r} waits for {up!r}, which it is part of ({reference.what})"
            remedy = f"depend on what {up!r} depends on, or move the node out of it"
            yield survey.problem("waits-for-holder", reference.spot, message, remedy)
        elif up.startswith(me + "/") and not _is_inside(reference):
            message = f"node {me!r} waits for {up!r}, which is part of it ({reference.what})"
            remedy = "what is inside starts only after it: read it inside, or through the outputs of the scope"
            yield survey.problem("waits-for-part", reference.spot, message, remedy)


def _is_inside(reference: Reference) -> bool:
    return reference.use is not None and reference.use.where is Where.INSIDE


@dataclass(frozen=True, slots=True)
class Moment:
    """The beginning of what has a path, or its end; for a node without a scope they are the same."""

    path: str
    end: bool


def there_are_no_circles(survey: Survey) -> Iterator[Problem]:
    places = {path: number for number, path in enumerate(survey.by_path)}
    befores = _befores(survey)
    left = {moment: len(before) for moment, before in befores.items()}
    afters: dict[Moment, list[Moment]] = {moment: [] for moment in befores}
    for moment, before in befores.items():
        for earlier in before:
            afters[earlier].append(moment)
    ready = [moment for moment, number in left.items() if number == 0]
    _peel(ready, left, afters)
    for _ in range(_MOST_CIRCLES):
        if not left:
            return
        circle = _circle(left, befores)
        paths = _paths(circle)
        first = min(paths, key=places.__getitem__)
        turn = paths.index(first)
        names = " -> ".join([*paths[turn:], *paths[:turn], first])
        message = f"these nodes wait for each other in a circle: {names}"
        yield survey.problem("circle", survey.by_path[first], message, "remove one of these dependencies")
        for moment in circle:
            left[moment] = 0
        _peel(circle, left, afters)


def _befores(survey: Survey) -> dict[Moment, list[Moment]]:
    """What must come before each moment."""
    start: dict[str, Moment] = {}
    end: dict[str, Moment] = {}
    befores: dict[Moment, list[Moment]] = {}
    for path, spot in survey.by_path.items():
        start[path] = end[path] = Moment(path, False)
        befores[start[path]] = []
        if isinstance(spot.node.body, Sub):
            end[path] = Moment(path, True)
            befores[end[path]] = [start[path]]
        if spot.holder is not None and survey.by_path[spot.holder.path] is spot.holder:
            befores[start[path]].append(start[spot.holder.path])
            befores[end[spot.holder.path]].append(end[path])
    for reference in survey.references:
        up = reference.up
        if reference.spot is None or up not in end:
            continue
        me = reference.spot.path
        # What is nested has a rule of its own, with a plainer message.
        if up != me and not up.startswith(me + "/") and not me.startswith(up + "/"):
            befores[end[me] if _is_inside(reference) else start[me]].append(end[up])
    return befores


def _peel(ready: list[Moment], left: dict[Moment, int], afters: dict[Moment, list[Moment]]) -> None:
    """Take away what has nothing open before it, and what that frees."""
    todo = list(ready)
    while todo:
        moment = todo.pop()
        if left.pop(moment, None) is None:
            continue
        for later in afters[moment]:
            if later in left:
                left[later] -= 1
                if left[later] <= 0:
                    todo.append(later)


def _circle(left: dict[Moment, int], befores: dict[Moment, list[Moment]]) -> list[Moment]:
    """A short circle among what is left, where everything has something before it; earlier moments first."""
    moment = next(iter(left))
    seen: set[Moment] = set()
    while moment not in seen:
        seen.add(moment)
        moment = next(earlier for earlier in befores[moment] if earlier in left)
    came: dict[Moment, Moment] = {}
    todo = deque([moment])
    while moment not in came:
        later = todo.popleft()
        for earlier in befores[later]:
            if earlier in left and earlier not in came:
                came[earlier] = later
                todo.append(earlier)
    circle = [moment]
    while came[circle[-1]] != moment:
        circle.append(came[circle[-1]])
    return circle


def _paths(circle: list[Moment]) -> list[str]:
    """The nodes of a circle, each once in a row; a scope passed from its beginning to its end is passed once."""
    paths = [moment.path for moment in circle]
    return [earlier for earlier, later in pairwise([*paths, paths[0]]) if earlier != later]
