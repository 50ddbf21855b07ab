"""Which task runs of a finished run must be run again when it is reopened; the others are kept as they ended.

What failed runs again, and all that waited for it, and what holds it. Looked for until nothing more is found.
"""

from __future__ import annotations

from collections.abc import Collection

from tests.matrix.reference import Reference
from tests.matrix.reference_ends import Instance, Open, Place, Tree, leaves
from tests.matrix.reference_joins import FAILED, UPSTREAM_FAILED
from tidemill.core.graph import Role, Sub


def to_run_again(before: Reference, also: Collection[str] = ()) -> set[Place]:
    """`also` are paths of nodes to run again although nothing is wrong with them."""
    return _Again(before, also).found()


class _Again:
    def __init__(self, before: Reference, also: Collection[str]) -> None:
        self.before, self.graph, self.also = before, before.graph, also
        self.now = [place for place in before.ends if place[0] and self._of_last_rounds(place)]
        self.again: set[Place] = set()
        self.whole: set[Place] = set()
        """Those of them that are run again with all that is inside."""

    def found(self) -> set[Place]:
        size = -1
        while size < len(self.again) + len(self.whole):
            size = len(self.again) + len(self.whole)
            for place in self.now:
                if place not in self.whole and self._must_run(place):
                    self.again.add(place)
                    self.whole.add(place)
                elif place not in self.again and (
                    self._is_bad(place) or any(self._holds(place, other) for other in self.again)
                ):
                    self.again.add(place)
        self._set_up_again()
        # The former rounds of what is run anew are history with it.
        return {place for place in self.before.ends if self._now(place) in self.again or self._in_retried(place)}

    def _must_run(self, place: Place) -> bool:
        path, _ = place
        if path in self.also or (self._is_bad(place) and not self._has_inside(place)):
            return True
        if place in self.again and self.graph.retried(path) and self._is_scope(place):
            return True
        if any(self._holds(other, place) for other in self.whole):
            return True
        return self._waited_for_some(place) or self._chosen_by_some(place)

    def _is_bad(self, place: Place) -> bool:
        return self.before.ends[place].state in (FAILED, UPSTREAM_FAILED)

    def _waited_for_some(self, place: Place) -> bool:
        path, instance = place
        if self.before.is_instance(path, instance):
            # It waited for the map to be expanded, and for what it follows.
            return any(
                self._some_again(self.before.tree(up, (*instance[:-1], (at, 0))))
                for up, at in self.before.followed(path, instance)
            )
        for edge in self.graph.ups(path):
            prefix = self.before.common(edge.up, path, instance)
            if edge.follow:
                # Which instances there are is only asked again if all of them are.
                if (edge.up, prefix) in self.whole:
                    return True
            elif self._some_again(self.before.tree(edge.up, prefix)) or (edge.up, prefix) in self.again:
                return True
        return False

    def _some_again(self, tree: Tree) -> bool:
        return any(self._now(end.place) in self.again for end in leaves(tree))

    def _chosen_by_some(self, place: Place) -> bool:
        """Whether a branch that is decided anew had skipped it, or what holds it."""
        path, instance = place
        for teller in (self.before.ends[again] for again in self.again if self.before.ends[again].follow is not None):
            other, at = teller.place
            alike = self.before.common(other, path, instance) == self.before.common(other, path, at)
            if alike and path in self.before.not_chosen(other, teller):
                return True
        return False

    def _set_up_again(self) -> None:
        """What a teardown took away must be there again for those who run again."""
        paths = {path for path, _ in self.again}
        for path, instance in sorted(self.again):
            node = self.graph.nodes[path]
            if node.role is not Role.TEARDOWN or not self.before.ends[path, instance].began:
                continue
            for setup in node.setups:
                if paths & (self.graph.led_to([setup]) - {setup}):
                    for end in leaves(self.before.tree(setup, self.before.common(setup, path, instance))):
                        self.again.add(end.place)
                        self.again |= {place for place in self.now if self._holds(place, end.place)}

    # --- what is inside what ---

    def _has_inside(self, place: Place) -> bool:
        began = self.before.begun[place]
        return isinstance(began, Open) and (began.count > 0 or isinstance(self.graph.nodes[place[0]].body, Sub))

    def _is_scope(self, place: Place) -> bool:
        return self.before.is_instance(*place) or not self.graph.mapped(place[0])

    def _holds(self, one: Place, other: Place) -> bool:
        """Whether one is a map or scope around another, in the same items."""
        (path, instance), (inside, deeper) = one, other
        if path == inside:
            return len(instance) < len(deeper) and _items(deeper)[: len(instance)] == _items(instance)
        return inside.startswith(path + "/") and _items(deeper)[: len(instance)] == _items(instance)

    def _of_last_rounds(self, place: Place) -> bool:
        return self._now(place) == place

    def _now(self, place: Place) -> Place:
        """The place of the same task run in the last round of every scope around it."""
        path, instance = place
        found: list[tuple[int, int]] = list(instance)
        for scope in self.graph.line(path)[:-1]:
            depth = len(self.graph.inner_frames(scope))
            holder = self.before.holder(scope, tuple(found))
            if self.graph.retried(scope) and (scope, holder) in self.before.rounds:
                found[depth - 1] = (found[depth - 1][0], self.before.rounds[scope, holder])
        return path, tuple(found)

    def _in_retried(self, place: Place) -> bool:
        """Whether a scope around it begins anew as a whole."""
        path, instance = place
        return any(
            self.graph.retried(scope) and self._now((scope, self.before.holder(scope, instance))) in self.again
            for scope in self.graph.line(path)[:-1]
        )


def _items(instance: Instance) -> list[int]:
    return [item for item, _ in instance]
