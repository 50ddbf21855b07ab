"""A lineage as lines of a tree, told to whoever prints them: each point once, and then referred back to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from tidemill.actions.lineage import Lineage, Point, Relation
from tidemill.storage.metadata.artifacts import TaskKey

DEEPEST = 14
"""Levels that are drawn; further ones would have no room for words."""


class Aside(Enum):
    NOTHING = ""
    ABOVE = "above"  # what follows it has been said
    MORE = "more"  # there is more than is told here


@dataclass(frozen=True, slots=True)
class Branch:
    """One line. `by` made the point if it is an artifact; `reused` are task runs of the run asked for that took it.

    `took_over`: the point is a task run that made nothing of what it was given, but took it as its own result.
    """

    guide: str
    point: Point
    by: TaskKey | None = None
    aside: Aside = Aside.NOTHING
    reused: tuple[TaskKey, ...] = ()
    took_over: bool = False


class LineageTree:
    """Both directions of one lineage."""

    def __init__(self, lineage: Lineage) -> None:
        self._lineage = lineage
        self._makers: dict[Point, TaskKey] = {}  # of those whose way up is known
        self._made: dict[Point, list[Point]] = {}
        self._given: dict[Point, list[Point]] = {}
        self._takers: dict[Point, list[Point]] = {}
        self._reused: dict[Point, list[Point]] = {}
        self._reusers: dict[Point, list[TaskKey]] = {}
        for line in lineage.lines:
            match line.relation, line.source, line.target:
                case Relation.MADE, TaskKey() as task, made:
                    self._makers[made] = task
                    self._made.setdefault(task, []).append(made)
                case Relation.USED, artifact, task:
                    self._given.setdefault(task, []).append(artifact)
                    self._takers.setdefault(artifact, []).append(task)
                case Relation.REUSED, artifact, TaskKey() as task:
                    self._reused.setdefault(task, []).append(artifact)
                    self._reusers.setdefault(artifact, []).append(task)

    def up(self) -> Iterator[Branch]:
        """What the starts were made from; of a run, beginning with what nothing else in it was made from."""
        said: set[Point] = set()
        roots, late = self._ends()
        for root in roots:
            yield from self._walk(root, self._before, said)
        for root in late:
            if not said.issuperset(self._reused[root]):
                yield from self._walk(root, self._before, said)

    def down(self) -> Iterator[Branch]:
        """What was made from the starts; of a run, in other runs."""
        said: set[Point] = set()
        for root in self._lineage.starts:
            if not self._lineage.run or (self._is_own(root) and any(self._elsewhere(root))):
                yield from self._walk(root, self._after, said)

    def _walk(self, root: Point, follow: Callable[[Point], Sequence[Point]], said: set[Point]) -> Iterator[Branch]:
        waiting: list[tuple[str, str, Point, int]] = [("", "", root, 0)]
        while waiting:
            guide, below, point, depth = waiting.pop()
            following = follow(point)
            again = point in said and bool(following)
            more = self._is_cut(point) or (depth == DEEPEST and bool(following))
            aside = Aside.ABOVE if again else Aside.MORE if more else Aside.NOTHING
            by = self._lineage.makers.get(point) if isinstance(point, str) else None
            yield Branch(guide, point, by, aside, self._own_reusers(point), point in self._reused)
            if again or depth == DEEPEST:
                continue
            said.add(point)
            last = len(following) - 1
            for n in range(last, -1, -1):
                end = n == last
                inner = below + ("└─ " if end else "├─ "), below + ("   " if end else "│  ")
                waiting.append((*inner, following[n], depth + 1))

    def _before(self, point: Point) -> Sequence[Point]:
        if isinstance(point, TaskKey):
            return [*self._given.get(point, ()), *self._reused.get(point, ())]
        maker = self._makers.get(point)
        return self._given.get(maker, []) if maker is not None else []

    def _after(self, point: Point) -> Sequence[Point]:
        """Artifacts, and the task runs that made none of what they were given."""
        if isinstance(point, TaskKey):
            return []
        takers = self._takers.get(point, ()) if not self._lineage.run else self._visible_takers(point)
        following = [after for task in takers for after in self._made.get(task) or [task]]
        return list(dict.fromkeys([*following, *self._reusers.get(point, ())]))

    def _visible_takers(self, point: Point) -> list[Point]:
        """Of an artifact of the run, those of other runs: what happened in the run itself is told the other way."""
        return list(self._elsewhere(point)) if self._is_own(point) else self._takers.get(point, [])

    def _elsewhere(self, point: Point) -> Iterator[Point]:
        for task in (*self._takers.get(point, ()), *self._reusers.get(point, ())):
            if isinstance(task, TaskKey) and task.run != self._lineage.run:
                yield task

    def _ends(self) -> tuple[list[Point], list[Point]]:
        """Where the way up begins; of a run also the tasks that only took over, which may go without saying."""
        if not self._lineage.run:
            return list(self._lineage.starts), []
        roots: list[Point] = []
        late: list[Point] = []
        for point in self._lineage.starts:
            if isinstance(point, TaskKey):
                if point in self._reused:
                    late.append(point)
                elif point not in self._made:
                    roots.append(point)
            elif not any(isinstance(task, TaskKey) and self._is_of_run(task) for task in self._takers.get(point, ())):
                roots.append(point)
        return roots, late

    def _is_own(self, point: Point) -> bool:
        maker = self._lineage.makers.get(point) if isinstance(point, str) else None
        return maker is not None and self._is_of_run(maker)

    def _is_of_run(self, task: TaskKey) -> bool:
        return task.run == self._lineage.run

    def _own_reusers(self, point: Point) -> tuple[TaskKey, ...]:
        return tuple(filter(self._is_of_run, self._reusers.get(point, ())))

    def _is_cut(self, point: Point) -> bool:
        return point in self._lineage.cut or self._makers.get(point) in self._lineage.cut
