"""What an artifact or a run was made from, and what was made from it, across runs: a graph without drawing.

Points are artifacts and task runs; a line says that a task run made, was given, or took over an artifact. Looked up
level by level, a few queries for each, so that neither loops nor thousands of points are a matter of concern.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from tidemill.actions.artifact_names import find_artifact
from tidemill.actions.artifacts import reuse_text
from tidemill.actions.runs import find_run
from tidemill.app import App
from tidemill.core.errors import InputError, NotFound
from tidemill.core.records import Artifact
from tidemill.storage.metadata import artifacts, lineage
from tidemill.storage.metadata.artifacts import TaskKey
from tidemill.storage.metadata.database import Connection

MOST = 5000
"""Points that are looked up; beyond that a lineage is cut."""

Point: TypeAlias = str | TaskKey
"""The id of an artifact, or a task run."""


class Relation(Enum):
    MADE = "made"  # task run -> artifact
    USED = "used"  # artifact -> task run that was given it
    REUSED = "reused"  # artifact -> task run that took it over as its own result


@dataclass(frozen=True, slots=True)
class Line:
    """From what was there first to what came of it."""

    source: Point
    target: Point
    relation: Relation


@dataclass(frozen=True, slots=True)
class Lineage:
    """`starts` are the artifact asked for, or what the run consists of; `run` is the run if one was asked for.

    `cut` are points of which more is known than is here: for the depth, or because there are too many.
    """

    starts: tuple[Point, ...]
    run: str
    artifacts: Mapping[str, Artifact]
    makers: Mapping[str, TaskKey]
    lines: tuple[Line, ...]
    cut: frozenset[Point] = frozenset()

    def points(self) -> list[Point]:
        """Every point, in the order in which it was found."""
        ends = (point for line in self.lines for point in (line.source, line.target))
        return list(dict.fromkeys([*self.starts, *ends]))


def trace_lineage(app: App, text: str, *, up: bool = True, down: bool = True, depth: int | None = None) -> Lineage:
    """Of an artifact (its id, the beginning of one, RUN:TASK[:OUTPUT]) or of a run. Raises NotFound, InputError.

    `depth` counts task runs: 1 is what made it and what that was given. Both directions are followed to their ends.
    """
    if depth is not None and depth < 1:
        raise InputError(f"the depth must be at least 1, not {depth}")
    run_id, artifact_id = _meant(app, text)
    with app.database.read() as connection:
        search = _Search(connection, app.settings.team)
        starts: Sequence[Point]
        if run_id:
            starts = search.run(run_id)
        else:
            starts = [artifact_id]
            search.know([artifact_id])
        if up:
            search.follow(starts, depth, search.before)
        if down:
            search.follow(starts, depth, search.after)
        search.name_artifacts()
    return Lineage(tuple(starts), run_id, search.artifacts, search.makers, tuple(search.lines), frozenset(search.cut))


def _meant(app: App, text: str) -> tuple[str, str]:
    """The run or the artifact. What begins the ids of both is the run: its artifacts have longer names."""
    if ":" in text:
        return "", find_artifact(app, text)
    try:
        return find_run(app, text).id, ""
    except NotFound as no_run:
        try:
            return "", find_artifact(app, text)
        except NotFound:
            raise NotFound(
                f"there is neither an artifact nor a run {text!r}",
                remedy="`tidemill artifact ls` lists artifacts, `tidemill runs` lists runs",
            ) from no_run


Ask: TypeAlias = Callable[[Sequence[Point]], list[tuple[Line, Point]]]
"""From points to the lines at them in one direction, each with its other end."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Of one run, by task run: ids of artifacts that it made, was given, took over."""

    made: dict[TaskKey, list[str]]
    used: dict[TaskKey, list[str]]
    reused: dict[TaskKey, list[str]]


class _Search:
    """Lines found so far; each point is asked once for each direction."""

    def __init__(self, connection: Connection, team: str) -> None:
        self._connection = connection
        self._team = team
        self._runs: dict[str, _Run] = {}
        self.artifacts: dict[str, Artifact] = {}
        self.makers: dict[str, TaskKey] = {}
        self.lines: dict[Line, None] = {}
        self.cut: set[Point] = set()
        self._points: set[Point] = set()

    def run(self, run: str) -> list[Point]:
        """All that a run made, was given and took over, with the lines inside it."""
        one = self._load([run])[run]
        own: dict[Point, None] = {}
        for key, made in one.made.items():
            own[key] = None
            own |= dict.fromkeys(made)
        own |= dict.fromkeys(one.used)
        own |= dict.fromkeys(one.reused)
        return list(own)

    def follow(self, starts: Sequence[Point], depth: int | None, ask: Ask) -> None:
        """Breadth first, so that what is near is found before what is far."""
        reach: dict[Point, int] = dict.fromkeys(starts, 0)
        self._points |= reach.keys()
        most = len(self._points) + MOST
        level = list(starts)
        while level:
            following: list[Point] = []
            for line, ahead in ask(level):
                behind = line.source if ahead == line.target else line.target
                steps = reach[behind] + isinstance(ahead, TaskKey)
                if ahead not in self._points and ((depth is not None and steps > depth) or len(self._points) >= most):
                    self.cut.add(behind)
                    continue
                self.lines[line] = None
                self._points.add(ahead)
                if ahead not in reach:
                    reach[ahead] = steps
                    following.append(ahead)
            level = following

    def before(self, level: Sequence[Point]) -> list[tuple[Line, Point]]:
        """Lines that lead to these points, each with its other end."""
        ids, tasks = _split(level)
        self.know(ids)
        loaded = self._load([task.run for task in tasks])
        found: list[tuple[Line, Point]] = []
        for id in ids:
            if id in self.makers:
                found.append((Line(self.makers[id], id, Relation.MADE), self.makers[id]))
        for task in tasks:
            one = loaded[task.run]
            found += [(Line(id, task, Relation.USED), id) for id in one.used.get(task, ())]
            found += [(Line(id, task, Relation.REUSED), id) for id in one.reused.get(task, ())]
        return found

    def after(self, level: Sequence[Point]) -> list[tuple[Line, Point]]:
        """Lines that lead away from these points, each with its other end."""
        ids, tasks = _split(level)
        self.know(ids)
        found: list[tuple[Line, Point]] = []
        for use in lineage.uses_of(self._connection, self._team, ids):
            found.append((Line(use.artifact, use.by, Relation.USED), use.by))
        found += self._taken_over(ids)
        loaded = self._load([task.run for task in tasks])
        for task in tasks:
            found += [(Line(task, id, Relation.MADE), id) for id in loaded[task.run].made.get(task, ())]
        places = {id: n for n, id in enumerate(ids)}
        order = lineage.newest_first(self._connection, (ahead.run for _, ahead in found if isinstance(ahead, TaskKey)))

        def place(one: tuple[Line, Point]) -> tuple[int, ...]:
            line, ahead = one
            behind = places.get(line.source, -1) if isinstance(line.source, str) else -1
            return behind, order[ahead.run] if isinstance(ahead, TaskKey) else -1

        return sorted(found, key=place)

    def know(self, ids: Iterable[str]) -> None:
        """Find who made these artifacts."""
        new = [id for id in ids if id not in self.makers]
        self.makers.update(artifacts.producers(self._connection, self._team, new))

    def name_artifacts(self) -> None:
        """Read the records of all artifacts that were found."""
        ends = (point for line in self.lines for point in (line.source, line.target))
        wanted = [point for point in (*ends, *self._points) if isinstance(point, str)]
        self.artifacts = artifacts.get_many(self._connection, self._team, list(dict.fromkeys(wanted)))
        self.know(self.artifacts)

    def _taken_over(self, ids: Collection[str]) -> list[tuple[Line, Point]]:
        """Who took over a result that names these; who took it over from one of them, too."""
        wanted, asked = set(ids), set[str]()
        sources = {reuse_text(self.makers[id]) for id in ids if id in self.makers}
        found: list[tuple[Line, Point]] = []
        while sources:
            asked |= sources
            reuses = lineage.reuses_of(self._connection, self._team, sorted(sources))
            found += [
                (Line(id, reuse.by, Relation.REUSED), reuse.by)
                for reuse in reuses
                for id in reuse.artifacts
                if id in wanted
            ]
            sources = {reuse_text(reuse.by) for reuse in reuses} - asked
        return found

    def _load(self, runs: Iterable[str]) -> Mapping[str, _Run]:
        new = [run for run in dict.fromkeys(runs) if run not in self._runs]
        self._runs.update((run, _Run({}, {}, {})) for run in new)
        for run in new:
            for key, artifact in artifacts.of_run(self._connection, run):
                self._runs[run].made.setdefault(key, []).append(artifact.id)
                self.makers[artifact.id] = key
        for use in lineage.uses_in(self._connection, self._team, new):
            self._runs[use.by.run].used.setdefault(use.by, []).append(use.artifact)
        for reuse in lineage.reuses_in(self._connection, self._team, new):
            if reuse.artifacts:
                self._runs[reuse.by.run].reused[reuse.by] = list(reuse.artifacts)
        return self._runs


def _split(level: Sequence[Point]) -> tuple[list[str], list[TaskKey]]:
    ids = [point for point in level if isinstance(point, str)]
    return ids, [point for point in level if isinstance(point, TaskKey)]
